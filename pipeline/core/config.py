"""Every setting of the main job, its default and its one-line description, written once.

The command's options, ``config.yaml`` and ``--help`` are all made from ``Settings``. A value comes
from the defaults here, then from the file given by ``--config``, then from the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from .direction import DirectionSettings
from .errors import SettingsError, nearest
from .groups import (
    ChunkSettings,
    DeviceSettings,
    EncodingSettings,
    KeyframeSettings,
    LiveSettings,
    MaskSettings,
    StyleSettings,
    TemporalSettings,
    ThirdPartySettings,
    VideoSettings,
)
from .yaml_file import load_yaml

Model = TypeVar("Model", bound=BaseModel)
GROUPS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("Style", StyleSettings),
    ("Video", VideoSettings),
    ("Output", EncodingSettings),
    ("Masks", MaskSettings),
    ("Flicker and cuts", TemporalSettings),
    ("Key frames", KeyframeSettings),
    ("Direction", DirectionSettings),
    ("Long films", ChunkSettings),
    ("Live", LiveSettings),
    ("Advanced: speed and memory", DeviceSettings),
    ("Advanced: other people's ONNX models", ThirdPartySettings),
)
"""Title of each group of settings, in the order of ``--help`` and ``config.yaml``."""


_LONGEST = 200  # characters of a wrong value in a message

RENAMED = {"preserve_color": "palette"}
"""Settings of earlier versions, and what they are called now."""


class Settings(
    StyleSettings,
    VideoSettings,
    EncodingSettings,
    MaskSettings,
    TemporalSettings,
    KeyframeSettings,
    DirectionSettings,
    ChunkSettings,
    LiveSettings,
    DeviceSettings,
    ThirdPartySettings,
):
    """Settings of one run; frozen. Each package receives its own group of them."""


def checked(model: type[Model], values: Mapping[str, Any], origin: str) -> Model:
    """``model`` with ``values`` over its defaults.

    Args:
        model: the settings' type.
        values: setting → value.
        origin: the file that they come from, for the message; empty: the command line.

    Raises:
        SettingsError: an unknown setting or a wrong value, named.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as error:
        raise SettingsError(_first_complaint(error, model, origin)) from error


def load_config(path: Path) -> dict[str, Any]:
    """The settings that the YAML file at ``path`` gives, checked.

    Raises:
        SettingsError: the file can't be read, is no mapping, or holds an unknown key or wrong
        value.
    """
    values = load_yaml(path, f"--config {path}")
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"--config {path} must hold 'setting: value' lines")
    checked(Settings, values, str(path))
    return values


def default_config() -> str:
    """The text of ``config.yaml``: every setting at its default, with its description."""
    rows = ["# Every setting of `stylize-video INPUT OUTPUT`, at its default."]
    for title, group in GROUPS:
        rows += ["", f"# ---- {title} ----", ""]
        for name, info in group.model_fields.items():
            value = yaml.safe_dump(info.default, default_flow_style=True).splitlines()[0]
            rows += [f"# {info.description}", f"{name}: {value}"]
    return "\n".join(rows) + "\n"


def _first_complaint(error: ValidationError, model: type[BaseModel], origin: str) -> str:
    """The first of pydantic's complaints as one line."""
    first = error.errors()[0]
    if first["type"] == "whole_message":
        return first["msg"]
    name = ".".join(str(part) for part in first["loc"]) or "settings"
    if first["type"] == "extra_forbidden":
        hint = nearest(name, model.model_fields)
        if name in RENAMED:
            hint = f"; did you mean '{RENAMED[name]}'?"
        return f"{origin}: unknown setting '{name}'{hint}"
    why = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    why = _excerpt(why[0].lower() + why[1:])
    given = first["input"]
    if not origin:
        return f"--{name.replace('_', '-')} {_excerpt(str(given))}: {why}"
    return f"{origin}: {name} = {_excerpt(repr(given))}: {why}"


def _excerpt(text: str) -> str:
    """``text`` in a message of one line."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"

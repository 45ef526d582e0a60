"""Looks by name: settings that go together. Some ship, others are the user's own files."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from .config import Settings, checked
from .direction import DirectionSettings
from .errors import SettingsError, SinkError, nearest
from .files import atomic_write
from .groups import StyleSettings
from .saved import absolute_files
from .yaml_file import load_yaml

LOOK = (
    *StyleSettings.model_fields,
    "steady",
    *(name for name in DirectionSettings.model_fields if name not in ("save_settings", "timeline")),
)
"""The settings that a preset may hold: what any film looks like."""

SUFFIXES = (".yaml", ".yml")
"""Endings of a preset's file."""

_WORDS = "words"  # the line of a preset that is no setting: what it looks like


@dataclass(frozen=True)
class Preset:
    """A look."""

    name: str
    """As typed after ``--preset``."""
    values: Mapping[str, Any]
    """Setting → value, of those that it sets; checked."""
    words: str = ""
    """What it looks like."""
    path: Path | None = None
    """The user's file; ``None``: it ships."""


def shipped_presets() -> dict[str, Preset]:
    """The presets that ship, by name."""
    file = Path(str(files("stylize_video.pipeline.core") / "presets.yaml"))
    listed: dict[str, dict[str, Any]] = load_yaml(file, "presets.yaml")
    return {name: _preset(name, values, "presets.yaml") for name, values in listed.items()}


def own_presets() -> dict[str, Path]:
    """The files of the user's presets, by name."""
    folder = preset_folder()
    if not folder.is_dir():
        return {}
    found = (p for p in folder.iterdir() if p.suffix in SUFFIXES and not p.name.startswith("."))
    return {path.stem: path for path in sorted(found)}


def find_preset(name: str) -> Preset:
    """The preset of a name, or in a YAML file.

    Args:
        name: of one that ships or of the user's; or a file.

    Raises:
        SettingsError: there is none, or it holds something else than a look.
    """
    if Path(name).suffix.lower() in SUFFIXES:
        return _preset_in(Path(name), name)
    own, shipped = own_presets(), shipped_presets()
    if name in shipped:
        return shipped[name]
    if name in own:
        return _preset_in(own[name], name)
    raise SettingsError(f"there is no preset '{name}'{nearest(name, {*own, *shipped})}")


def save_preset(name: str, settings: Settings, replaces: bool) -> Path:
    """Save the look of some settings under a name, for ``--preset``; returns the file.

    Files that they name are saved with their whole paths.

    Args:
        name: letters, digits, ``-`` and ``_``.
        settings: of which the look is saved, as far as it is not the default; and the style.
        replaces: a preset of that name may be replaced.

    Raises:
        SettingsError: the name can't be used.
        SinkError: there is one of that name, or it can't be written.
    """
    check_preset_name(name, replaces)
    default, values = Settings.model_validate({}), settings.model_dump(mode="json")
    look = {
        field: values[field]
        for field in LOOK
        if field == "style" or getattr(settings, field) != getattr(default, field)
    }
    path = preset_folder() / f"{name}.yaml"
    text = yaml.safe_dump(absolute_files(look), sort_keys=False, allow_unicode=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"folder {path.parent} can't be made: {error.strerror}") from error
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    return path


def check_preset_name(name: str, replaces: bool) -> None:
    """Refuse a name that no preset of the user's can have.

    Args:
        name: to save a preset under.
        replaces: a preset of that name may be replaced.

    Raises:
        SettingsError: it is no name, or one that ships has it.
        SinkError: one of the user's has it.
    """
    typed = f"--save-preset {name}"
    if not re.fullmatch(r"\w[\w-]{0,63}", name):
        raise SettingsError(f"{typed}: a preset's name has letters, digits, - and _ alone")
    if name in shipped_presets():
        raise SettingsError(f"{typed}: a preset that ships has this name; choose another")
    path = preset_folder() / f"{name}.yaml"
    if path.exists() and not replaces:
        raise SinkError(f"{typed}: {path} exists; add --overwrite to replace it")


def preset_folder() -> Path:
    """The folder of the user's presets; it may not exist."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "stylize-video" / "presets"


def _preset_in(path: Path, name: str) -> Preset:
    values = load_yaml(path, f"preset {path}")
    return _preset(name, {} if values is None else values, f"preset {path}", path)


def _preset(name: str, values: Any, origin: str, path: Path | None = None) -> Preset:
    if not isinstance(values, dict):
        raise SettingsError(f"{origin} must hold 'setting: value' lines")
    words = str(values.get(_WORDS, ""))
    look = {str(key): value for key, value in values.items() if key != _WORDS}
    settings = checked(Settings, look, origin)
    for field in look:
        if field not in LOOK:
            raise SettingsError(
                f"{origin}: '{field}' is no part of a look; give the file to --config instead"
            )
    return Preset(name, {field: getattr(settings, field) for field in look}, words, path)

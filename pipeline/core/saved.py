"""The settings of a run as text, so that its result can be made again: ``--save-settings``.

The file beside a result has whole paths; the text in a result's metadata has file names alone,
because results are given away, and a path may hold a user's name.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from .config import Settings
from .errors import SettingsError
from .groups import LiveSettings
from .units import split_weight

log = logging.getLogger(__name__)

MAKER = "stylize-video"
"""Names the text in a result's metadata, and the program in it."""

WITHOUT_EFFECT = frozenset(
    {
        "overwrite",
        "resume",
        "workers",
        "engine",
        "address",
        "threads",
        "save_settings",
        *LiveSettings.model_fields,
    }
)
"""Settings of a file job that change nothing in its result."""

# They make other files than the result.
_NOT_SAVED = WITHOUT_EFFECT | {"save_style"}
_MAY_BE_FILES = (
    "style",
    "method",
    "mask",
    "content_mask",
    "style_mask",
    "keyframes",
    "scenes",
    "flow_model",
    "timeline",
)


def settings_text(settings: Settings, source: str, output: Path, target: Path) -> str:
    """The YAML file beside a result, which ``--config`` reads.

    Args:
        settings: of the run.
        source: the input, as the user typed it.
        output: the result.
        target: the file that the text is for.
    """
    values = yaml.safe_dump(_differing(settings, _absolute), sort_keys=False, allow_unicode=True)
    names = [_name(str(name)) for name in (source, output, target)]
    lines = [
        f"# {MAKER} {version(MAKER)} made {names[1]} of {names[0]} with these settings.",
        f"# Again: {MAKER} {names[0]} {names[1]} --config {names[2]}",
    ]
    return "\n".join([*lines, values])


def settings_tag(settings: Settings, source: str) -> str:
    """The same in one line of ASCII, for a result's metadata.

    Args:
        settings: of the run.
        source: the input, as the user typed it.
    """
    facts = {MAKER: version(MAKER), "source": _name(source)}
    return json.dumps({**facts, "settings": _differing(settings, _name)})


def is_tag(text: str) -> bool:
    """Whether a line is one of ``settings_tag``."""
    return text.startswith(f'{{"{MAKER}": ')


def read_tag(text: str, origin: str) -> dict[str, Any]:
    """The settings in what ``settings_tag`` wrote; they are not checked.

    Args:
        text: the line.
        origin: where it was found, for the message.

    Raises:
        SettingsError: it was changed by something else.
    """
    try:
        facts = json.loads(text)
        settings, by = dict(facts["settings"]), facts[MAKER]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SettingsError(f"{origin}: the settings in its metadata can't be read") from error
    if by != version(MAKER):
        now = version(MAKER)
        log.warning("%s is of version %s, and this is %s: results may differ", origin, by, now)
    return settings


def _differing(settings: Settings, rename: Callable[[str], str]) -> dict[str, Any]:
    """The style, and what is not at its default; files are renamed."""
    values = settings.model_dump(mode="json")
    defaults = Settings.model_validate({}).model_dump(mode="json")
    saved = {
        name: value
        for name, value in values.items()
        if name not in _NOT_SAVED and (name == "style" or value != defaults[name])
    }
    return with_renamed_files(saved, rename)


def with_renamed_files(values: Mapping[str, Any], rename: Callable[[str], str]) -> dict[str, Any]:
    """Settings in which files have other names.

    Args:
        values: setting → value, of plain types.
        rename: the name of a file → another one.
    """

    def renamed(text: str, may_be_bare: bool) -> str:
        name = split_weight(text)[0]
        bare = (Path(name).suffix != "" or may_be_bare) and Path(name).exists()
        has_folder = "/" in name or os.sep in name
        return rename(name) + text[len(name) :] if bare or has_folder else text

    changed = dict(values)
    for setting in changed.keys() & set(_MAY_BE_FILES):
        value, may_be_bare = changed[setting], setting == "keyframes"
        if isinstance(value, list):
            changed[setting] = [renamed(str(text), may_be_bare) for text in value]
        elif value is not None:
            changed[setting] = renamed(str(value), may_be_bare)
    return changed


def absolute_files(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings in which files are named by their whole paths; see ``with_renamed_files``."""
    return with_renamed_files(values, _absolute)


def _absolute(name: str) -> str:
    return str(Path(name).absolute())


def _name(name: str) -> str:
    """The last part of a path or an address."""
    return Path(name).name or name

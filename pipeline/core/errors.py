"""The errors that a user meets: one line each, saying what was asked, what was found, what to do.

::

    StylizeError            exit 1; anything below
    ├── SettingsError       a setting, its value or a combination
    ├── SourceError         the input can't be read
    ├── SinkError           the output can't be written
    ├── ModelError          a style or its ONNX file can't be used
    ├── DeviceError         the device asked for can't be had
    └── TrainingError       training or export can't go on

The command prints ``str(error)``; a traceback is a bug.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class StylizeError(Exception):
    """Base of every error that is the user's to read."""


class SettingsError(StylizeError):
    """A setting that does not exist, or a value that it can't take."""


class SourceError(StylizeError):
    """An input that can't be read, or holds no picture."""


class SinkError(StylizeError):
    """An output that can't be written."""


class ModelError(StylizeError):
    """A style that can't be found, or a file that is no style model."""


class DeviceError(StylizeError):
    """A device that this machine, or this installation, can't provide."""


class TrainingError(StylizeError):
    """A training or an export that can't start or go on."""


def reason(error: BaseException) -> str:
    """Why another's code failed, in one line: the system's words, else the first of its own."""
    told = getattr(error, "strerror", None) or str(error).strip()
    return told.splitlines()[0] if told else type(error).__name__


def nearest(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the known word closest to ``word``, or all known ones."""
    names = sorted(known)
    close = get_close_matches(word.lower(), names, n=3, cutoff=0.5)
    if close:
        return "; did you mean " + " or ".join(f"'{name}'" for name in close) + "?"
    return f"; there are {', '.join(names)}" if names else ""

"""The errors that a user sees: one line each, which says what failed, why, and what to do.

::

    StylizeError            exit 1; anything below
    ├── SettingsError       a setting, its value or a combination
    ├── SourceError         the input can't be read
    ├── SinkError           the output can't be written
    │   └── ReaderGoneError exit 141: whoever read standard output has closed it
    ├── ModelError          a style or its ONNX file can't be used
    ├── DeviceError         the device is not available
    └── TrainingError       training or export can't go on

The command prints ``str(error)``; a traceback is a bug.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class StylizeError(Exception):
    """Base of all errors whose text is meant for the user."""


class SettingsError(StylizeError):
    """A setting does not exist, or has a value that is not allowed."""


class SourceError(StylizeError):
    """An input can't be read, or has no picture."""


class SinkError(StylizeError):
    """An output can't be written."""


class ReaderGoneError(SinkError):
    """Whoever read standard output has closed it."""


class ModelError(StylizeError):
    """A style can't be found, or a file is not a style model."""


class DeviceError(StylizeError):
    """The device is not available on this machine or in this installation."""


class TrainingError(StylizeError):
    """A training or an export can't start or go on."""


def reason(error: BaseException) -> str:
    """Why a library or the system failed: one line, the system's message before the library's."""
    text = getattr(error, "strerror", None) or str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint for an unknown word: ``"; did you mean 'x'?"``, or all the known words."""
    names = sorted(known)
    close = get_close_matches(word.lower(), names, n=3, cutoff=0.5)
    if close:
        return "; did you mean " + " or ".join(f"'{name}'" for name in close) + "?"
    return f"; there are {', '.join(names)}" if names else ""


def suggestion(word: str, known: Iterable[str]) -> str:
    """``"Did you mean 'x'?"`` for the known word closest to ``word``, or all known ones."""
    names = list(known)
    close = get_close_matches(word.lower(), names, n=1, cutoff=0.5)
    return f"Did you mean '{close[0]}'?" if close else f"There are {', '.join(names)}."

"""A fragment: the beginning of a film, left as the output by a run that was stopped.

The work folder remembers it, so that the run which goes on may replace it.
"""

from __future__ import annotations

from pathlib import Path

from ..core.files import neighbour
from ..core.placement import real_path, work_parent

_FRAGMENT = "fragment"


def work_path(target: Path) -> Path:
    """The work folder of an output, whether it exists or not."""
    real = real_path(target)
    return work_parent(target) / neighbour(real, f".{real.name}", ".work").name


def mark_fragment(target: Path) -> None:
    """Remember that an output is a fragment.

    Raises:
        OSError: the work folder can't be written.
    """
    (work_path(target) / _FRAGMENT).write_text(_state(target), encoding="utf-8")


def is_fragment(target: Path) -> bool:
    """Whether an output is the fragment that a stopped run left, and nobody has changed it."""
    try:
        return (work_path(target) / _FRAGMENT).read_text(encoding="utf-8") == _state(target)
    except OSError:
        return False


def _state(place: Path) -> str:
    status = place.stat()
    names = sorted(entry.name for entry in place.iterdir()) if place.is_dir() else []
    return f"{names or status.st_size} {status.st_mtime_ns}"

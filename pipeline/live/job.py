"""What a live run is asked to do: what decides which settings apply to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..core.job import Job, SourceKind, StyleKind
from ..styles.kind import kinds_of
from .names import is_camera
from .sources.address import is_address


def live_job(source: str, styles: Iterable[Sequence[str]]) -> Job:
    """Return the job of a live run.

    Args:
        source: the source as it was typed.
        styles: the playlist; each entry is one or several weighted styles.

    Raises:
        ModelError: there is no such style.
    """
    kinds: set[StyleKind] = set()
    for entry in styles:
        kinds |= kinds_of(entry)
    return Job(frozenset(kinds), _source_kind(source), "live")


def _source_kind(source: str) -> SourceKind:
    if is_camera(source):
        return "camera"
    return "stream" if is_address(source) else "film"

"""What is finished of a film, written down so that a run that dies loses no finished chunk.

``facts.json`` holds what the result depends on; ``000012.json`` says of chunk 12 that its segment
is finished. It is written when the segment is on the disk, and exists as a whole or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..media.unfinished import segment_path
from ..media.writers import Segment
from ..temporal.division import Chunk

_FACTS = "facts.json"


@dataclass(frozen=True)
class Finished:
    """A chunk whose segment is finished."""

    chunk: Chunk
    frames: int
    """That were written; none, where ``--cfr`` leaves all of them out."""
    start: Fraction
    """Time of the first of them, seconds on the source's clock."""
    end: Fraction
    """End of the last of them."""
    cuts: tuple[Fraction, ...]
    """Times of the shots that begin in it."""
    next: Chunk | None
    """``None``: the film ends with it."""
    size: int = 0
    """Bytes of the segment; of a folder, pictures."""
    found: tuple[str, ...] = ()
    """What was found in its frames of ``Plan.wanted``."""

    def segment(self, folder: Path) -> Segment:
        """Its segment in a work folder."""
        return Segment(segment_path(folder, self.chunk.number), self.frames, self.start, self.end)


class Journal:
    """The finished chunks in a work folder.

    Args:
        folder: the work folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def facts(self) -> dict[str, str] | None:
        """What the folder's chunks depend on; ``None``: there are none with which to go on."""
        return _read(self._folder / _FACTS)

    def begin(self, facts: Mapping[str, str]) -> None:
        """Write down what the chunks depend on that will be finished."""
        _write(self._folder / _FACTS, dict(facts))

    def find(self, chunk: Chunk) -> Finished | None:
        """A chunk that is finished, and whose segment is there."""
        found = _read(self._record(chunk.number))
        try:
            finished = None if found is None else _finished_of(found)
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            return None
        if finished is None or finished.chunk != chunk:
            return None
        segment = segment_path(self._folder, chunk.number)
        return finished if _size(segment) == finished.size else None

    def all_from(self, chunk: Chunk | None) -> list[Finished]:
        """The finished chunks in a row, from one on."""
        row: list[Finished] = []
        while chunk is not None and (finished := self.find(chunk)) is not None:
            row.append(finished)
            chunk = finished.next
        return row

    def add(self, finished: Finished) -> Finished:
        """Write down a chunk whose segment is in its place."""
        segment = segment_path(self._folder, finished.chunk.number)
        _to_disk(segment)
        whole = replace(finished, size=_size(segment))
        _write(self._record(finished.chunk.number), asdict(whole))
        return whole

    def _record(self, number: int) -> Path:
        return segment_path(self._folder, number).with_suffix(".json")


def _size(segment: Path) -> int:
    """0 where nothing is there."""
    if segment.is_dir():
        return sum(1 for _ in segment.iterdir())
    return segment.stat().st_size if segment.exists() else 0


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None  # pyright: ignore[reportUnknownVariableType]


def _write(path: Path, values: dict[str, Any]) -> None:
    """Write a file completely or not at all, however the machine stops."""
    part = path.with_suffix(".json.part")
    part.write_text(json.dumps(values, default=str, indent=1) + "\n", encoding="utf-8")
    _to_disk(part)
    part.replace(path)
    _to_disk(path.parent)


def _to_disk(path: Path) -> None:
    """Wait until a file, or a folder with its files, is on the disk."""
    with suppress(FileNotFoundError):
        for entry in [*path.iterdir(), path] if path.is_dir() else [path]:
            _sync(entry)


def _sync(path: Path) -> None:
    with suppress(OSError):  # Windows opens no folders, and some disks know no sync
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _finished_of(values: dict[str, Any]) -> Finished:
    after = values["next"]
    return Finished(
        _chunk_of(values["chunk"]),
        int(values["frames"]),
        Fraction(values["start"]),
        Fraction(values["end"]),
        tuple(map(Fraction, values["cuts"])),
        None if after is None else _chunk_of(after),
        int(values["size"]),
        tuple(values["found"]),
    )


def _chunk_of(values: dict[str, Any]) -> Chunk:
    times = (values[name] for name in ("start", "shot", "read", "since", "origin"))
    start, shot, read, since, origin = (None if t is None else Fraction(t) for t in times)
    return Chunk(int(values["number"]), start, shot, read, since, origin, int(values["first"]))

"""Keep what can be kept of a run that did not end: the frames that it had painted."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from ..core.files import neighbour, unused_path
from ..core.placement import put_in_place, real_path
from .mux import join
from .outputs import ANIMATIONS, container_of, is_video
from .writers import Segment

FINISHED = "finished"
"""Name of what is whole, before it is moved to its place."""

_NUMBERED = re.compile(r"\d{6}")
_PART = ".part"


def segment_path(folder: Path, number: int) -> Path:
    """Where the finished segment of a chunk is: a film, or a folder of pictures."""
    return folder / f"{number:06d}"


def part_path(folder: Path, number: int) -> Path:
    """Where a chunk's segment is while it is written."""
    return folder / f"{number:06d}{_PART}"


def keep_part(folder: Path, number: int) -> None:
    """Make a part that is complete the chunk's segment.

    A run that died may have left one there, without a record of it.

    Raises:
        OSError: it can't be moved.
    """
    place = segment_path(folder, number)
    if place.is_dir():
        shutil.rmtree(place)
    part_path(folder, number).replace(place)


def segments_in(folder: Path) -> list[Path]:
    """The segments in a work folder, in their order: finished ones, then one that is not."""
    entries = sorted(folder.iterdir())
    whole = [entry for entry in entries if _NUMBERED.fullmatch(entry.name)]
    return whole + [e for e in entries if e.suffix == _PART and _NUMBERED.fullmatch(e.stem)][:1]


@dataclass(frozen=True)
class Kept:
    """What was kept of a run."""

    path: Path
    frames: int

    @property
    def line(self) -> str:
        """For the user: how much, and where."""
        name = "picture" if self.path.is_dir() else "frame"
        count = f"{self.frames} {name}{'s'[: self.frames != 1]}"
        return (
            f"the {count} that {'was' if self.frames == 1 else 'were'} painted are in {self.path}"
        )


def keep_unfinished(folder: Path, target: Path) -> Kept | None:
    """Move the playable part of a run's work to an unused name beside its target.

    Args:
        folder: the run's work folder.
        target: its output.

    Returns:
        What was kept; ``None``: no frame was finished.

    Raises:
        OSError: it can't be moved.
    """
    whole = folder / FINISHED
    if whole.is_file():
        frames, place = _measured(whole)[0], _unused(target, target.suffix)
        put_in_place(whole, place)
        return Kept(place, frames)
    works = [whole] if whole.exists() else segments_in(folder)
    if any(work.is_dir() for work in works):
        return _keep_pictures(works, target)
    films: list[Segment] = []
    begin = Fraction(0)
    for work in works:
        _cut_torn_end(work)
        frames, length = _measured(work)
        if frames:
            films.append(Segment(work, frames, begin, begin + length))
            begin += length
    return _keep_film(films, target) if films else None


def _unused(target: Path, suffix: str) -> Path:
    real = real_path(target)
    return unused_path(neighbour(real, real.stem, f"-unfinished{suffix}"))


def _keep_pictures(works: list[Path], target: Path) -> Kept | None:
    for work in works:
        for part in work.glob(f"*{_PART}"):
            part.unlink()
    pictures = [picture for work in works for picture in sorted(work.iterdir())]
    if not pictures:
        return None
    if len(pictures) == 1 and pictures[0].name == target.name:
        place = _unused(target, target.suffix)
        put_in_place(pictures[0], place)
        return Kept(place, 1)
    place = _unused(target, "")
    whole = works[0] if len(works) == 1 else gathered(works, works[0].with_name("gathered"))
    put_in_place(whole, place)
    return Kept(place, len(pictures))


def gathered(folders: list[Path], into: Path) -> Path:
    """Put the pictures of several folders, whose names differ, into a new one too.

    Raises:
        OSError: it can't be written.
    """
    into.mkdir()
    for folder in folders:
        for picture in folder.iterdir():
            try:
                os.link(picture, into / picture.name)
            except OSError:  # a disk without links
                shutil.copyfile(picture, into / picture.name)
    return into


def _keep_film(films: list[Segment], target: Path) -> Kept:
    suffix = target.suffix if is_video(target, film=True) else ".mp4"
    if container_of(Path(f"film{suffix}"))[0] in ANIMATIONS:
        suffix = ".mov"  # its segments are lossless, and are encoded at the end
    frames = sum(film.frames for film in films)
    work = films[0].path
    joined = work.with_name("joined")
    joined.unlink(missing_ok=True)  # it may have filled the disk
    try:
        join(films, None, joined, container_of(Path(f"film{suffix}"))[0])
        work, place = joined, _unused(target, suffix)
    except (av.FFmpegError, OSError, ValueError):  # no space for a second copy
        joined.unlink(missing_ok=True)
        place, frames = _unused(target, _suffix(work)), films[0].frames  # as it was written
    put_in_place(work, place)
    return Kept(place, frames)


def _suffix(piece: Path) -> str:
    with av.open(str(piece.absolute())) as container:
        return ".mov" if container.metadata.get("major_brand", "").startswith("qt") else ".mp4"


def _cut_torn_end(work: Path) -> None:
    """Cut a fragmented MP4 after its last whole header, without which FFmpeg opens none of it."""
    size = work.stat().st_size
    with work.open("r+b") as file:
        if file.read(8)[4:] != b"ftyp":
            return
        offset = 0
        while offset < size:
            file.seek(offset)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length < 8 or (offset + length > size and head[4:8] != b"mdat"):
                file.truncate(offset)
                return
            offset += length


def _measured(work: Path) -> tuple[int, Fraction]:
    """Whole frames in a file, which may end in the middle of one; and how long they last, s."""
    count, end = 0, Fraction(0)
    try:
        with av.open(str(work.absolute())) as container:
            for packet in container.demux(video=0):
                if packet.pts is not None and packet.size > 0 and not packet.is_corrupt:
                    count += 1
                    end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
    except (av.FFmpegError, OSError, IndexError):
        pass
    return count, end

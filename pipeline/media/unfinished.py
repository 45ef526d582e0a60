"""Keep what can be kept of a run that did not end: the frames that it had painted."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from ..core.files import neighbour, unused_path
from ..core.placement import put_in_place, real_path
from .mux import join
from .outputs import container_of, is_video
from .writers import WRITTEN_AT_ONCE, Segment

SEGMENT = "segment"
"""Name of what a run is writing, in its work folder: a film, or a folder of pictures."""
FINISHED = "finished"
"""Name of what is whole, before it is moved to its place."""


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
    for name in (FINISHED, SEGMENT):
        work = folder / name
        if work.is_dir() and (kept := _keep_pictures(work, target)):
            return kept
        if work.is_file():
            _cut_torn_end(work)
        if work.is_file() and (frames := _count_frames(work)):
            return _keep_film(work, frames, target)
    return None


def _unused(target: Path, suffix: str) -> Path:
    real = real_path(target)
    return unused_path(neighbour(real, real.stem, f"-unfinished{suffix}"))


def _keep_pictures(work: Path, target: Path) -> Kept | None:
    pictures = [entry for entry in work.iterdir() if not entry.name.endswith(".part")]
    if not pictures:
        return None
    one = pictures[0] if pictures[0].name == target.name else None
    place = _unused(target, "" if one is None else target.suffix)
    for part in work.glob("*.part"):
        part.unlink()
    put_in_place(one or work, place)
    return Kept(place, len(pictures))


def _keep_film(work: Path, frames: int, target: Path) -> Kept:
    suffix = target.suffix if is_video(target, film=True) else ".mp4"
    if container_of(Path(f"film{suffix}"))[0] in WRITTEN_AT_ONCE:
        place = _unused(target, suffix)
        put_in_place(work, place)
        return Kept(place, frames)
    joined = work.with_name("joined")
    joined.unlink(missing_ok=True)  # it may have filled the disk
    try:
        segment = Segment(work, frames, Fraction(0), Fraction(0))
        join([segment], None, joined, container_of(Path(f"film{suffix}"))[0])
        work, place = joined, _unused(target, suffix)
    except (av.FFmpegError, OSError, ValueError):  # no space for a second copy
        joined.unlink(missing_ok=True)
        place = _unused(target, _suffix(work))  # as it was written
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


def _count_frames(work: Path) -> int:
    """Whole frames in a file, which may end in the middle of one."""
    count = 0
    try:
        with av.open(str(work.absolute())) as container:
            for packet in container.demux(video=0):
                count += packet.pts is not None and packet.size > 0 and not packet.is_corrupt
    except (av.FFmpegError, OSError, IndexError):
        pass
    return count

"""List the shots of a film: their numbers, their first frames, their lengths."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction

import cv2

from ..core.concurrency import closing_source
from ..core.errors import SourceError
from ..core.frame import Frame, Rgb, resized


@dataclass(frozen=True, eq=False)
class Shot:
    """A shot of a film."""

    number: int
    """From 1 on."""
    first: int
    """Number of its first frame in the film, from 1 on."""
    time: Fraction
    """Of its first frame, seconds on the source's clock."""
    end: Fraction
    """At which its last frame ends."""
    frames: int
    picture: Rgb | None
    """A frame from its second half, reduced: (h, w, 3) uint8, 0–255, RGB."""


def list_shots(frames: Iterable[Frame], rate: Fraction, width: int = 0) -> Generator[Shot]:
    """The shots of a film, each when it has ended.

    Args:
        frames: of the whole film, with their ``cut``.
        rate: of the film, frames per second, for a last frame of unknown duration.
        width: of the shots' pictures, px; 0: they get none.
    """
    shot: Shot | None = None
    with closing_source(frames):
        for number, frame in enumerate(frames, 1):
            end = frame.time + (frame.duration * frame.time_base or 1 / rate)
            if shot is None or frame.cut:
                if shot is not None:
                    yield shot
                place = 1 if shot is None else shot.number + 1
                shot = Shot(place, number, frame.time, end, 1, _reduced(frame, width))
                continue
            count = shot.frames + 1
            # The last power of two in a shot lies in its second half, and nothing else is kept.
            is_power = count & (count - 1) == 0
            picture = _reduced(frame, width) if is_power else shot.picture
            shot = replace(shot, end=end, frames=count, picture=picture)
    if shot is not None:
        yield shot


def _reduced(frame: Frame, width: int) -> Rgb | None:
    if not width:
        return None
    rows, columns = frame.source.shape[:2]
    return resized(frame.source, (width, max(1, round(rows * width / columns))), cv2.INTER_AREA)


@dataclass
class FilmIndex:
    """Where some shots and frames of a film are; seconds on the source's clock."""

    shots: list[Fraction] = field(default_factory=list[Fraction])
    """Times of the first frames of the shots, as far as was read."""
    frames: dict[int, Fraction] = field(default_factory=dict[int, Fraction])
    """Number of a frame, from 1 on → its time: of those that were asked for."""
    count: int = 0
    """Frames that were read."""


def index_film(
    frames: Iterable[Frame], last_shot: int = 0, numbers: Iterable[int] = ()
) -> FilmIndex:
    """Find shots and frames of a film; it is read until all are found.

    Where the source breaks off, the rest is not found.

    Args:
        frames: of the film from its beginning, with their ``cut``.
        last_shot: number of the last shot that is needed, from 1 on; 0: none is.
        numbers: of the frames that are needed, from 1 on.
    """
    found, wanted = FilmIndex(), set(numbers)
    last_frame = max(wanted, default=0)
    with closing_source(frames), suppress(SourceError):  # the run itself reports it
        for frame in frames:
            found.count += 1
            if frame.cut:
                found.shots.append(frame.time)
            if found.count in wanted:
                found.frames[found.count] = frame.time
            if found.count >= last_frame and len(found.shots) >= last_shot:
                break
    return found

"""A second video, or one picture, in step with the source: masks."""

from __future__ import annotations

import logging
from collections.abc import Generator
from fractions import Fraction
from typing import Any

from numpy.typing import NDArray

from ..core.concurrency import closing_source
from ..core.errors import SourceError
from ..core.frame import Frame, eight_bits
from .alpha import with_opacity
from .inputs import open_source

log = logging.getLogger(__name__)

TimedPicture = tuple[Fraction, NDArray[Any]]
"""The time at which a picture appears, in seconds since the first one, and the picture."""


class AlignedPictures:
    """Finds the picture that belongs to each frame. Frames come in order, all from one thread.

    Args:
        label: the option and its value, for messages.
        pictures: the pictures, in order of time. If they break off, a warning is logged and the
            last one is used from there on.
        start: the time of the source's first frame, seconds.

    Raises:
        SourceError: there is no picture.
    """

    def __init__(self, label: str, pictures: Generator[TimedPicture], start: Fraction) -> None:
        self._label = label
        self._start = start
        self._pictures = pictures
        try:
            self._now = next(pictures)
        except StopIteration as error:
            raise SourceError(f"{label}: there is no picture in it") from error
        except SourceError as error:
            raise SourceError(f"{label}: {error}") from error
        self._coming = self._rest()
        self._next = next(self._coming, None)

    @property
    def now(self) -> TimedPicture:
        """The picture for the last frame that ``at`` was given, or the first picture."""
        return self._now

    def at(self, frame: Frame) -> TimedPicture:
        """Find the picture for a frame, (H, W) or (H, W, 3) uint8; the last one after the end."""
        time = frame.time - self._start
        # The nearest in time is taken, because two clocks are not rounded the same way.
        while self._next is not None and (self._now[0] + self._next[0]) / 2 <= time:
            self._now, self._next = self._next, next(self._coming, None)
        return self._now

    def close(self) -> None:
        """Close the file."""
        self._pictures.close()

    def _rest(self) -> Generator[TimedPicture]:
        with closing_source(self._pictures):
            try:
                yield from self._pictures
            except SourceError as error:
                log.warning("%s: %s; the last of it is used from there on", self._label, error)


def pictures_of(name: str, fps: Fraction) -> Generator[TimedPicture]:
    """Read the frames of a file, (H, W, 3) uint8, 0–255, RGB; what is transparent is black.

    Args:
        name: see ``open_source``.
        fps: frames per second of pictures.
    """
    opened = open_source(name, None, fps)
    for frame in opened.frames():
        yield (
            frame.time - opened.info.start,
            eight_bits(with_opacity(frame.rgb, frame.alpha, False)),
        )

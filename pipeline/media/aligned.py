"""A second video, or one picture, that is looked at beside the source: masks."""

from __future__ import annotations

import logging
from collections.abc import Generator
from fractions import Fraction
from typing import Any

from numpy.typing import NDArray

from ..core.concurrency import closing_source
from ..core.errors import SourceError
from ..core.frame import Frame
from .inputs import open_source

log = logging.getLogger(__name__)

TimedPicture = tuple[Fraction, NDArray[Any]]
"""A picture, and when it is shown: seconds since the first."""


class AlignedPictures:
    """What is shown beside each frame; frames are asked for in order, all from one thread.

    Args:
        asked: the option and what was given, for messages.
        pictures: in order of time; one that breaks off is noted, and its last picture stays.
        start: time of the source's first frame.

    Raises:
        SourceError: there is no picture.
    """

    def __init__(self, asked: str, pictures: Generator[TimedPicture], start: Fraction) -> None:
        self._asked = asked
        self._start = start
        self._pictures = pictures
        try:
            self._now = next(pictures)
        except StopIteration as error:
            raise SourceError(f"{asked}: there is no picture in it") from error
        except SourceError as error:
            raise SourceError(f"{asked}: {error}") from error
        self._coming = self._rest()
        self._next = next(self._coming, None)

    @property
    def now(self) -> TimedPicture:
        """What is shown beside the last frame asked for; the first picture before that."""
        return self._now

    def at(self, frame: Frame) -> TimedPicture:
        """What is shown when the frame is; what ends early stays."""
        time = frame.time - self._start
        # The nearest in time: two clocks are never rounded alike.
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
                log.warning("%s: %s; the last of it is used from there on", self._asked, error)


def pictures_of(name: str, fps: Fraction) -> Generator[TimedPicture]:
    """The frames of a file, RGB."""
    opened = open_source(name, None, fps)
    for frame in opened.frames():
        yield frame.time - opened.info.start, frame.rgb

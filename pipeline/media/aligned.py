"""A second video, or one picture, in step with the source: masks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from fractions import Fraction
from typing import Any

from numpy.typing import NDArray

from ..core.concurrency import closing_source
from ..core.errors import SourceError
from ..core.frame import ALL, Frame, Span, eight_bits
from .alpha import with_opacity
from .inputs import open_source

log = logging.getLogger(__name__)

TimedPicture = tuple[Fraction, NDArray[Any]]
"""The time at which a picture appears, in seconds since the first one, and the picture."""


OpenAt = Callable[[Fraction], Generator[TimedPicture]]
"""Reads the pictures that are displayed from a time on, seconds since the first one."""

_EARLY = Fraction(1)  # s before a frame from which pictures are read
_SOON = Fraction(1, 4)  # s before a picture appears in which it may be the nearest


class AlignedPictures:
    """Finds the picture that belongs to each frame. All frames come from one thread.

    They may come from anywhere in the film: one that is before the last, or far behind it, is found
    by a seek.

    Args:
        label: the option and its value, for messages.
        open_at: reads the pictures. If they break off, a warning is logged and the last one is used
            from there on.
        start: the time of the source's first frame, seconds.

    Raises:
        SourceError: there is no picture.
    """

    def __init__(self, label: str, open_at: OpenAt, start: Fraction) -> None:
        self._label = label
        self._start = start
        self._open_at = open_at
        self._last = Fraction(0)
        self._open(Fraction(0))

    def _open(self, time: Fraction) -> None:
        """Begin with the picture that is displayed at a time; the film's last one after its end."""
        self._pictures = pictures = self._open_at(time)
        try:
            self._now = next(pictures)
        except StopIteration as error:
            if time > 0:
                self._open_last()
                return
            raise SourceError(f"{self._label}: there is no picture in it") from error
        except SourceError as error:
            raise SourceError(f"{self._label}: {error}") from error
        self._coming = self._rest()
        self._next = next(self._coming, None)

    def _open_last(self) -> None:
        """Read from the beginning up to the last picture: a mask may be shorter than its film."""
        self._open(Fraction(0))
        while self._next is not None:
            self._step()

    def _step(self) -> None:
        assert self._next is not None
        self._now, self._next = self._next, next(self._coming, None)

    @property
    def now(self) -> TimedPicture:
        """The picture for the last frame that ``at`` was given, or the first picture."""
        return self._now

    def at(self, frame: Frame) -> TimedPicture:
        """Find the picture for a frame, (H, W) or (H, W, 3) uint8; the last one after the end."""
        time = frame.time - self._start
        is_far = self._next is not None and self._next[0] + _FAR < time
        if time < self._last or is_far:
            self._pictures.close()
            self._open(max(Fraction(0), time - _EARLY))
        self._last = time
        # The nearest in time is taken, because two clocks are not rounded the same way.
        while self._next is not None and self._appears(self._next[0]) <= time:
            self._step()
        return self._now

    def _appears(self, time: Fraction) -> Fraction:
        """When the next picture is nearer than the one before it, which may stand for long."""
        return max((self._now[0] + time) / 2, time - _SOON)

    def close(self) -> None:
        """Close the file."""
        self._pictures.close()

    def _rest(self) -> Generator[TimedPicture]:
        with closing_source(self._pictures):
            try:
                yield from self._pictures
            except SourceError as error:
                log.warning("%s: %s; the last of it is used from there on", self._label, error)


_FAR = Fraction(10)  # s ahead, from which a seek is quicker than to read on


def pictures_of(name: str, fps: Fraction, since: Fraction = Fraction(0)) -> Generator[TimedPicture]:
    """Read the frames of a file, (H, W, 3) uint8, 0–255, RGB; what is transparent is black.

    Args:
        name: see ``open_source``.
        fps: frames per second of pictures.
        since: seconds after the first one: those that are displayed before are left out.
    """
    opened = open_source(name, None, fps)
    for frame in opened.frames(Span(opened.info.start + since) if since else ALL):
        yield (
            frame.time - opened.info.start,
            eight_bits(with_opacity(frame.rgb, frame.alpha, False)),
        )

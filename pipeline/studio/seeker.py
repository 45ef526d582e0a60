"""Any frame of a film, soon: what is open stays open, and what was read is remembered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from time import perf_counter

from ..core.concurrency import closing_source
from ..core.errors import SourceError
from ..core.frame import Frame, Span
from ..core.recent import Recent

_REMEMBERED = 48 << 20  # bytes of frames: a second of film at 720p
_BEGINNINGS = 4  # of shots, that are remembered
_BEFORE = Fraction(1, 3)  # seconds before a frame that are read with it: who steps back is near
ROUNDED = Fraction(1, 1000)
"""Seconds by which a time may be early: players round it."""


class FrameSeeker:
    """Finds the frame that is displayed at a time. Not for several threads at once.

    Args:
        read: reads the frames of a span, in order.
        first: the time of the first frame, seconds on the source's clock.
    """

    def __init__(self, read: Callable[[Span], Iterable[Frame]], first: Fraction) -> None:
        self._read = read
        self._first = first
        self._open: Generator[Frame] | None = None
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self._ended = False
        self._beginnings = Recent[Fraction, tuple[Frame, Frame]](_BEGINNINGS)
        self._seek_took = 0.0
        self._frame_took = 0.0

    def at(self, time: Fraction) -> Frame:
        """The frame that is displayed at ``time``; after the end, the last one.

        Args:
            time: seconds on the source's clock.

        Raises:
            SourceError: there is no frame.
        """
        time = max(self._first, time) + ROUNDED
        found = self._remembered(time)
        if found is not None:
            return found
        if not self._reads_on_to(time):
            self._open_at(max(self._first, time - _BEFORE))
        found = self._read_to(time)
        if found is None:  # the film ends long before
            self._open_at(self._first)
            found = self._read_to(time)
        if found is None:
            raise SourceError("the clip has no frame there")
        return found

    def beginning(self, time: Fraction, end: Fraction | None, count: int) -> tuple[Frame, Frame]:
        """The first frame of a shot, and the last of its first ``count``; the seeker stays here.

        Args:
            time: at which the shot begins, about.
            end: at which it ends; ``None``: with the film.
            count: frames.

        Raises:
            SourceError: there is no frame.
        """
        return self._beginnings.get(time, lambda: self._first_and_last(time, end, count))

    def _first_and_last(
        self, time: Fraction, end: Fraction | None, count: int
    ) -> tuple[Frame, Frame]:
        with closing_source(self._read(Span(max(self._first, time - ROUNDED), end))) as frames:
            first = list(islice(frames, count))
        if not first:
            raise SourceError("the clip has no frame there")
        return first[0], first[-1]

    def close(self) -> None:
        """Close the source, and forget the frames."""
        if self._open is not None:
            self._open.close()
        self._open = None
        self._frames.clear()
        self._bytes = 0

    def _remembered(self, time: Fraction) -> Frame | None:
        for frame in reversed(self._frames):
            if frame.time <= time:
                last = self._ended and frame is self._frames[-1]
                return frame if last or time < _end(frame) else None
        return None

    def _reads_on_to(self, time: Fraction) -> bool:
        """Whether it is quicker to read on to a time than to seek: films seek very differently."""
        if self._open is None or self._ended or not self._frames:
            return False
        last = self._frames[-1]
        between = (time - last.time) / max(_end(last) - last.time, ROUNDED)
        return between >= 0 and float(between) * self._frame_took <= self._seek_took

    def _open_at(self, time: Fraction) -> None:
        self.close()
        self._ended = False
        frames = self._read(Span(time) if time > self._first else Span())
        self._open = _as_generator(frames)

    def _read_to(self, time: Fraction) -> Frame | None:
        assert self._open is not None
        begun, count, seeks = perf_counter(), 0, not self._frames
        with suppress(SourceError):  # a film that breaks off has the frames before that
            for frame in self._open:
                self._remember(frame)
                count += 1
                if seeks:
                    self._seek_took, seeks = perf_counter() - begun, False
                    begun, count = perf_counter(), 0
                if time < _end(frame):
                    if count > 2:
                        self._frame_took = (perf_counter() - begun) / count
                    return frame
        self._ended = True
        return self._frames[-1] if self._frames else None

    def _remember(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._bytes += _bytes(frame)
        while self._bytes > _REMEMBERED and len(self._frames) > 1:
            self._bytes -= _bytes(self._frames.popleft())


def _as_generator(frames: Iterable[Frame]) -> Generator[Frame]:
    with closing_source(frames):
        yield from frames


def _end(frame: Frame) -> Fraction:
    """When the next frame comes; a container that does not say it is taken at its word."""
    return frame.time + max(frame.duration, 1) * frame.time_base


def _bytes(frame: Frame) -> int:
    height, width = frame.source.shape[:2]
    whole = 0 if frame.whole is None else 3 * frame.whole.shape[0] * frame.whole.shape[1]
    return 3 * height * width + whole

"""A live source that comes back: when it is lost, it is opened again after growing pauses."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction

from ...core.concurrency import RetryPauses, run_in_background
from ...core.errors import SourceError
from ...core.frame import Frame
from ..audio import AudioTimeline
from ..stats import LiveStats
from .source import MAX_JUMP, AudioChunk, LiveSource

log = logging.getLogger(__name__)

TIME_BASE = Fraction(1, 90_000)
"""Seconds per unit of pts on the clock of the outputs."""

_NOTICE_EVERY = 0.2  # seconds between two notices while the source is away


@dataclass(frozen=True)
class SourceLost:
    """The source is away."""

    reason: str
    again_in: float
    """Seconds to the next attempt."""
    pts: int
    """Now, on the clock of the outputs, in units of ``TIME_BASE``."""


def close_when_opened(opening: Future[LiveSource]) -> None:
    """Close a source that is no longer needed, as soon as it has been opened."""

    def close(done: Future[LiveSource]) -> None:
        if done.exception() is None:
            done.result().close()

    opening.add_done_callback(close)


class OutputClock:
    """The clock of the outputs: it begins with the run and never goes back."""

    def __init__(self) -> None:
        self._zero = time.monotonic()
        self._last_pts = -1

    def now(self) -> Fraction:
        """Return the seconds since the run began, in whole units of ``TIME_BASE``."""
        return Fraction(round((time.monotonic() - self._zero) / TIME_BASE)) * TIME_BASE

    def pts(self, moment: Fraction) -> int:
        """Return the pts of a frame at ``moment``, seconds; always later than the last one."""
        self._last_pts = max(self._last_pts + 1, round(moment / TIME_BASE))
        return self._last_pts


class ReconnectingSource:
    """Opens a source again and again, and sets its frames on one clock that never goes back.

    Args:
        first: the source, opened.
        reopen: opens the source again.
        stats: counts every captured frame.
        audio: receives the audio of the source; ``None``: it is ignored.
        stop: an event that ends the frames when set.
        loop: a source that has ended is begun again at once.
    """

    def __init__(
        self,
        first: LiveSource,
        reopen: Callable[[], LiveSource],
        stats: LiveStats,
        audio: AudioTimeline | None,
        stop: threading.Event,
        loop: bool = False,
    ) -> None:
        self._first = first
        self._reopen = reopen
        self._stats = stats
        self._audio = audio
        self._stop = stop
        self._loop = loop
        self._clock = OutputClock()
        self.lost = 0
        """How often the source was lost."""

    def items(self) -> Generator[Frame | SourceLost]:
        """Yield frames on the clock of the outputs, and notices while there are none.

        Raises:
            SourceError: a source that is not opened again has failed.
        """
        source: LiveSource | None = self._first
        while source is not None:
            with closing(source):
                try:
                    yield from self._read(source)
                    why = f"{source.info.name} has ended"
                except SourceError as error:
                    if not source.reconnects:
                        raise
                    why = str(error)
            if self._stop.is_set() or not (source.reconnects or self._loop):
                return
            source = (yield from self._reconnect(why)) if source.reconnects else self._reopen()

    def _read(self, source: LiveSource) -> Generator[Frame]:
        """Frames of one opened source until it ends; its audio goes to the timeline."""
        offset: Fraction | None = None
        with closing(source.items()) as items:
            for item in items:
                if self._stop.is_set():
                    return
                if offset is None or abs(offset + item.time - self._clock.now()) > MAX_JUMP:
                    # The source begins, or its sender has restarted with another clock.
                    offset = self._clock.now() - item.time
                    if self._audio is not None:
                        self._audio.reset()
                if isinstance(item, AudioChunk):
                    if self._audio is not None:
                        self._audio.put(item.frame, offset + item.time)
                    continue
                self._stats.count_captured()
                pts = self._clock.pts(offset + item.time)
                yield replace(item, pts=pts, time_base=TIME_BASE)

    def _reconnect(self, why: str) -> Generator[SourceLost, None, LiveSource | None]:
        """Notices until the source is open again; returns ``None`` when it is to stop."""
        self.lost += 1
        pauses = RetryPauses()
        while True:
            pause = pauses.next()
            log.warning("%s; trying again in %g s", why, pause)
            due = time.monotonic() + pause
            yield from self._notices(why, due, lambda due=due: time.monotonic() >= due)
            if self._stop.is_set():
                return None
            try:
                source = yield from self._attempt(why, due)
            except SourceError as error:
                why = str(error)
                continue
            if source is not None:
                log.warning("%s is there again", source.info.name)
            return source

    def _attempt(self, why: str, due: float) -> Generator[SourceLost, None, LiveSource | None]:
        """Notices while one attempt runs; returns the source, or ``None`` when it is to stop.

        It may take long to find that nobody answers; neither the picture nor the end waits for it.
        """
        opening = run_in_background(self._reopen)
        used = False
        try:
            yield from self._notices(why, due, opening.done)
            used = not self._stop.is_set()
        finally:
            if not used:
                close_when_opened(opening)
        return opening.result() if used else None

    def _notices(self, why: str, due: float, over: Callable[[], bool]) -> Generator[SourceLost]:
        """A notice every ``_NOTICE_EVERY`` seconds, and silence, until it is over."""
        while not over() and not self._stop.is_set():
            now, left = self._clock.now(), max(0.0, due - time.monotonic())
            if self._audio is not None:
                self._audio.silence_until(now)
            yield SourceLost(why, left, self._clock.pts(now))
            self._stop.wait(min(_NOTICE_EVERY, left or _NOTICE_EVERY))

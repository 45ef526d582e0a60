"""A live source that comes back: lost, it is opened again after growing pauses."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, repeat

from ...core.concurrency import run_in_background
from ...core.errors import SourceError
from ...core.frame import Frame
from ..audio import AudioTimeline
from ..stats import LiveStats
from .ffmpeg import JUMP, AudioChunk, LiveSource

log = logging.getLogger(__name__)

TIME_BASE = Fraction(1, 90_000)
"""Seconds per unit of pts on the outputs' clock."""

PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each new attempt; the last for all that follow."""

_TOLD = 0.2  # seconds between two notices while it is away


@dataclass(frozen=True)
class SourceLost:
    """The source is away."""

    reason: str
    again_in: float
    """Seconds to the next attempt."""
    pts: int
    """Now, on the outputs' clock."""


def close_when_opened(opened: Future[LiveSource]) -> None:
    """Nobody wants it any more: it is closed, which may be when it has been opened at last."""

    def close(done: Future[LiveSource]) -> None:
        if done.exception() is None:
            done.result().close()

    opened.add_done_callback(close)


class ReconnectingSource:
    """Opens a source again and again, and sets what comes on one clock that never goes back.

    Args:
        first: the source, opened.
        reopen: opens it again.
        meter: hears of every frame.
        sound: hears what is heard.
        stop: when set, it ends.
        loop: what ends is begun again at once.
    """

    def __init__(
        self,
        first: LiveSource,
        reopen: Callable[[], LiveSource],
        stats: LiveStats,
        sound: AudioTimeline | None,
        stop: threading.Event,
        loop: bool = False,
    ) -> None:
        self._first = first
        self._reopen = reopen
        self._stats = stats
        self._sound = sound
        self._stop = stop
        self._loop = loop
        self._zero = time.monotonic()
        self._last = -1
        self.lost = 0
        """How often it was."""

    def items(self) -> Generator[Frame | SourceLost]:
        """Frames on the outputs' clock, and notices while there are none."""
        source: LiveSource | None = self._first
        while source is not None:
            with closing(source):
                try:
                    yield from self._through(source)
                    why = f"{source.info.name} has ended"
                except SourceError as error:
                    if not source.reconnects:
                        raise
                    why = str(error)
            if self._stop.is_set() or not (source.reconnects or self._loop):
                return
            source = (yield from self._again(why)) if source.reconnects else self._reopen()

    def _through(self, source: LiveSource) -> Generator[Frame]:
        """What comes, until it ends."""
        offset: Fraction | None = None
        with closing(source.items()) as items:
            for item in items:
                if self._stop.is_set():
                    return
                if offset is None or abs(offset + item.time - self._now()) > JUMP:
                    # It begins, or its sender has begun anew with another clock.
                    offset = self._now() - item.time
                    if self._sound is not None:
                        self._sound.reset()
                if isinstance(item, AudioChunk):
                    if self._sound is not None:
                        self._sound.put(item.frame, offset + item.time)
                    continue
                self._stats.count_captured()
                yield replace(item, pts=self._after(offset + item.time), time_base=TIME_BASE)

    def _again(self, why: str) -> Generator[SourceLost, None, LiveSource | None]:
        """Notices until the source is there again; ``None`` when asked to stop."""
        self.lost += 1
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            log.warning("%s; trying again in %g s", why, pause)
            until = time.monotonic() + pause
            yield from self._notices(why, until, lambda due=until: time.monotonic() >= due)
            if self._stop.is_set():
                return None
            # It may take long to find that nobody answers; neither picture nor end waits for it.
            trying = run_in_background(self._reopen)
            wanted = False
            try:
                yield from self._notices(why, until, trying.done)
                wanted = not self._stop.is_set()
            finally:
                if not wanted:
                    close_when_opened(trying)
            if not wanted:
                return None
            try:
                source = trying.result()
            except SourceError as error:
                why = str(error)
                continue
            log.warning("%s is there again", source.info.name)
            return source
        return None

    def _notices(self, why: str, until: float, over: Callable[[], bool]) -> Generator[SourceLost]:
        """One now and then, and silence, until it is over."""
        while not over() and not self._stop.is_set():
            now, left = self._now(), max(0.0, until - time.monotonic())
            if self._sound is not None:
                self._sound.silence_until(now)
            yield SourceLost(why, left, self._after(now))
            self._stop.wait(min(_TOLD, left or _TOLD))

    def _now(self) -> Fraction:
        return Fraction(round((time.monotonic() - self._zero) / TIME_BASE)) * TIME_BASE

    def _after(self, moment: Fraction) -> int:
        self._last = max(self._last + 1, round(moment / TIME_BASE))
        return self._last

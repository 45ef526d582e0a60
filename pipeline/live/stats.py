"""How a live run does: rates, drops, and the time from capture to show."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_WINDOW = 2.0  # seconds over which a rate is taken
_BINS = 10_000  # of a millisecond each: latency is counted, not kept


@dataclass(frozen=True)
class Reading:
    """Figures of this moment."""

    captured_fps: float
    """Frames that come in, per second."""
    output_fps: float
    """Frames that are shown, per second."""
    dropped: int
    """Frames that came in and were not painted, so far: a newer one was there."""
    latency: float
    """From capture to show, seconds: the median of the last frames."""
    device: str
    """What paints."""
    scale: float
    """Size at which is painted, of the frame's."""


class _Rate:
    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=512)

    def tick(self, now: float) -> None:
        self._times.append(now)

    def at(self, now: float) -> float:
        recent = [t for t in self._times if now - t <= _WINDOW]
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / max(1e-6, recent[-1] - recent[0])


class LiveStats:
    """Is told of every frame, from several threads.

    Args:
        clock: seconds; as frames are stamped with.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.device = ""
        self.scale = 1.0
        self._clock = clock
        self._lock = threading.Lock()
        self._in, self._out = _Rate(), _Rate()
        self._dropped = 0
        self._recent: deque[float] = deque(maxlen=64)
        self._histogram = np.zeros(_BINS, np.int64)
        self._before: float | None = None
        self._longest = 0.0

    def count_captured(self) -> None:
        """A frame came in."""
        with self._lock:
            self._in.tick(self._clock())

    def count_dropped(self) -> None:
        """A frame was passed over."""
        with self._lock:
            self._dropped += 1

    def count_output(self, captured: float) -> None:
        """A frame that came in at ``captured`` has been shown."""
        with self._lock:
            now = self._clock()
            self._out.tick(now)
            late = now - captured
            self._recent.append(late)
            self._histogram[min(_BINS - 1, max(0, round(late * 1000)))] += 1
            if self._before is not None:
                self._longest = max(self._longest, now - self._before)
            self._before = now

    def read(self) -> Reading:
        """The figures now."""
        with self._lock:
            now = self._clock()
            latency = float(np.median(self._recent)) if self._recent else 0.0
            rates = self._in.at(now), self._out.at(now)
            return Reading(*rates, self._dropped, latency, self.device, self.scale)

    def summary(self) -> dict[str, float]:
        """Of the whole run: frames shown and dropped, latency in ms, the longest gap in ms."""
        with self._lock:
            shown = int(self._histogram.sum())
            so_far = np.cumsum(self._histogram)
            figures = {"output": float(shown), "dropped": float(self._dropped)}
            for part in (50, 95, 99):
                at = np.searchsorted(so_far, max(1, shown * part / 100)) if shown else 0
                figures[f"p{part}"] = float(at)
            return {**figures, "longest gap": round(self._longest * 1000, 1)}

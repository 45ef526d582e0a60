"""Statistics of a live run: frame rates, dropped frames, and the time from capture to output."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_RATE_SECONDS = 2.0  # over which a frame rate is measured
_BINS = 10_000  # of a millisecond each: latencies are counted, not stored


@dataclass(frozen=True)
class Reading:
    """The statistics at one moment."""

    captured_fps: float
    """Frames per second that come in."""
    output_fps: float
    """Frames per second that go out."""
    dropped: int
    """Frames so far that came in and were not painted, because a newer one was there."""
    latency: float
    """Seconds from capture to output: the median of the last frames."""
    device: str
    """What the net runs on."""
    scale: float
    """Sides at which is painted, of the frame's, 0–1."""


class _FrameRate:
    """Frames per second over the last seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=512)

    def count(self, now: float) -> None:
        self._times.append(now)

    def at(self, now: float) -> float:
        recent = [t for t in self._times if now - t <= _RATE_SECONDS]
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / max(1e-6, recent[-1] - recent[0])


class LiveStats:
    """Counts every frame of a live run. May be used from any thread.

    Args:
        clock: returns the time, seconds, on the clock of ``Frame.captured``.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.device = ""
        self.scale = 1.0
        self._clock = clock
        self._lock = threading.Lock()
        self._captured, self._output = _FrameRate(), _FrameRate()
        self._dropped = 0
        self._recent: deque[float] = deque(maxlen=64)
        self._histogram = np.zeros(_BINS, np.int64)
        self._last_output: float | None = None
        self._longest_gap = 0.0

    def count_captured(self) -> None:
        """Count a frame that came in."""
        with self._lock:
            self._captured.count(self._clock())

    def count_dropped(self) -> None:
        """Count a frame that was dropped."""
        with self._lock:
            self._dropped += 1

    def count_output(self, captured: float) -> None:
        """Count a frame that went out; ``captured``: when it came in, seconds."""
        with self._lock:
            now = self._clock()
            self._output.count(now)
            latency = now - captured
            self._recent.append(latency)
            self._histogram[min(_BINS - 1, max(0, round(latency * 1000)))] += 1
            if self._last_output is not None:
                self._longest_gap = max(self._longest_gap, now - self._last_output)
            self._last_output = now

    def read(self) -> Reading:
        """Return the statistics now."""
        with self._lock:
            now = self._clock()
            latency = float(np.median(self._recent)) if self._recent else 0.0
            rates = self._captured.at(now), self._output.at(now)
            return Reading(*rates, self._dropped, latency, self.device, self.scale)

    def summary(self) -> dict[str, float]:
        """Return the statistics of the whole run.

        Returns:
            ``output`` and ``dropped``: frames; ``p50``, ``p95`` and ``p99``: percentiles of the
            latency, ms; ``longest gap``: between two frames that went out, ms.
        """
        with self._lock:
            output = int(self._histogram.sum())
            cumulative = np.cumsum(self._histogram)
            summary = {"output": float(output), "dropped": float(self._dropped)}
            for percent in (50, 95, 99):
                rank = max(1, output * percent / 100)
                summary[f"p{percent}"] = float(np.searchsorted(cumulative, rank)) if output else 0.0
            return {**summary, "longest gap": round(self._longest_gap * 1000, 1)}

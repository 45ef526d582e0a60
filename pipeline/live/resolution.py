"""Hold the frame rate: paint smaller where the machine is too slow for the whole size."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from statistics import median

SCALES = (1.0, 0.84, 0.71, 0.6, 0.5, 0.42, 0.35)
"""Sides of what is painted, of the frame's; each has about 0.7 of the pixels of the one before."""

MAX_DEFAULT_RATE = 60.0
"""Frames per second that are held at most by default: streams may claim 1000."""

_FRAMES = 12  # whose median counts: one slow frame changes nothing
_TOO_SLOW = 1.0  # of the time that there is for a frame
_AIM = 0.85  # of that time: where a step down should land
_FAST_ENOUGH = 0.75  # of that time: what the next larger size may take, as predicted
_PATIENCE = 3.0  # seconds that it must be fast enough; twice as long after each failed step up
_MAX_PATIENCE = 48.0


def choose_rate(fps_target: float | None, source_rate: float, waits: bool) -> float | None:
    """Choose the frames per second to hold; ``None``: always paint at the whole size.

    Args:
        fps_target: the setting: 0 is off, ``None`` the rate of the source.
        source_rate: frames per second of the source.
        waits: the source waits for the painting, so that by default there is no rate to hold.
    """
    if fps_target is not None:
        return fps_target or None
    return None if waits else min(MAX_DEFAULT_RATE, source_rate)


class ResolutionController:
    """Chooses one of ``SCALES`` by the time that painting takes.

    It steps down at once, as far as needed. It steps up one size after a while in which that would
    have been fast enough. A step up that had to be taken back doubles that while, so that the size
    does not swing.

    Args:
        rate: frames per second to hold.
        clock: returns the time, seconds.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        """Frames per second to hold."""
        self._budget = 1 / rate
        self._clock = clock
        self._seconds: deque[float] = deque(maxlen=_FRAMES)
        self._level = 0
        self._patience = _PATIENCE
        self._fast_since: float | None = None
        self._raised = False

    @property
    def scale(self) -> float:
        """Sides at which to paint, of the frame's, 0–1."""
        return SCALES[self._level]

    def record(self, seconds: float, scale: float) -> bool:
        """Count the time that one frame took.

        Args:
            seconds: the time that the frame took.
            scale: the scale at which it was painted. A frame of another scale than the current one
                is ignored, because the last step has not been carried out.

        Returns:
            Whether ``scale`` has changed.
        """
        if scale != self.scale:
            return False
        self._seconds.append(seconds)
        if len(self._seconds) < _FRAMES:
            return False
        typical = median(self._seconds)
        if typical > _TOO_SLOW * self._budget:
            return self._step_down(typical)
        return self._step_up_if_fast(typical)

    def _step_down(self, seconds: float) -> bool:
        if self._raised:
            self._patience = min(_MAX_PATIENCE, 2 * self._patience)
        level = self._level
        while level + 1 < len(SCALES) and self._predict(seconds, level) > _AIM * self._budget:
            level += 1
        return self._set_level(level, raised=False)

    def _step_up_if_fast(self, seconds: float) -> bool:
        larger = self._level - 1
        if larger < 0 or self._predict(seconds, larger) > _FAST_ENOUGH * self._budget:
            self._fast_since = None
            return False
        now = self._clock()
        self._fast_since = now if self._fast_since is None else self._fast_since
        if now - self._fast_since < self._patience:
            return False
        return self._set_level(larger, raised=True)

    def _predict(self, seconds: float, level: int) -> float:
        """Seconds for a frame at another level: in proportion to its pixels."""
        return seconds * (SCALES[level] / self.scale) ** 2

    def _set_level(self, level: int, raised: bool) -> bool:
        changed = level != self._level
        self._level, self._raised, self._fast_since = level, raised, None
        self._seconds.clear()
        return changed

"""Holds the rate that is asked for: paints smaller where the machine can't keep up."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from statistics import median

SCALES = (1.0, 0.84, 0.71, 0.6, 0.5, 0.42, 0.35)
"""Sides of what is painted, of the frame's; each has about 0.7 of the pixels of the one before."""

_FRAMES = 12  # whose median is looked at: one slow frame changes nothing
_ABOVE = 1.0  # of the time there is for a frame: more is too much
_AIM = 0.85  # where a step down should land
_BELOW = 0.75  # what the next larger size may take, as foreseen
_PATIENCE = 3.0  # seconds that it must look so; twice as long after each step up that failed
_MOST = 48.0


class ResolutionController:
    """One of ``SCALES``, by what frames take.

    Down at once, as far as needed; up one step, after a while in which it would have been well. A
    step up that had to be taken back doubles that while: no swinging to and fro.

    Args:
        rate: frames per second to be held.
        clock: seconds.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._budget = 1 / rate
        self._clock = clock
        self._took: deque[float] = deque(maxlen=_FRAMES)
        self._level = 0
        self._patience = _PATIENCE
        self._well_since: float | None = None
        self._raised = False

    @property
    def scale(self) -> float:
        """Of the frame's sides, at which to paint."""
        return SCALES[self._level]

    def record(self, seconds: float, scale: float) -> bool:
        """Hear what a frame took that was painted at ``scale``; whether ``scale`` now differs."""
        if scale != self.scale:  # the step is not yet carried out
            return False
        self._took.append(seconds)
        if len(self._took) < _FRAMES:
            return False
        taken = median(self._took)
        if taken > _ABOVE * self._budget:
            return self._lower(taken)
        return self._raise_if_well(taken)

    def _lower(self, taken: float) -> bool:
        if self._raised:
            self._patience = min(_MOST, 2 * self._patience)
        level = self._level
        while level + 1 < len(SCALES) and self._foreseen(taken, level) > _AIM * self._budget:
            level += 1
        return self._go(level, raised=False)

    def _raise_if_well(self, taken: float) -> bool:
        if self._level == 0 or self._foreseen(taken, self._level - 1) > _BELOW * self._budget:
            self._well_since = None
            return False
        now = self._clock()
        self._well_since = now if self._well_since is None else self._well_since
        if now - self._well_since < self._patience:
            return False
        return self._go(self._level - 1, raised=True)

    def _foreseen(self, taken: float, level: int) -> float:
        """What a frame would take at a level: as its pixels are more or fewer."""
        return taken * (SCALES[level] / self.scale) ** 2

    def _go(self, level: int, raised: bool) -> bool:
        changed = level != self._level
        self._level, self._raised, self._well_since = level, raised, None
        self._took.clear()
        return changed

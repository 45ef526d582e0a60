"""How long a painting takes: measured on its first iterations, said before the long work."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise

from ..models.optimize.descent import Stage

_LEAST_ITERATIONS = 5
_LEAST_SECONDS = 1.0
_MOST_OF_WHOLE = 0.1  # of a painting's iterations: a short one is not measured for a second


class PaintingTimer:
    """Times the first iterations of a painting and estimates the whole, once.

    The time of an iteration is taken to grow with the number of pixels, so the coarse iterations,
    which come first, say how long the fine ones take. The very first one is left out: it prepares
    the net.

    Args:
        stages: of the painting.
        on_estimate: called once, with the seconds of the whole painting and of what is left.
        clock: seconds, from any start.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        on_estimate: Callable[[float, float], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stages = stages
        self._on_estimate = on_estimate
        self._clock = clock
        self._began: tuple[int, float] | None = None
        self._is_done = False

    def tick(self, iteration: int) -> None:
        """Count an iteration.

        Args:
            iteration: how many are done, those of an earlier run included.
        """
        now = self._clock()
        if self._began is None:
            self._began = iteration, now
        first, began = self._began
        end = self._stages[-1].end
        if self._is_done or iteration - first < _LEAST_ITERATIONS or iteration >= end:
            return
        if now - began < _LEAST_SECONDS and iteration - first < _MOST_OF_WHOLE * end:
            return
        self._is_done = True
        per_pixel = (now - began) / _pixels(self._stages, first, iteration)
        whole, left = (_pixels(self._stages, begin, end) for begin in (0, iteration))
        self._on_estimate(per_pixel * whole, per_pixel * left)


def _pixels(stages: Sequence[Stage], begin: int, end: int) -> int:
    """Pixels that the iterations from ``begin`` to ``end`` paint, each time they do."""
    total = 0
    bounds = pairwise([0, *(stage.end for stage in stages)])
    for stage, (first, last) in zip(stages, bounds, strict=True):
        height, width = stage.size
        total += height * width * max(0, min(end, last) - max(begin, first))
    return total


def about(seconds: float) -> str:
    """An estimate in round numbers: ``about 20 s``, ``about 4 min``, ``about 2.5 h``."""
    if seconds < 57.5:
        return f"about {max(5, 5 * round(seconds / 5))} s"
    if seconds < 5370:  # 89.5 min
        return f"about {max(1, round(seconds / 60))} min"
    return f"about {round(seconds / 1800) / 2:g} h"


def keyframes_estimate(seconds: float, whole: int, later: int) -> str:
    """The estimate for all key frames, as a line.

    Args:
        seconds: of a key frame that is painted from the start.
        whole: how many of those are to be painted.
        later: how many begin with an earlier painting, which takes half of the time.
    """
    count = whole + later
    if count == 1:
        return f"{about(seconds if whole else seconds / 2)} for the key frame"
    total = f"{about(seconds * (whole + later / 2))} for all {count}"
    if not later:
        return f"{about(seconds)} a key frame: {total}"
    return (
        f"{about(seconds)} for the first key frame of a shot, half of that for the others: {total}"
    )

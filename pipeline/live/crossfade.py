"""Cross-fade from one style to the next along the motion."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from ..core.frame import Motion, Picture, Yuv
from ..imaging.compositing import fade
from ..imaging.warp import Warper

FADE = 0.4  # seconds from one style to the next


class Crossfade:
    """From what was shown to what is painted now, along the motion, so that both go on moving.

    Args:
        seconds: that it lasts.
        clock: seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._began: float | None = None
        self._done = 0.0
        self._last: Picture | None = None
        self._moved = Mover()

    @property
    def runs(self) -> bool:
        """It is not over yet."""
        return self._began is not None

    def begin(self) -> None:
        """What is painted from now on is another picture."""
        self._began, self._done = self._clock(), 0.0

    def __call__(self, picture: Picture, motion: Motion | None) -> Picture:
        """What to show for ``picture``."""
        if self._began is not None:
            picture = self._mixed(picture, motion, self._began)
        self._last = picture
        return picture

    def _mixed(self, picture: Picture, motion: Motion | None, began: float) -> Picture:
        last, done = self._last, min(1.0, (self._clock() - began) / self._seconds)
        if last is None or done >= 1 or last.shape != picture.shape:
            self._began, self._moved = None, Mover()  # another style may paint at another size
            return picture
        # What was shown is a mixture already: as much more of the new as brings it to ``done``.
        share = (done - self._done) / (1 - self._done)
        self._done = done
        return fade(picture, last if motion is None else self._moved(last, motion), share, None)


class Mover:
    """The picture before, with its parts where they are now."""

    def __init__(self) -> None:
        self._warpers: dict[tuple[int, ...], Warper] = {}

    def __call__(self, picture: Picture, motion: Motion) -> Picture:
        """``picture`` along the motion from it to the next."""
        return _each(picture, lambda p: self._of(p.shape[:2]).warp(p, motion.vectors))

    def _of(self, size: tuple[int, ...]) -> Warper:
        if size not in self._warpers:
            self._warpers[size] = Warper(size[1], size[0])
        return self._warpers[size]


def mirrored(picture: Picture) -> Picture:
    """Left and right exchanged."""
    return _each(picture, lambda p: cv2.flip(p, 1))


def _each(picture: Picture, change: Callable[[Any], Any]) -> Picture:
    """A change of every plane by itself."""
    if not isinstance(picture, Yuv):
        return np.asarray(change(picture), np.uint8)
    y, u, v = (np.asarray(change(p), np.uint8) for p in picture.planes)
    return Yuv(y, u, v, picture.coding)

"""Cross-fade from one style to the next along the motion."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..core.frame import Motion, Picture
from ..imaging.compositing import each_plane, fade
from ..imaging.warp import Warper

FADE = 0.4  # seconds from one style to the next


class Crossfade:
    """From the last output to what is painted now, along the motion, so that both go on moving.

    Args:
        seconds: the length of the fade.
        clock: returns the time, seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._began: float | None = None
        self._done = 0.0
        self._last: Picture | None = None
        self._warp = PictureWarper()

    @property
    def runs(self) -> bool:
        """It is not over yet."""
        return self._began is not None

    def begin(self) -> None:
        """Begin a fade: what is painted from now on is another picture."""
        self._began, self._done = self._clock(), 0.0

    def end(self) -> None:
        """Show what is painted from now on at once: at a cut nothing goes on."""
        self._began, self._last = None, None

    def __call__(self, picture: Picture, motion: Motion | None) -> Picture:
        """The output for ``picture``; ``motion`` is the source's since the frame before."""
        if self._began is not None:
            picture = self._mix(picture, motion, self._began)
        self._last = picture
        return picture

    def _mix(self, picture: Picture, motion: Motion | None, began: float) -> Picture:
        last, done = self._last, min(1.0, (self._clock() - began) / self._seconds)
        if last is None or done >= 1 or last.shape != picture.shape:
            self._began, self._warp = (
                None,
                PictureWarper(),
            )  # another style may paint at another size
            return picture
        # The last output is a mixture already: as much more of the new as brings it to ``done``.
        weight = (done - self._done) / (1 - self._done)
        self._done = done
        return fade(picture, last if motion is None else self._warp(last, motion), weight, None)


class PictureWarper:
    """Warps pictures of any size and layout, with buffers that are used again."""

    def __init__(self) -> None:
        self._warpers: dict[tuple[int, ...], Warper] = {}

    def end(self) -> None:
        """Show what is painted from now on at once: at a cut nothing goes on."""
        self._began, self._last = None, None

    def __call__(self, picture: Picture, motion: Motion) -> Picture:
        """``picture``, warped along the motion from it to the next."""
        return each_plane(picture, lambda p: self._of(p.shape[:2]).warp(p, motion.vectors))

    def _of(self, size: tuple[int, ...]) -> Warper:
        if size not in self._warpers:
            self._warpers[size] = Warper(size[1], size[0])
        return self._warpers[size]

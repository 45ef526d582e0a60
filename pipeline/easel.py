"""Paints live frames one by one, none of them looked ahead of: as soon as one is there, it goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from .controls import State
from .finish import brightness_only, faded
from .flow import FlowEstimator, Warper, measure_motion, reduced
from .frame import Frame, Motion, Rgb
from .governor import Governor
from .resize import at_size, restored
from .steady import History, Recurrent
from .tailor import Brush, Tailor, Wish
from .yuv import Picture, Plane, Yuv

_FADE = 0.4  # seconds from one style to the next


class Easel:
    """Source frames → what is shown, as the controls say.

    Args:
        tailor: has what paints.
        estimator: of motion.
        hold: share of the past where it can be trusted, of ``steady.HOLDS``.
        governor: says at which size; ``None``: always the frame's.
        luma: keep the source's colours.
        mask: (H, W), 0–255, white where it is painted.
    """

    def __init__(
        self,
        tailor: Tailor,
        estimator: FlowEstimator,
        hold: float,
        governor: Governor | None = None,
        luma: bool = False,
        mask: Plane | None = None,
    ) -> None:
        self.brush: Brush | None = None
        """What painted the last frame."""
        self.stepped: Callable[[float], None] = lambda share: None
        """Hears of another size."""
        self._tailor = tailor
        self._estimator = estimator
        self._hold = hold
        self._governor = governor
        self._luma = luma
        self._mask = mask
        self._history = History(hold)
        self._before: Rgb | None = None
        self._fade = Crossfade(_FADE)

    def paint(self, frame: Frame, state: State) -> Frame:
        """The frame as it is shown, with its source as ``original``."""
        began = time.perf_counter()
        if state.mirror:
            frame = replace(frame, picture=mirrored(frame.picture))
        share = self._governor.share if self._governor is not None else 1.0
        wish = Wish(state.style, state.strength, share)
        brush = self._tailor.brush(frame, wish)
        if brush is not self.brush and self.brush is not None:
            self._fade.begin()
        self.brush = brush
        small = at_size(frame.picture, brush.size)
        painted = self._painted(small, brush, state)
        shown = restored(painted, frame.picture, small)
        shown = self._finished(shown, frame.picture, brush.fade)
        took = time.perf_counter() - began
        if self._governor is not None and self._governor.took(took, brush.wish.share):
            self.stepped(self._governor.share)
        return replace(frame, picture=shown, original=frame.picture)

    def _painted(self, small: Picture, brush: Brush, state: State) -> Picture:
        """At the size at which it is painted: held steady, and faded into from the style before."""
        steady = state.steady and not brush.paints.still
        motion = self._motion(small) if steady or self._fade.runs else self._forget()
        carried = self._history.carried(motion) if steady else None
        if isinstance(brush.plays, Recurrent):
            painted = brush.plays.paint(small, carried)
        else:
            painted = brush.plays.paint(small)
        if steady:
            painted = self._history.blend(painted, carried)
        return self._fade(painted, motion)

    def _motion(self, small: Picture) -> Motion | None:
        now, before = reduced(small), self._before
        self._before = now
        if before is None or before.shape != now.shape:
            return None
        return measure_motion(now, before, self._estimator)

    def _forget(self) -> None:
        """Motion is between neighbours: what was last looked at is no longer one."""
        if self._before is not None:
            self._before, self._history = None, History(self._hold)

    def _finished(self, painted: Picture, source: Picture, share: float) -> Picture:
        if self._luma:
            painted = brightness_only(painted, source)
        if share == 1 and self._mask is None:
            return painted
        return faded(painted, source, share, self._mask)


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
        return faded(picture, last if motion is None else self._moved(last, motion), share, None)


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

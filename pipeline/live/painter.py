"""Paints live frames one by one, none of them looked ahead of: as soon as one is there, it goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from ..core.frame import Frame, Motion, Picture, Plane, Rgb
from ..imaging.compositing import brightness_only, fade
from ..imaging.resize import reduce_for_flow, resize_picture, restore_detail
from ..temporal.consistency import History, Recurrent
from ..temporal.flow import FlowEstimator, measure_motion
from .controls import State
from .crossfade import FADE, Crossfade, mirrored
from .loader import LoadedStyle, StyleLoader, StyleRequest
from .resolution import ResolutionController


class LivePainter:
    """Source frames → what is shown, as the controls say.

    Args:
        tailor: has what paints.
        estimator: of motion.
        hold: share of the past where it can be trusted, of ``steady.BLEND_WEIGHTS``.
        governor: says at which size; ``None``: always the frame's.
        luma: keep the source's colours.
        mask: (H, W), 0–255, white where it is painted.
    """

    def __init__(
        self,
        tailor: StyleLoader,
        estimator: FlowEstimator,
        hold: float,
        governor: ResolutionController | None = None,
        luma: bool = False,
        mask: Plane | None = None,
    ) -> None:
        self.brush: LoadedStyle | None = None
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
        self._fade = Crossfade(FADE)

    def paint(self, frame: Frame, state: State) -> Frame:
        """The frame as it is shown, with its source as ``original``."""
        began = time.perf_counter()
        if state.mirror:
            frame = replace(frame, picture=mirrored(frame.picture))
        share = self._governor.scale if self._governor is not None else 1.0
        wish = StyleRequest(state.style, state.strength, share)
        brush = self._tailor.brush(frame, wish)
        if brush is not self.brush and self.brush is not None:
            self._fade.begin()
        self.brush = brush
        small = resize_picture(frame.picture, brush.size)
        painted = self._painted(small, brush, state)
        shown = restore_detail(painted, frame.picture, small)
        shown = self._finished(shown, frame.picture, brush.fade)
        took = time.perf_counter() - began
        if self._governor is not None and self._governor.record(took, brush.wish.share):
            self.stepped(self._governor.scale)
        return replace(frame, picture=shown, original=frame.picture)

    def _painted(self, small: Picture, brush: LoadedStyle, state: State) -> Picture:
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
        now, before = reduce_for_flow(small), self._before
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
        return fade(painted, source, share, self._mask)

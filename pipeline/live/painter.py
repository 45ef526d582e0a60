"""Paint live frames one by one; none waits for the next."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from ..core.frame import Frame, Picture
from ..imaging.compositing import mirror
from ..imaging.resize import reduce_for_flow, resize_picture, restore_detail
from ..styles.finish import Finish
from ..styles.repaint import Repaint, Repainter, opacity_of
from ..temporal.canvas import TravellingCanvas
from ..temporal.consistency import TemporalBlend
from ..temporal.flow import FlowEstimator
from ..temporal.motion import MotionMeter
from ..temporal.shots import CutDetector
from .controls import State
from .crossfade import FADE, Crossfade
from .loader import LoadedStyle, StyleLoader, StyleRequest
from .resolution import ResolutionController


class LivePainter:
    """Source frames → painted frames, as the controls say.

    Args:
        loader: the loader of the style that paints.
        estimator: the estimator of optical flow.
        weight: the weight of the past in the temporal blend, 0..1.
        controller: chooses the size at which frames are painted; ``None``: always the frame's own.
        finish: blends the painting with its source.
        canvas: strength of the canvas, for styles that take one, 0..2.
        repaint: what of a frame is painted again.
    """

    def __init__(
        self,
        loader: StyleLoader,
        estimator: FlowEstimator,
        weight: float,
        controller: ResolutionController | None = None,
        finish: Finish | None = None,
        canvas: float = 1.0,
        repaint: Repaint = "all",
    ) -> None:
        self.loaded: LoadedStyle | None = None
        """What painted the last frame."""
        self.on_scale: Callable[[float, float], None] = lambda scale, rate: None
        """Called when the size changes: with its sides, of the frame's, and the rate to hold."""
        self._loader = loader
        self._meter = MotionMeter(estimator)
        self._controller = controller
        self._finish = finish or Finish()
        self._blend = TemporalBlend(weight)
        self._canvas = TravellingCanvas(canvas)
        self._repainter = Repainter(repaint)
        self._cuts = CutDetector()
        self._shots = 0
        self._fade = Crossfade(FADE)

    def paint(self, frame: Frame, state: State) -> Frame:
        """Paint a frame: the result is the frame with ``painted``, finished."""
        began = time.perf_counter()
        if state.mirror:
            frame = replace(frame, source=mirror(frame.source))
        scale = self._controller.scale if self._controller is not None else 1.0
        request = StyleRequest(state.style, state.strength, scale, self._shots)
        loaded = self._loader.style_for(frame, request)
        if self.loaded is not None and loaded.shot.style is not self.loaded.shot.style:
            self._fade.begin()
        self.loaded = loaded
        blends = state.steady and not loaded.info.per_pixel
        small = replace(frame, source=resize_picture(frame.source, loaded.size))
        small = self._with_past(small, loaded, blends)
        painted = self._paint_small(small, loaded, blends)
        painted = restore_detail(painted, frame.source, small.source)
        output = self._finish(frame, painted, opacity_of(small, loaded.shot.style))
        seconds = time.perf_counter() - began
        if self._controller is not None and self._controller.record(seconds, loaded.request.scale):
            self.on_scale(self._controller.scale, self._controller.rate)
        return replace(frame, painted=output)

    def _with_past(self, small: Frame, loaded: LoadedStyle, blends: bool) -> Frame:
        """The frame with ``cut``, and with its motion and its canvas where they are used."""
        small = self._follow(small, blends or (loaded.info.canvas and self._canvas.moves))
        if loaded.info.canvas:
            return self._canvas.step(small)
        self._canvas.reset()
        return small

    def _paint_small(self, small: Frame, loaded: LoadedStyle, blends: bool) -> Picture:
        """The painting, blended with the last output and faded into from the style before."""
        shot = loaded.shot.style
        if not blends:
            self._blend.reset()
            painted = self._repainter.paint(small, shot, blended=False).picture
            return self._fade(painted, small.motion)
        self._blend.advance(small)
        if loaded.info.recurrent:
            painted = self._blend.mix(shot.paint(small, self._blend.state(small.source)))
        else:
            new = self._repainter.paint(small, shot, blended=True)
            painted = self._blend.mix(new.picture, new.carried)
        return self._fade(painted, small.motion)

    def _follow(self, small: Frame, needs_motion: bool) -> Frame:
        """The frame with ``cut``, and with its motion where that is used."""
        small = replace(small, reduced=reduce_for_flow(small.source))
        if not self._meter.follows(small):
            small = replace(small, cut=True)
        elif small.reduced is not None and self._cuts(small.reduced):
            self._shots += 1
            self._fade.end()
            small = replace(small, cut=True)
        return self._meter.step(small, needs_motion or self._fade.runs)

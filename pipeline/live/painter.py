"""Paint live frames one by one; none waits for the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from ..core.concurrency import thread_name
from ..core.frame import Frame, Picture, SourcePicture
from ..imaging.compositing import mirror
from ..imaging.resize import FLOW_SIDE, reduce_for_flow, resize_picture, restore_detail
from ..imaging.surface import Surface
from ..people.follow import Follower
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

_LEAST_FLOW = 240  # px; of the longest side of the pictures that flow is computed on, at most


class LivePainter:
    """Source frames → painted frames, as the controls say.

    What a frame needs of the last output is done while its canvas is laid and its net runs: so both
    cores of a small machine have work, and no frame waits for the next one.

    Args:
        loader: the loader of the style that paints.
        estimator: the estimator of optical flow.
        weight: the weight of the past in the temporal blend, 0..1.
        controller: chooses the size at which frames are painted; ``None``: always the frame's own.
        finish: blends the painting with its source.
        canvas: strength of the canvas, for styles that take one, 0..2.
        repaint: what of a frame is painted again.
        wanted: what is found in every frame by itself; see ``Follower``.
        hold: frames for which each painted one is displayed.
        surface: paper and grain; ``None``: neither.
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
        wanted: Sequence[str] = (),
        hold: int = 1,
        surface: Surface | None = None,
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
        self._hold = hold
        self._surface = surface
        self._held: Picture | None = None
        self._left = 0  # frames for which that is still displayed
        self._cuts = CutDetector()
        self._shots = 0
        self._fade = Crossfade(FADE)
        self._alongside = ThreadPoolExecutor(1, thread_name("blend"))
        self._looking = ThreadPoolExecutor(1, thread_name("people"))
        self._follower = Follower(wanted, alongside=self._looking) if wanted else None

    def close(self) -> None:
        """End the threads that work alongside."""
        self._alongside.shutdown()
        self._looking.shutdown(cancel_futures=True)

    def paint(self, frame: Frame, state: State) -> Frame:
        """Paint a frame: the result is the frame with ``painted``, finished."""
        if state.mirror:
            frame = replace(frame, source=mirror(frame.source))
        if not self._left or self._held is None or self._held.shape != frame.source.shape:
            self._held, self._left = self._painted(frame, state), self._hold
        self._left -= 1
        surface = self._surface
        picture = self._held if surface is None else surface(self._held, frame.time)
        return replace(frame, painted=picture)

    def _painted(self, frame: Frame, state: State) -> Picture:
        """The frame, painted and finished."""
        began = time.perf_counter()
        scale = self._controller.scale if self._controller is not None else 1.0
        request = StyleRequest(state.style, state.strength, scale, self._shots)
        loaded = self._loader.style_for(frame, request)
        if self.loaded is not None and loaded.shot.style is not self.loaded.shot.style:
            self._fade.begin()
        self.loaded = loaded
        blends = state.steady and not loaded.info.per_pixel
        small = replace(frame, source=resize_picture(frame.source, loaded.size))
        small = self._follow(small, loaded, blends)
        painted = self._paint_small(small, loaded, blends)
        whole = restore_detail(painted.picture, frame.source, small.source)
        known = replace(frame, reduced=small.reduced, people=small.people, faces=small.faces)
        output = self._finish(known, whole, painted.opacity)
        seconds = time.perf_counter() - began
        if self._controller is not None and self._controller.record(seconds, loaded.request.scale):
            self.on_scale(self._controller.scale, self._controller.rate)
        return output

    def _paint_small(self, small: Frame, loaded: LoadedStyle, blends: bool) -> Frame:
        """The frame painted, blended with the last output and faded into from the style before."""
        past = self._bring_past(small, blends)
        small = self._lay_canvas(small, loaded)
        shot = loaded.shot.style
        if blends and loaded.info.recurrent:
            past.result()
            picture = shot.paint(small, self._blend.state(small.source))
            done = replace(small, painted=picture, opacity=opacity_of(small, shot))
        else:
            done = self._repainter.paint(small, shot, blended=blends)
        past.result()
        picture = self._blend.mix(done.picture, done.carried) if blends else done.picture
        return replace(done, painted=self._fade(picture, small.motion))

    def _bring_past(self, small: Frame, blends: bool) -> Future[None]:
        """Warp the last output to the frame, alongside; or forget it."""
        if blends:
            return self._alongside.submit(self._blend.advance, small)
        return self._alongside.submit(self._blend.reset)

    def _lay_canvas(self, small: Frame, loaded: LoadedStyle) -> Frame:
        """The frame with its canvas, for a style that takes one."""
        if loaded.info.canvas:
            return self._canvas.step(small)
        self._canvas.reset()
        return small

    def _follow(self, small: Frame, loaded: LoadedStyle, blends: bool) -> Frame:
        """The frame with ``cut``, and with its motion where that is used."""
        small = replace(small, reduced=self._reduced(small.source, loaded))
        if not self._meter.follows(small):
            small = replace(small, cut=True)
        elif small.reduced is not None and self._cuts(small.reduced):
            self._shots += 1
            self._fade.end()
            small = replace(small, cut=True)
        moves = loaded.info.canvas and self._canvas.moves
        follows = self._follower is not None
        small = self._meter.step(small, blends or moves or follows or self._fade.runs)
        return small if self._follower is None else self._follower.step(small)

    def _reduced(self, picture: Picture, loaded: LoadedStyle) -> SourcePicture:
        """The picture that flow is computed on.

        Where the size at which is painted has been lowered, because the machine is too slow, this
        is lowered with it: it takes as long as the net.
        """
        side = round(FLOW_SIDE * loaded.request.scale)
        return reduce_for_flow(picture, max(_LEAST_FLOW, side))

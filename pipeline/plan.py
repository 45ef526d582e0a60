"""What a run will do, decided before its first frame: whatever can be refused is refused here.

``planning.make_plan`` makes one of the settings; ``render`` runs it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from .core.frame import ALL, Frame, Span
from .core.placement import work_parent
from .keyframes.run import (
    KeyframeBackend,
    KeyframeJob,
    Stage,
    prepare_keyframes,
)
from .media.constant_rate import at_rate
from .media.encoding import Encoding
from .media.size_estimate import bytes_text, estimate_bytes, free_bytes
from .media.source import Source, SourceInfo
from .media.standard_output import NAME, PipeFormat
from .media.streams import StreamPlan
from .styles.finish import Finish
from .styles.masks import ContentMasks, Masks
from .styles.per_shot import paint_shots
from .styles.repaint import Repaint
from .styles.style import Style, StyleInfo
from .styles.untouched import Untouched
from .temporal.canvas import lay_still, travel
from .temporal.consistency import TemporalBlend
from .temporal.flow import FlowEstimator
from .temporal.motion import attach_motion
from .temporal.scenes import Shots

log = logging.getLogger(__name__)

# Seconds before --start that are painted too: after twelve frames, 3 % of the blend's weight is
# left on what came before them.
_SETTLE = Fraction(1, 2)


@dataclass(frozen=True)
class Plan:
    """A run, decided and opened."""

    source: Source
    target: Path
    span: Span
    """The part of the source that is read."""
    style: Style | None
    """What paints; ``None``: key frames do."""
    keyframes: KeyframeJob | None
    strength: float
    blend: float | None
    """Weight of the past in the temporal blend; ``None``: it is off."""
    canvas: float | None
    """Strength of the canvas; ``None``: the style takes none."""
    is_film: bool
    """The frames follow each other: the canvas moves with the scene, and there are fades."""
    repaint: Repaint
    """What of a frame is painted again."""
    flow: FlowEstimator | None
    """Where motion is needed."""
    shots: Shots
    finish: Finish
    masks: Masks | None
    mask: str | None
    """Their name, as the user typed it."""
    content_masks: ContentMasks | None
    mirror: bool
    deep: bool
    """The result has more than 8 bits a channel."""
    rate: Fraction | None
    """Constant frame rate of the output; ``None``: every frame keeps its own time."""
    encoding: Encoding | None
    """Of a video; ``None``: pictures are written."""
    streams: tuple[StreamPlan, ...]
    """What happens to the source's other streams."""
    names: str
    """Of the pictures, where pictures are written; with a printf number where there are several."""
    overwrite: bool
    pipe: PipeFormat | None = None
    """Of what is written to standard output; ``None``: ``target`` is a file or folder."""

    @property
    def frames(self) -> int | None:
        """How many frames are expected."""
        return self.output_info.expected_frames(self.span)

    @property
    def output_info(self) -> SourceInfo:
        """What is known of the frames that are written, of the size and shape of the source's."""
        info = self.source.info
        return info if self.rate is None else at_rate(info, self.rate)

    def open_painter(self, backend: KeyframeBackend | None = None) -> tuple[StyleInfo, Stage]:
        """Open what paints and return it with its stage.

        Key frames are painted by this call, which can take minutes.

        Args:
            backend: paints key frames and learns from them, where the settings ask for it.

        Returns:
            What paints, for messages; and its stage, which turns an iterator of source frames into
            one of painted frames.
        """
        if self.style is None:
            assert self.keyframes is not None
            assert self.flow is not None
            return prepare_keyframes(self.keyframes, self.flow, backend)
        info = self.style.info
        blend = None
        if info.recurrent and self.blend is not None:
            blend = TemporalBlend(self.blend)
        stage = partial(
            paint_shots,
            style=self.style,
            strength=self.strength,
            blend=blend,
            since=self._painted_since,
            is_film=self.is_film,
            repaint=self.repaint,
        )
        return info, stage

    @property
    def is_untouched(self) -> bool:
        """Whether a video's frames are encoded again as they are."""
        changes = self.masks is not None or self.mirror or self.rate is not None
        changes = changes or self.encoding is None
        return isinstance(self.style, Untouched) and not changes

    @property
    def starts_inside(self) -> bool:
        """Whether the beginning of a shot must be read too, before ``span``."""
        start = self.span.start
        inside = start is not None and start > self.source.info.start
        return inside and self.style is not None and self.shots.needed

    @property
    def _painted_since(self) -> Fraction | None:
        """The time of the first frame that is painted: the blend needs some before ``span``."""
        if not self.starts_inside or self.span.start is None:
            return None
        return self.span.start - (0 if self.blend is None else _SETTLE)

    def attach_motion(self, frames: Iterable[Frame]) -> Iterable[Frame]:
        """Stage: give the frames their motion and their canvas, where they are needed."""
        if self.flow is not None and self.style is not None:
            frames = attach_motion(frames, self.flow)
        if self.canvas is None:
            return frames
        stage = travel if self.is_film else lay_still
        return stage(frames, self.canvas)

    def lines(self) -> list[str]:
        """The plan for the user, a line each: what is read, painted, written and left out."""
        info = self.source.info
        span = "" if self.span == ALL else f", from {_seconds(self.span.start, info)}"
        if self.span.end is not None:
            span += f" to {_seconds(self.span.end, info)}"
        target = self.target if self.pipe is None else NAME
        lines = [
            f"read     {info.name}: {info.width}x{info.height}, {self._length()}{span}",
            f"paint    {self._style_line()}",
            f"flicker  {self._blend_line()}",
            *self._canvas_lines(),
            *self._repaint_lines(),
            f"write    {target}{self._encoding_line()}",
            *self._disk_lines(),
        ]
        if self.mask is not None:
            lines.append(f"mask     {self.mask}")
        if self.mirror:
            lines.append("mirror   left and right are exchanged")
        return lines + [f"stream   {plan.line}" for plan in self.streams]

    @property
    def _space(self) -> tuple[int, int] | None:
        """Bytes that are needed while the output is made, and that are free; ``None``: unknown."""
        if self.pipe is not None or self.frames is None or self.source.info.frames == 1:
            return None
        info, copies = self.source.info, 1 if self.encoding is None else 2
        free = free_bytes(work_parent(self.target))
        needed = estimate_bytes(info.width, info.height, self.frames, self.encoding) * copies
        return None if free is None else (needed, free)

    def _disk_lines(self) -> list[str]:
        if self._space is None:
            return []
        needed, free = map(bytes_text, self._space)
        where = work_parent(self.target)
        twice = "" if self.encoding is None else ", half of it only until the sound is joined"
        return [f"disk     about {needed}{twice}; {free} free in {where}"]

    def warn_of_full_disk(self) -> None:
        """Log a warning where the output will not fit on its disk."""
        if self._space is not None and self._space[0] > self._space[1]:
            needed, free = map(bytes_text, self._space)
            log.warning(
                "%s may not fit: about %s is needed, %s is free in %s; what is painted is kept if "
                "the disk is full", self.target, needed, free, work_parent(self.target),
            )  # fmt: skip

    def _length(self) -> str:
        """Frame rate and number of frames; of pictures that stay pictures, the number alone."""
        info = self.source.info
        if info.frames == 1:
            return "one picture"
        if info.container is None and self.encoding is None:
            return f"{self.frames} pictures"
        count = "" if self.frames is None else f", {self.frames} frames"
        return f"{float(info.rate):.5g} frames/s{count}"

    def _style_line(self) -> str:
        strength = "" if self.strength == 1 else f", strength {self.strength:g}"
        if self.style is None:
            assert self.keyframes is not None
            return f"{self.keyframes.name}, by key frames{strength}"
        style = self.style.info
        return f"{style.name} ({style.kind}) on {style.device}{strength}"

    def _blend_line(self) -> str:
        if self.blend is None:
            return "frames are not blended"
        return f"previous output blended in with weight {self.blend:g}, along the motion"

    def _canvas_lines(self) -> list[str]:
        if self.canvas is None:
            return []
        how = "moves with the scene" if self.is_film else "does not move"
        return [f"canvas   strength {self.canvas:g}, {how}" if self.canvas else "canvas   off"]

    def _repaint_lines(self) -> list[str]:
        if self.style is None or not self.style.info.parts or not self.is_film:
            return []
        return [f"repaint  {_REPAINT_LINES[self.repaint]}"]

    def _encoding_line(self) -> str:
        if self.encoding is None:
            return ""
        options = " ".join(f"{k}={v}" for k, v in self.encoding.options.items())
        rate = "" if self.rate is None else f", a constant {float(self.rate):.5g} frames/s"
        return f": {self.encoding.codec}, {self.encoding.pixel_format}, {options}{rate}"


_REPAINT_LINES: dict[Repaint, str] = {
    "all": "every frame is painted whole",
    "changes": "what has changed",
    "twos": "what has changed; what moves in every second frame",
}


def _seconds(time: Fraction | None, info: SourceInfo) -> str:
    """A time of the source's clock as seconds after its first frame."""
    return f"{float((time if time is not None else info.start) - info.start):.2f} s"

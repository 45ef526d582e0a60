"""What a run will do, decided before its first frame: whatever can be refused is refused here.

``planning.make_plan`` makes one of the settings; ``render`` runs it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from .core.config import Settings
from .core.frame import ALL, Frame, Span
from .core.placement import work_parent
from .core.saved import settings_tag
from .imaging.surface import Surface
from .keyframes.run import KeyframeJob
from .media.constant_rate import at_rate
from .media.encoding import Encoding, lossless
from .media.outputs import ANIMATIONS, container_of
from .media.pipe import PipedFile
from .media.remote import RemotePlace
from .media.size_estimate import (
    bytes_text,
    estimate_bytes,
    estimate_memory,
    free_bytes,
    free_memory,
)
from .media.source import Source, SourceInfo
from .media.standard_output import NAME, PipeFormat
from .media.streams import StreamPlan
from .people.follow import follow_people
from .styles.finish import Finish
from .styles.masks import ContentMasks, FrameMasks
from .styles.repaint import Repaint
from .styles.style import Style
from .styles.untouched import Untouched
from .temporal.canvas import PERIOD, lay_still, travel
from .temporal.consistency import BLEND_WEIGHTS
from .temporal.division import Division
from .temporal.flow import FlowEstimator
from .temporal.hold import hold_frames
from .temporal.motion import attach_motion
from .temporal.scenes import Shots
from .timeline.schedule import Schedule

log = logging.getLogger(__name__)

# Weight of the temporal blend → frames before a chunk that are painted too: after so many, 3 % of
# the weight is left on what came before them; and frames in which what is known of the light and of
# what stands still stops to depend on those before. All of them last this long at least, seconds.
_SETTLE = {BLEND_WEIGHTS["flow"]: 12, BLEND_WEIGHTS["strong"]: 22}
_FORGET = 13
_AHEAD = 12  # frames of a shot that wait to be measured
_LEAST = Fraction(1, 2)
# Of the length at which a shot is divided; a cut costs nothing: no run-up.
_LEAST_AT_CUTS = Fraction(1, 6)


@dataclass(frozen=True)
class Plan:
    """A run, decided and opened."""

    settings: Settings
    """Of which it was made."""
    source: Source
    target: Path
    output: str
    """As the user typed it."""
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
    masks: FrameMasks | None
    mask: str | None
    """Their name, as the user typed it."""
    content_masks: ContentMasks | None
    wanted: tuple[str, ...]
    """What is found in every frame by itself: people, faces."""
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
    hold: int = 1
    """Frames for which each painted one is displayed."""
    surface: Surface | None = None
    """Paper and grain; ``None``: neither."""
    remote: RemotePlace | None = None
    """Where the output is put when it is complete, far away; ``target`` is its name here."""
    timeline: Schedule | None = None
    """What changes in the course of the film."""
    pipe: PipeFormat | None = None
    """Of what is written to standard output; ``None``: ``target`` is a file or folder."""

    @property
    def frames(self) -> int | None:
        """How many frames are expected."""
        return self.output_info.expected_frames(self.span)

    @property
    def tag(self) -> str | None:
        """The settings for the output's metadata; ``None``: they are not written."""
        if not self.settings.save_settings:
            return None
        return settings_tag(self.settings, self.source.info.name)

    @property
    def output_info(self) -> SourceInfo:
        """What is known of the frames that are written, of the size and shape of the source's."""
        info = self.source.info
        return info if self.rate is None else at_rate(info, self.rate)

    @property
    def is_animation(self) -> bool:
        """A GIF, APNG or WebP is written, which can't be joined of segments: it is encoded last."""
        return self.encoding is not None and container_of(self.target)[0] in ANIMATIONS

    @property
    def segment_encoding(self) -> Encoding | None:
        """Of the segments of a video."""
        return lossless(self.output_info, self.deep) if self.is_animation else self.encoding

    @property
    def is_untouched(self) -> bool:
        """Whether a video's frames are encoded again as they are."""
        changes = self.masks is not None or self.mirror or self.rate is not None
        changes = changes or self.encoding is None or self.hold > 1 or self.surface is not None
        return isinstance(self.style, Untouched) and not changes

    @property
    def starts_inside(self) -> bool:
        """Whether the beginning of a shot must be read too, before ``span``."""
        start = self.span.start
        inside = start is not None and start > self.source.info.start
        return inside and self.style is not None and self.shots.needed

    @property
    def division(self) -> Division:
        """How the film is divided into chunks."""
        info = self.source.info
        whole = self.style is None or self.pipe is not None or info.frames == 1
        whole = whole or isinstance(info.container, PipedFile)
        if whole:
            return Division(None)
        length = _periods(Fraction(self.settings.chunk_seconds))
        if not self.shots.needed:
            return Division(length, length * _LEAST_AT_CUTS, self.source.seeks)
        forget, settle, measured = (
            self._lasting(count) for count in (_FORGET, _SETTLE.get(self.blend or 0, 0), _AHEAD)
        )
        if self.blend is None:
            settle = Fraction(0) if self.hold == 1 else self.hold / info.rate
        canvas = _periods(max(PERIOD, settle))
        if self.hold > 1:  # all that lasts longer has its place in a part
            length = max(length, _periods(canvas + forget + measured))
        least = length * _LEAST_AT_CUTS
        return Division(length, least, self.source.seeks, canvas + forget, canvas, settle)

    def _lasting(self, count: int) -> Fraction:
        """Seconds of so many frames that are painted; and of the one that is begun before them."""
        frames = count * self.hold + (self.hold if self.hold > 1 else 0)
        return min(PERIOD * self.hold, max(_LEAST, frames / self.source.info.rate))

    @property
    def workers(self) -> int:
        """Processes that render here: several where the film's middle can be read by itself."""
        return self.settings.workers if self._is_shared and not self.on_cluster else 1

    @property
    def on_cluster(self) -> bool:
        """Whether a Ray cluster renders."""
        return self.settings.engine == "ray" and self._is_shared

    @property
    def _is_shared(self) -> bool:
        return self.division.length is not None and self.source.seeks

    def style_began(self, shot: Fraction, time: Fraction | None) -> Fraction:
        """When the style that paints at a time began: with its shot, or in it, by a timeline.

        Args:
            shot: the time at which the shot began.
            time: in the shot, seconds.
        """
        jump = None
        if self.timeline is not None and time is not None:
            jump = self.timeline.last_jump(time)
        return shot if jump is None else max(shot, jump)

    def hold_frames(
        self, frames: Iterable[Frame], begin: Fraction | None = None
    ) -> Iterable[Frame]:
        """Stage of ``--hold``: leave out the frames that are not displayed; see ``hold_frames``."""
        if self.hold == 1:
            return frames
        return hold_frames(frames, self.hold, self.source.info.rate, begin)

    def attach_motion(
        self, frames: Iterable[Frame], begin: Fraction | None = None
    ) -> Iterable[Frame]:
        """Stage: give the frames their motion, parts and canvas, where they are needed.

        Args:
            frames: of the source.
            begin: the time at which the shot began of which they begin in the middle.
        """
        if self.flow is not None and (self.style is not None or self.wanted):
            frames = attach_motion(frames, self.flow)
        if self.wanted:
            frames = follow_people(frames, self.wanted, begin, self.is_film)
        if self.content_masks is not None:
            frames = self.content_masks.attach(frames)
        if self.canvas is None:
            return frames
        if not self.is_film:
            return lay_still(frames, self.canvas)
        return travel(frames, self.canvas, begin)

    def lines(self) -> list[str]:
        """The plan for the user, a line each: what is read, painted, written and left out."""
        info = self.source.info
        span = "" if self.span == ALL else f", from {_seconds(self.span.start, info)}"
        if self.span.end is not None:
            span += f" to {_seconds(self.span.end, info)}"
        target = self.output if self.remote is not None else self.target
        target = target if self.pipe is None else NAME
        lines = [
            f"read     {info.name}: {info.width}x{info.height}, {self._length()}{span}",
            f"paint    {self._style_line()}",
            *([] if self.timeline is None else self.timeline.lines()),
            f"flicker  {self._blend_line()}",
            *self._canvas_lines(),
            *self._repaint_lines(),
            *self._direction_lines(),
            f"write    {target}{self._encoding_line()}",
            *self._disk_lines(),
            *self._worker_lines(),
        ]
        if self.mask is not None:
            lines.append(f"mask     {self.mask}")
        if self.settings.protect is not None:
            less = self.settings.protect_strength
            lines.append(f"protect  {self.settings.protect}, {less:.0%} less style")
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

    def _worker_lines(self) -> list[str]:
        if self.settings.engine == "ray":
            where = self.settings.address or "the one of this computer"
            here = "this computer alone: this film can't be read from its middle"
            return [f"workers  Ray cluster, {where}" if self.on_cluster else f"workers  {here}"]
        if self.settings.workers == 1:
            return []
        if self.workers == 1:
            return ["workers  1: this film can't be read from its middle"]
        info = self.source.info
        each, free = estimate_memory(info.width, info.height), free_memory()
        fit = "" if free is None else f"; {bytes_text(free)} is free, enough for {free // each}"
        return [f"workers  {self.workers}, about {bytes_text(each)} of memory each{fit}"]

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

    def _direction_lines(self) -> list[str]:
        lines = [f"hold     each painted frame is displayed for {self.hold}"]
        lines = lines if self.hold > 1 else []
        if self.surface is not None:
            lines.append(f"surface  {self.surface}")
        return lines

    def _encoding_line(self) -> str:
        if self.encoding is None:
            return ""
        options = " ".join(f"{k}={v}" for k, v in self.encoding.options.items())
        rate = "" if self.rate is None else f", a constant {float(self.rate):.5g} frames/s"
        return f": {self.encoding.codec}, {self.encoding.pixel_format}, {options}{rate}"


def _periods(time: Fraction) -> Fraction:
    """At least so many seconds: the canvas is renewed at times that are multiples of its period."""
    return math.ceil(time / PERIOD) * PERIOD


_REPAINT_LINES: dict[Repaint, str] = {
    "all": "every frame is painted whole",
    "changes": "what has changed",
    "twos": "what has changed; what moves in every second frame",
}


def _seconds(time: Fraction | None, info: SourceInfo) -> str:
    """A time of the source's clock as seconds after its first frame."""
    return f"{float((time if time is not None else info.start) - info.start):.2f} s"

"""What a run will do, decided before its first frame: whatever can be refused is refused here.

``make_plan`` reads the settings and opens what they name; ``render`` runs the plan.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import av

from .core.applicability import refuse_inapplicable
from .core.config import Settings
from .core.errors import SinkError, SourceError, reason
from .core.files import PICTURE_SUFFIXES, neighbour
from .core.frame import ALL, Frame, Span
from .core.job import Job, StyleKind
from .core.placement import work_parent
from .core.units import parse_time
from .keyframes.run import (
    KeyframeBackend,
    KeyframeJob,
    Stage,
    check_keyframes,
    has_keyframes,
    prepare_keyframes,
)
from .media.constant_rate import at_rate
from .media.encoding import Content, Encoding, choose_encoding
from .media.inputs import open_source
from .media.kind import output_kind, piped_kind, source_kind
from .media.outputs import check_output, container_of, is_video, split_sequence
from .media.pipe import PIPE
from .media.size_estimate import bytes_text, estimate_bytes, free_bytes
from .media.source import Reading, Source, SourceInfo
from .media.standard_output import FORMATS, NAME, PipeFormat, check_terminal, pipe_encoding
from .media.streams import StreamPlan, plan_streams
from .styles.finish import Finish
from .styles.kind import style_kinds
from .styles.masks import ContentMasks, Masks, open_content_masks, open_masks
from .styles.open import open_style
from .styles.per_shot import paint_shots
from .styles.style import Style, StyleInfo
from .styles.untouched import Untouched
from .temporal.canvas import lay_still, travel
from .temporal.consistency import BLEND_WEIGHTS, TemporalBlend
from .temporal.flow import FlowEstimator, attach_motion, open_flow
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

    def _encoding_line(self) -> str:
        if self.encoding is None:
            return ""
        options = " ".join(f"{k}={v}" for k, v in self.encoding.options.items())
        rate = "" if self.rate is None else f", a constant {float(self.rate):.5g} frames/s"
        return f": {self.encoding.codec}, {self.encoding.pixel_format}, {options}{rate}"


def make_plan(source: str | Path, output: str | Path, settings: Settings | None = None) -> Plan:
    """Decide a run from file to file, and open what it needs. Nothing is written.

    Args:
        source: a video file, a picture, a folder or a pattern of pictures; ``-``: standard input.
        output: a video file; a picture; or a folder, for numbered PNGs; ``-``: standard output.
        settings: see ``Settings``.

    Raises:
        StylizeError: what can't be done, in one line.
    """
    settings = settings or Settings.model_validate({})
    pipe = FORMATS[settings.format] if str(output) == PIPE else None
    if pipe is None:
        target, names = split_sequence(Path(output))
        check_output(target, settings, str(output), names)
    else:
        target, names = Path(f"stdout{pipe.like}"), ""
        check_terminal()
    kinds = style_kinds(settings)
    keep_hdr = _keeps_hdr(settings, kinds)
    opened = _open(str(source), settings, keep_hdr, work_parent(target) if pipe is None else None)
    info = opened.info
    _refuse_same(info.files, target)
    film = info.frames != 1
    encodes = is_video(target, film)
    if not encodes:
        _check_one_picture(target, info)
    check_keyframes(settings, info)
    piped, raw = piped_kind(opened)
    job = Job(
        kinds,
        source_kind(opened),
        output_kind(target, film),
        reads_pipe=piped,
        reads_raw=raw,
        writes_pipe=pipe is not None,
    )
    refuse_inapplicable(settings, job)
    span = _span(settings, info)
    content_masks = None
    style = None
    if not has_keyframes(settings):
        content_masks = open_content_masks(settings, opened)
        style = open_style(settings, content_masks)
        refuse_inapplicable(settings, replace(job, canvas=style.info.canvas))
        style = style if settings.strength else Untouched(style.info)
    blend = _blend(settings, style, info)
    canvas = settings.canvas if style is not None and style.info.canvas else None
    travels = bool(canvas) and job.is_film
    needs_cuts = style is None or style.info.per_shot or travels or blend is not None
    shots = Shots(settings.scenes, info.start, target, needs_cuts)
    keyframes = None
    if style is None:
        folder = neighbour(target, target.stem, ".keyframes")
        keyframes = KeyframeJob(opened, span, settings, shots.mark, folder)
    masks = open_masks(settings, opened)
    deep = info.bits > 8 and _has_more_than_8_bits(settings, style)
    keep_hdr = keep_hdr and info.color.is_hdr
    content = Content(deep or (keep_hdr and info.bits > 8), info.alpha, keep_hdr)
    encoding = None
    if pipe is not None:
        encoding = pipe_encoding(pipe, settings, info, content)
    elif encodes:
        encoding = choose_encoding(target, settings, info, content)
    plan = Plan(
        source=opened,
        target=target,
        span=span,
        style=style,
        keyframes=keyframes,
        strength=settings.strength,
        blend=blend,
        canvas=canvas,
        is_film=job.is_film,
        flow=_flow(settings, style is None or travels or blend is not None),
        shots=shots,
        finish=Finish(settings.palette == "source", masks),
        masks=masks,
        mask=settings.mask,
        content_masks=content_masks,
        mirror=settings.mirror,
        deep=deep,
        rate=settings.constant_rate,
        encoding=encoding,
        streams=_streams(info, target, pipe) if encodes else (),
        names=picture_name(target) or names,
        overwrite=settings.overwrite,
        pipe=pipe,
    )
    plan.warn_of_full_disk()
    return plan


def _open(source: str, settings: Settings, keep_hdr: bool, spool: Path | None) -> Source:
    """Open the source as the settings say; see ``open_source``."""
    reading = Reading(
        keep_hdr=keep_hdr,
        deinterlace=settings.interlaced == "auto",
        decode_on=settings.decode_on,
        hold_gaps=settings.gaps == "hold",
        stream=settings.video_stream,
    )
    opened = open_source(
        source, settings.size, settings.rate, reading, raw=settings.raw, spool=spool
    )
    if opened.info.interlaced and reading.deinterlace:
        log.warning("interlaced video: it is deinterlaced; --interlaced keep leaves its lines")
    return opened


def _keeps_hdr(settings: Settings, kinds: frozenset[StyleKind]) -> bool:
    """Whether PQ and HLG stay as they are: what only grades colours, or nothing, needs no other."""
    grades = kinds <= {"table"} or settings.strength == 0
    return settings.hdr == "keep" or (settings.hdr == "auto" and grades)


def _has_more_than_8_bits(settings: Settings, style: Style | None) -> bool:
    """Whether a result has more bits than nets paint: some of it is the source, or its colours."""
    if style is None:
        return False
    shows_source = settings.strength < 1 or settings.mask is not None
    return style.info.deep or shows_source or settings.palette == "source"


def _blend(settings: Settings, style: Style | None, info: SourceInfo) -> float | None:
    """Weight of the temporal blend, where it is needed."""
    by_net = style is None and settings.between == "net"
    adds_flicker = by_net or (style is not None and not style.info.per_pixel)
    adds_flicker = adds_flicker and info.frames != 1  # one picture has no past
    return BLEND_WEIGHTS[settings.steady] if settings.steady != "off" and adds_flicker else None


def _flow(settings: Settings, needed: bool) -> FlowEstimator | None:
    if not needed:
        return None
    return open_flow(settings.flow, settings.flow_model, settings.device, settings.threads)


def _streams(info: SourceInfo, target: Path, pipe: PipeFormat | None) -> tuple[StreamPlan, ...]:
    if info.container is None:
        return ()
    container = container_of(target)[0] if pipe is None else pipe.container
    try:
        plans = plan_streams(info.container, container, info.stream)
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"{info.name} can't be read: {reason(error)}") from error
    return tuple(plans)


def _check_one_picture(target: Path, info: SourceInfo) -> None:
    if picture_name(target) is not None and info.frames != 1:
        raise SinkError(
            f"output {target} is one picture, but {info.name} has {info.frames or 'many'}; "
            "give a folder (no ending) or a video file"
        )


def picture_name(target: Path) -> str | None:
    """The name of an output that is one picture; ``None`` for a folder or a video."""
    if target.suffix.lower() not in PICTURE_SUFFIXES or target.is_dir():
        return None
    return target.name


def _span(settings: Settings, info: SourceInfo) -> Span:
    """The part that ``--start`` and ``--end`` name, on the source's clock."""
    start = parse_time(settings.start) if settings.start is not None else None
    end = parse_time(settings.end) if settings.end is not None else None
    if start is None and end is None:
        return ALL
    if start is not None and info.duration is not None and start >= info.duration:
        raise SourceError(
            f"--start {settings.start} is past the end of {info.name}, {float(info.duration):.2f} s"
        )
    if end is not None and end <= (start or 0):
        raise SourceError(f"--end {settings.end} is not after --start {settings.start or 0}")
    return Span(
        info.start + start if start is not None else None,
        info.start + end if end is not None else None,
    )


def _seconds(time: Fraction | None, info: SourceInfo) -> str:
    """A time of the source's clock as seconds after its first frame."""
    return f"{float((time if time is not None else info.start) - info.start):.2f} s"


def _refuse_same(sources: Iterable[Path], target: Path) -> None:
    """Refuse to write over what is read, or into a folder of it."""
    for source in sources:
        if not (source.exists() and target.exists()):
            continue
        if source.samefile(target) or (
            target.is_dir() and target.resolve() in source.resolve().parents
        ):
            raise SinkError(f"output {target} is the input itself; give another name")

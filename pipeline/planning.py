"""Make the plan of a run: read the settings, open what they name, refuse what can't be done."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import av

from .core.address import is_remote
from .core.applicability import refuse_inapplicable, without_what_does_not_apply
from .core.config import Settings
from .core.errors import SettingsError, SinkError, SourceError, reason
from .core.files import PICTURE_SUFFIXES, neighbour
from .core.frame import ALL, Span
from .core.job import Job, StyleKind
from .core.placement import work_parent
from .core.units import parse_time
from .imaging.surface import open_surface
from .keyframes.run import (
    KeyframeJob,
    check_keyframes,
    has_keyframes,
)
from .media.encoding import Content, Encoding, choose_encoding
from .media.inputs import open_source
from .media.kind import output_kind, piped_kind, source_kind
from .media.outputs import (
    ANIMATIONS,
    FOLDER_NAMES,
    check_output,
    container_of,
    is_video,
    split_sequence,
)
from .media.pipe import PIPE
from .media.remote import RemotePlace
from .media.sequence import NUMBER
from .media.source import Reading, Source, SourceInfo
from .media.standard_output import FORMATS, PipeFormat, check_terminal, pipe_encoding
from .media.streams import StreamPlan, plan_streams
from .media.trial_join import try_join
from .plan import Plan
from .styles.direction import (
    all_kinds,
    open_directed,
    open_finishing,
)
from .styles.finish import Finish
from .styles.masks import ContentMasks, open_content_masks
from .styles.open import open_style
from .styles.people_masks import wanted_of
from .styles.repaint import Repaint, choose_repaint
from .styles.style import Style
from .styles.untouched import Untouched
from .temporal.consistency import BLEND_WEIGHTS
from .temporal.film_shots import FilmIndex, index_film
from .temporal.flow import FlowEstimator, open_flow
from .temporal.scenes import Shots
from .timeline.points import Timeline, Values
from .timeline.read import read_timeline
from .timeline.schedule import Film, Schedule, schedule

log = logging.getLogger(__name__)


_LONG = 5000  # frames that take a while to read

OpenStyle = Callable[[Settings, ContentMasks | None], Style]


def make_plan(
    source: str | Path,
    output: str | Path,
    settings: Settings | None = None,
    opens: OpenStyle | None = None,
    timeline: Schedule | None = None,
) -> Plan:
    """Decide a run from file to file, and open what it needs. Nothing is written.

    Args:
        source: a video file, a picture, a folder or a pattern of pictures; ``-``: standard input.
        output: a video file; a picture; or a folder, for numbered PNGs; ``-``: standard output.
        settings: see ``Settings``.
        opens: opens the style; ``OpenedStyle`` for several films.
        timeline: that of the settings, where its times in the film are known already.

    Raises:
        StylizeError: what can't be done, in one line.
    """
    settings = settings or Settings.model_validate({})
    out = _choose_output(output, settings)
    written = None if timeline is None else timeline.timeline
    if written is None and settings.timeline is not None:
        written = read_timeline(settings.timeline)
    kinds = all_kinds(settings, written)
    keep_hdr = _keeps_hdr(settings, kinds) and not out.is_raw  # which has no tags
    opened = _open(str(source), settings, keep_hdr, out)
    info = opened.info
    _refuse_same(info, out)
    encodes = is_video(out.target, film=info.frames != 1)
    _check_one_picture(out.target, info, encodes)
    check_keyframes(settings, info)
    job = _job(kinds, opened, out)
    settings = without_what_does_not_apply(settings, job)
    refuse_inapplicable(settings, job)
    span = _span(settings, info)
    if written is not None and timeline is None:
        timeline = _schedule(settings, opened, out, job, written)
    style, content_masks = _open_style(settings, opened, job, opens or open_style, timeline)
    blend = _blend(settings, style, info)
    canvas = settings.canvas if style is not None and style.info.canvas else None
    travels = bool(canvas) and job.is_film
    wanted = wanted_of(settings, () if timeline is None else timeline.masks)
    needs_flow = style is None or travels or blend is not None or (bool(wanted) and job.is_film)
    needs_cuts = needs_flow or settings.hold > 1 or (style is not None and style.info.per_shot)
    shots = Shots(settings.scenes, info.start, out.target, needs_cuts)
    keyframes = None
    if style is None:
        keyframes = KeyframeJob(opened, span, settings, shots.mark, out.keyframes)
    masks, luma = open_finishing(settings, timeline, opened)
    shows_source = _shows_source(settings, timeline)
    content = _content(style, info, keep_hdr, shows_source)
    plan = Plan(
        settings=settings,
        source=opened,
        target=out.target,
        output=str(output),
        span=span,
        style=style,
        keyframes=keyframes,
        strength=settings.strength if timeline is None else 1.0,
        blend=blend,
        canvas=canvas,
        is_film=job.is_film,
        repaint=_repaint(settings, job, info, blend),
        flow=_flow(settings, needs_flow),
        shots=shots,
        finish=Finish(luma, masks),
        masks=masks,
        mask=settings.mask if timeline is None else None,
        content_masks=content_masks,
        wanted=wanted,
        mirror=settings.mirror,
        deep=_has_more_than_8_bits(style, info, shows_source),
        rate=settings.constant_rate or (info.rate if out.is_raw else None),
        encoding=_encoding(out, settings, info, content) if encodes else None,
        streams=_streams(info, out) if encodes else (),
        names=picture_name(out.target) or out.names,
        overwrite=settings.overwrite,
        hold=settings.hold,
        surface=open_surface(settings.paper, settings.grain),
        remote=out.remote,
        timeline=timeline,
        pipe=out.pipe,
    )
    plan.warn_of_full_disk()
    return plan


@dataclass(frozen=True)
class _Output:
    """Where a run writes to."""

    target: Path
    names: str = FOLDER_NAMES
    """Of the pictures of a folder."""
    pipe: PipeFormat | None = None
    """Of standard output; ``target`` is then a name for its kind."""
    remote: RemotePlace | None = None
    """Where the output is put when it is complete; ``target`` is then its name here."""

    @property
    def keyframes(self) -> Path:
        """The folder of the key frames that are painted."""
        return neighbour(self.target, self.target.stem, ".keyframes")

    @property
    def is_raw(self) -> bool:
        """Frames are written uncompressed, and have neither times nor tags."""
        return self.pipe is not None and bool(self.pipe.pixels)


def _choose_output(output: str | Path, settings: Settings) -> _Output:
    if str(output) == PIPE:
        check_terminal()
        pipe = FORMATS[settings.format]
        return _Output(Path(f"stdout{pipe.like}"), pipe=pipe)
    if is_remote(str(output)):
        return _remote_output(str(output), settings)
    target, names = split_sequence(Path(output))
    check_output(target, settings, str(output), names)
    return _Output(target, names)


def _remote_output(output: str, settings: Settings) -> _Output:
    place = RemotePlace(output)
    target = place.local
    numbered = picture_name(target) is not None and NUMBER.search(target.name)
    if numbered or not target.suffix or output.endswith("/"):
        raise SinkError(f"output {output} is a folder; only a film, or one picture, can be there")
    check_output(target, settings, output)
    place.check(settings.overwrite)
    return _Output(target, remote=place)


def _job(kinds: frozenset[StyleKind], source: Source, out: _Output) -> Job:
    piped, raw = piped_kind(source)
    return Job(
        kinds,
        source_kind(source),
        output_kind(out.target, film=source.info.frames != 1),
        reads_pipe=piped,
        reads_raw=raw,
        writes_pipe=out.pipe is not None,
    )


def _schedule(
    settings: Settings, source: Source, out: _Output, job: Job, timeline: Timeline
) -> Schedule:
    """The timeline with its times in the film, which is read as far as that needs.

    Raises:
        SettingsError: the film has no such shot, frame or time.
    """
    info, index = source.info, FilmIndex()
    named = [point for point in timeline.points if point.unit != "at"]
    if named and job.reads_pipe:
        raise SettingsError(
            f"{timeline.where(named[0].line)}: {named[0].name} can't be found before the film has "
            "come through its pipe; write a time: at: 0:12.5"
        )
    if named:
        if (info.frames or 0) > _LONG:
            log.warning("the film is read up to %s first, to find it", named[-1].name)
        shots = Shots(settings.scenes, info.start, out.target, needed=True)
        frames = source.frames(layout="planes")
        marked = shots.mark(frames) if timeline.last_shot else frames
        index = index_film(marked, timeline.last_shot, timeline.frames)
    times = info.start, info.rate, info.duration
    return schedule(
        timeline, Values.of(settings), Film(*times, index.shots, index.frames, index.count)
    )


def _open_style(
    settings: Settings, source: Source, job: Job, opens: OpenStyle, timeline: Schedule | None
) -> tuple[Style | None, ContentMasks | None]:
    """What paints, and the masks of its parts; neither where key frames do."""
    if has_keyframes(settings):
        return None, None
    if timeline is not None:
        directed = open_directed(settings, timeline, job, opens)
        refuse_inapplicable(settings, replace(job, canvas=directed.info.canvas))
        return directed, None
    content_masks = open_content_masks(settings, source)
    style = opens(settings, content_masks)
    refuse_inapplicable(settings, replace(job, canvas=style.info.canvas))
    return (style if settings.strength else Untouched(style.info)), content_masks


def _content(style: Style | None, info: SourceInfo, keep_hdr: bool, shows_source: bool) -> Content:
    """What the frames to encode hold beyond 8 bits of opaque colour."""
    keep_hdr = keep_hdr and info.color.is_hdr
    deep = _has_more_than_8_bits(style, info, shows_source) or (keep_hdr and info.bits > 8)
    return Content(deep, info.alpha, keep_hdr)


def _encoding(out: _Output, settings: Settings, info: SourceInfo, content: Content) -> Encoding:
    if out.pipe is not None:
        return pipe_encoding(out.pipe, settings, info, content)
    encoding = choose_encoding(out.target, settings, info, content)
    if settings.codec is not None and container_of(out.target)[0] not in ANIMATIONS:
        try_join(encoding, out.target, info)
    return encoding


def _open(source: str, settings: Settings, keep_hdr: bool, out: _Output) -> Source:
    """Open the source as the settings say; see ``open_source``."""
    spool = work_parent(out.target) if out.pipe is None else None
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
    grades = kinds <= {"table"} or (settings.strength == 0 and settings.timeline is None)
    return settings.hdr == "keep" or (settings.hdr == "auto" and grades)


def _shows_source(settings: Settings, timeline: Schedule | None) -> bool:
    """Whether some of a result is the source, or its colours."""
    if timeline is not None:
        return timeline.shows_source
    in_part = settings.strength < 1 or settings.mask is not None or settings.protect is not None
    return in_part or settings.palette == "source"


def _has_more_than_8_bits(style: Style | None, info: SourceInfo, shows_source: bool) -> bool:
    """Whether a result has more bits than nets paint."""
    return style is not None and info.bits > 8 and (style.info.deep or shows_source)


def _blend(settings: Settings, style: Style | None, info: SourceInfo) -> float | None:
    """Weight of the temporal blend, where it is needed."""
    by_net = style is None and settings.between == "net"
    adds_flicker = by_net or (style is not None and not style.info.per_pixel)
    adds_flicker = adds_flicker and info.frames != 1  # one picture has no past
    return BLEND_WEIGHTS[settings.steady] if settings.steady != "off" and adds_flicker else None


def _repaint(settings: Settings, job: Job, info: SourceInfo, blend: float | None) -> Repaint:
    if not job.is_film:
        return "all"
    return choose_repaint(settings.repaint, float(info.rate) / settings.hold, blend is not None)


def _flow(settings: Settings, needed: bool) -> FlowEstimator | None:
    if not needed:
        return None
    return open_flow(settings.flow, settings.flow_model, settings.device, settings.threads)


def _streams(info: SourceInfo, out: _Output) -> tuple[StreamPlan, ...]:
    if info.container is None:
        return ()
    container = out.pipe.container if out.pipe is not None else container_of(out.target)[0]
    try:
        plans = plan_streams(info.container, container, info.stream)
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"{info.name} can't be read: {reason(error)}") from error
    return tuple(plans)


def _check_one_picture(target: Path, info: SourceInfo, encodes: bool) -> None:
    if picture_name(target) is not None and info.frames != 1 and not encodes:
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


def _refuse_same(info: SourceInfo, out: _Output) -> None:
    """Refuse to write over what is read, or into a folder of it."""
    target = out.target
    if out.remote is not None and out.remote.name == info.name:
        raise SinkError(f"output {info.name} is the input itself; give another name")
    for source in info.files:
        if not (source.exists() and target.exists()):
            continue
        if source.samefile(target) or (
            target.is_dir() and target.resolve() in source.resolve().parents
        ):
            raise SinkError(f"output {target} is the input itself; give another name")

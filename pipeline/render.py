"""The main job, file to file: runs a plan. A run renders segments and joins them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from .core.concurrency import closing_source, prefetch
from .core.config import Settings
from .core.errors import SinkError, SourceError, StylizeError, reason
from .core.files import unused_path, writing
from .core.frame import Frame, Layout, Span
from .core.placement import put_in_place, real_path
from .imaging.compositing import mirror
from .keyframes.run import KeyframeBackend, Stage
from .media.constant_rate import constant_rate
from .media.mux import TimeWindow, join
from .media.outputs import check_place, container_of
from .media.pipe import PipedFile
from .media.source import SourceInfo
from .media.standard_output import NAME, PipeWriter
from .media.streams import notes
from .media.unfinished import FINISHED, SEGMENT
from .media.work_folder import WorkFolder, keep_of_dead_runs, work_folder
from .media.writers import WRITTEN_AT_ONCE, PictureWriter, Segment, VideoWriter, Writer
from .plan import Plan
from .planning import make_plan
from .styles.finish import finish_frames
from .styles.painted_size import reduce_frames, restore_frames
from .styles.style import StyleInfo
from .temporal.consistency import blend_frames
from .temporal.shot_start import after, find_shot_start

log = logging.getLogger(__name__)

# Frames that may wait between two stages: enough to absorb key frames, 30 MB at 1080p.
_DEPTH = 3


@dataclass(frozen=True)
class Start:
    """What is known once a run has opened everything."""

    info: SourceInfo
    frames: int | None
    """How many are expected."""
    device: str
    """What really runs the style."""
    style: str
    """Its name."""


@dataclass(frozen=True)
class Result:
    """What a run has written."""

    output: Path
    frames: int
    start: Fraction
    """Source time of the first frame, seconds."""
    end: Fraction
    """Source time at which the last one ends."""
    stopped: bool
    """It was stopped before the end."""
    losses: tuple[str, ...] = ()
    """What the output lacks of what was planned, a line a stream."""


def stylize(
    source: str | Path,
    output: str | Path,
    settings: Settings | None = None,
    *,
    on_start: Callable[[Start], None] | None = None,
    on_frame: Callable[[Frame], None] | None = None,
    stop: threading.Event | None = None,
    backend: KeyframeBackend | None = None,
) -> Result:
    """Repaint ``source`` in a style and write it to ``output``, with its sound, timing and colours.

    Args:
        source: a video file, a picture, a folder or a pattern of pictures.
        output: a video file; a picture; or a folder, for numbered PNGs.
        settings: style, device, size, encoder …; see ``Settings``.
        on_start: called once, before the first frame.
        on_frame: called after each frame is written.
        stop: when set, the run finishes the file with what it has.
        backend: paints key frames and learns from them, where the settings ask for it.

    Raises:
        StylizeError: see ``errors``. Where the source broke half-way, the output holds what came
        before.
    """
    plan = make_plan(source, output, settings)
    return render(plan, on_start=on_start, on_frame=on_frame, stop=stop, backend=backend)


def render(
    plan: Plan,
    *,
    on_start: Callable[[Start], None] | None = None,
    on_frame: Callable[[Frame], None] | None = None,
    stop: threading.Event | None = None,
    backend: KeyframeBackend | None = None,
) -> Result:
    """Run a plan; see ``stylize``."""
    for note in notes(plan.streams):
        log.warning("%s", note)
    style, paint = plan.open_painter(backend)
    if on_start is not None:
        on_start(Start(plan.source.info, plan.frames, style.device, style.name))
    target = plan.target
    container = plan.source.info.container
    if isinstance(container, PipedFile):
        container.stop = stop
    if plan.pipe is not None:
        return _render_to_pipe(plan, style, paint, on_frame, stop)
    keep_of_dead_runs(target)
    with work_folder(target) as folder:
        path = folder.path / SEGMENT
        writer = _open_writer(path, plan)
        stages = _stages(plan, style, paint)
        frames = _frames(plan, style)
        segment, broken = render_segment(
            plan.source.info, frames, stages, path, writer, on_frame, stop
        )
        stopped = stop is not None and stop.is_set()
        cut_short = stopped or broken is not None
        with writing(target):
            result, losses = _assemble(segment, plan, cut_short)
        # A fragment never takes the place of a whole older file.
        whole = not cut_short and not losses
        target = _place(result, target, plan, whole, losses, folder)
        if not cut_short:
            plan.shots.save(plan.span)
    if broken is not None:
        raise type(broken)(f"{broken}; the {segment.frames} frames before that are in {target}")
    return Result(target, segment.frames, segment.start, segment.end, stopped, tuple(losses))


def _render_to_pipe(
    plan: Plan,
    style: StyleInfo,
    paint: Stage,
    on_frame: Callable[[Frame], None] | None,
    stop: threading.Event | None,
) -> Result:
    """Write frames to standard output as they are painted; see ``render``."""
    assert plan.pipe is not None and plan.encoding is not None
    writer = PipeWriter(plan.pipe, plan.output_info, plan.encoding, plan.streams, plan.span)
    painted = _stages(plan, style, paint)

    def stages(frames: Iterable[Frame]) -> Generator[Frame]:
        yield from painted(frames)
        writer.reach_end()

    frames = _frames(plan, style)
    segment, broken = render_segment(
        plan.source.info, frames, stages, plan.target, writer, on_frame, stop
    )
    if broken is not None:
        raise type(broken)(f"{broken}; the {segment.frames} frames before that were written")
    stopped = stop is not None and stop.is_set()
    losses = tuple(writer.losses)
    return Result(Path(NAME), segment.frames, segment.start, segment.end, stopped, losses)


def render_segment(
    info: SourceInfo,
    frames: Iterable[Frame],
    stages: Stage,
    path: Path,
    writer: Writer,
    on_frame: Callable[[Frame], None] | None = None,
    stop: threading.Event | None = None,
) -> tuple[Segment, StylizeError | None]:
    """Render frames into ``writer``; the segment depends on nothing else.

    Decoding and encoding have threads of their own, as ``stages`` has.

    Args:
        info: of the source of the frames.
        frames: of the source, as they are read.
        stages: source frames → the frames to write.
        path: of the segment.
        writer: writes it.
        on_frame: called after each frame is written.
        stop: when set, no more frames are read.

    Returns:
        The finished segment, and what broke the source or a stage where it ended early.

    Raises:
        SourceError: there is no frame.
    """
    first: Fraction | None = None
    end = Fraction(0)
    count = 0
    broken: StylizeError | None = None
    painted = stages(prefetch(frames, _DEPTH))
    with closing(writer), closing(painted):
        try:
            for frame in painted:
                writer.write(frame)
                count += 1
                first = frame.time if first is None else first
                end = frame.time + (frame.duration * frame.time_base or 1 / info.rate)
                if on_frame is not None:
                    on_frame(frame)
                if stop is not None and stop.is_set():
                    break
        except SinkError:  # what could be written is no finished segment
            raise
        except StylizeError as error:
            broken = error
    if first is None:
        raise broken or SourceError(f"{info.name} has no frame between --start and --end")
    return Segment(path, count, first, end), broken


def _layout(plan: Plan, style: StyleInfo) -> Layout:
    """How the frames are read: planes spare two conversions."""
    if plan.is_untouched:
        return "coded"
    if plan.deep:
        return "deep"
    return "planes" if style.planar and plan.encoding is not None else "rgb"


def _stages(plan: Plan, style: StyleInfo, paint: Stage) -> Stage:
    """Source frames → the frames to write. Cuts and motion, painting, and blending run at once."""

    def stages(frames: Iterable[Frame]) -> Generator[Frame]:
        with closing(plan.masks) if plan.masks is not None else nullcontext():
            frames = plan.shots.mark(frames)
            if plan.content_masks is not None:
                frames = plan.content_masks.attach(frames)
            if plan.flow is not None or plan.canvas is not None:
                frames = prefetch(plan.attach_motion(frames), _DEPTH)
            frames = prefetch(paint(frames), _DEPTH)
            if plan.blend is not None and not style.recurrent:
                frames = blend_frames(frames, plan.blend)
            frames = prefetch(restore_frames(frames), _DEPTH)
            if plan.starts_inside and plan.span.start is not None:
                frames = after(frames, plan.span.start, 1 / plan.source.info.rate)
            frames = finish_frames(frames, plan.finish)
            if plan.mirror:
                frames = _mirror_frames(frames)
            yield from frames if plan.rate is None else constant_rate(frames, plan.rate)

    return stages


def _frames(plan: Plan, style: StyleInfo) -> Iterable[Frame]:
    """The frames of the plan's span, and those before it that they depend on.

    Those of a large film are reduced to the size at which they are painted.
    """
    layout = _layout(plan, style)

    def read(span: Span) -> Iterable[Frame]:
        frames = plan.source.frames(span, layout)
        return frames if style.scale is None else reduce_frames(frames, style.scale)

    return read(_read_span(plan, read))


def _read_span(plan: Plan, read: Callable[[Span], Iterable[Frame]]) -> Span:
    """What is read: the plan's span, and before it the beginning of the shot in which it starts."""
    span = plan.span
    if span.start is None or not plan.starts_inside:
        return span
    first = plan.source.info.start
    return Span(find_shot_start(read, plan.shots.mark, span.start, first), span.end)


def _mirror_frames(frames: Iterable[Frame]) -> Generator[Frame]:
    """The stage of ``--mirror``: a late one, because masks and key frames fit the source."""
    with closing_source(frames):
        for frame in frames:
            alpha = None if frame.alpha is None else mirror(frame.alpha)
            yield replace(frame, painted=mirror(frame.picture), alpha=alpha)


def _open_writer(path: Path, plan: Plan) -> Writer:
    if plan.encoding is not None:
        return VideoWriter(path, plan.target, plan.output_info, plan.encoding)
    path.mkdir()
    return PictureWriter(path, plan.target, plan.names)


def _assemble(segment: Segment, plan: Plan, cut_short: bool) -> tuple[Path, list[str]]:
    """The output, still in the work folder: the segment joined with its sound, or its pictures.

    Returns:
        The file or folder, and what it lacks, a line a stream.
    """
    finished = segment.path.with_name(FINISHED)
    if plan.encoding is None:
        segment.path.rename(finished)
        picture = finished / plan.target.name
        return (picture if picture.is_file() else finished), []
    container = container_of(plan.target)[0]
    if container in WRITTEN_AT_ONCE:
        segment.path.rename(finished)
        return finished, []
    trimmed = plan.span.start is not None
    span = Span(
        segment.start if trimmed else None,
        segment.end if plan.span.end is not None or cut_short else None,
    )
    window = TimeWindow(span, segment.start if trimmed else plan.source.info.zero)
    joined = segment.path.with_name("joined")
    source, facts = plan.source.info.container, (plan.output_info, plan.encoding.color)
    losses = join([segment], source, joined, container, window, plan.streams, *facts)
    if source is not None and source.is_overwritten:
        losses.append(f"the rest of {source.path}, which was overwritten during the run")
    joined.rename(finished)
    segment.path.unlink()
    return finished, losses


def _place(
    result: Path, target: Path, plan: Plan, whole: bool, losses: list[str], folder: WorkFolder
) -> Path:
    """Put the output in its place in one move; where it now is.

    A file that has appeared there during the run is not replaced, and no file is by a fragment: the
    output gets an unused name then.

    Args:
        result: the file or folder, finished.
        target: its place.
        plan: of the run.
        whole: it is no fragment.
        losses: gets a line where the place can't be written.
        folder: in which ``result`` is.

    Raises:
        SinkError: it can't be moved anywhere; it is left where it was made.
    """
    try:
        check_place(target, plan.overwrite and whole, str(target), plan.names)
        put_in_place(result, real_path(target))  # what a link points to is replaced, not the link
        return target
    except SinkError:
        appeared = whole or not plan.overwrite
        why = "appeared during the run" if appeared else "is whole, the new one not"
    except OSError as error:
        why = f"can't be written ({reason(error)})"
        losses.append(f"the name {target}, which {why}")
    other = unused_path(real_path(target))
    try:
        put_in_place(result, other)
    except OSError as error:
        folder.stays = True
        what = f"{target} can't be written any more: {reason(error)}"
        raise SinkError(f"{what}; the output is finished, and stays in {result}") from error
    log.warning("%s %s, and was not replaced; see %s", target, why, other)
    return other

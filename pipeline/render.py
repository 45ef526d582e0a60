"""The main job, file to file: runs a plan. A run renders segments and joins them."""

from __future__ import annotations

import io
import logging
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from .core.concurrency import closing_source, prefetch
from .core.config import Settings
from .core.errors import SinkError, SourceError, reason
from .core.files import unused_path, writing
from .core.frame import Frame, Span
from .imaging.compositing import mirror
from .keyframes.run import KeyframeBackend, Stage
from .media.constant_rate import constant_rate
from .media.mux import TimeWindow, join
from .media.outputs import CONTAINERS, check_place, is_video
from .media.source import Source, SourceInfo
from .media.streams import notes
from .media.writers import PictureWriter, Segment, VideoWriter, Writer
from .plan import Plan, make_plan, picture_name
from .styles.finish import finish_frames
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
    with _work_folder(target) as folder, _held(plan.source.info.container) as container:
        path = folder / "segment"
        writer = _open_writer(path, plan)
        planar = style.planar and is_video(target)
        stages = _stages(plan, style, paint)
        segment, broken = render_segment(
            plan.source, stages, _read_span(plan, planar), path, writer, on_frame, stop, planar
        )
        stopped = stop is not None and stop.is_set()
        cut_short = stopped or broken is not None
        with writing(target):
            result, losses = _assemble(segment, plan, container, cut_short)
            # A fragment never takes the place of a whole older file.
            whole = not cut_short and not losses
            target = _place(result, target, plan.overwrite, whole)
            if not cut_short:
                plan.shots.save(plan.span)
    if broken is not None:
        raise SourceError(f"{broken}; the {segment.frames} frames before that are in {target}")
    return Result(target, segment.frames, segment.start, segment.end, stopped, tuple(losses))


def render_segment(
    source: Source,
    stages: Stage,
    span: Span,
    path: Path,
    writer: Writer,
    on_frame: Callable[[Frame], None] | None = None,
    stop: threading.Event | None = None,
    planar: bool = False,
) -> tuple[Segment, SourceError | None]:
    """Render the frames of ``span`` into ``writer``; the segment depends on nothing else.

    Decoding and encoding have threads of their own, as ``stages`` has.

    Args:
        source: of the frames.
        stages: source frames → the frames to write.
        span: the part that is read.
        path: of the segment.
        writer: writes it.
        on_frame: called after each frame is written.
        stop: when set, no more frames are read.
        planar: read the frames as Y, U and V planes where they are stored so.

    Returns:
        The finished segment, and what broke the source where it ended early.

    Raises:
        SourceError: there is no frame in ``span``.
    """
    first: Fraction | None = None
    end = Fraction(0)
    frames = 0
    broken: SourceError | None = None
    painted = stages(prefetch(source.frames(span, planar), _DEPTH))
    with closing(writer), closing(painted):
        try:
            for frame in painted:
                writer.write(frame)
                frames += 1
                first = frame.time if first is None else first
                end = frame.time + (frame.duration * frame.time_base or 1 / source.info.rate)
                if on_frame is not None:
                    on_frame(frame)
                if stop is not None and stop.is_set():
                    break
        except SourceError as error:
            broken = error
    if first is None:
        raise broken or SourceError(f"{source.info.name} has no frame between --start and --end")
    return Segment(path, frames, first, end), broken


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
                frames = prefetch(blend_frames(frames, plan.blend), _DEPTH)
            if plan.starts_inside and plan.span.start is not None:
                frames = after(frames, plan.span.start)
            frames = finish_frames(frames, plan.finish)
            if plan.mirror:
                frames = _mirror_frames(frames)
            yield from frames if plan.rate is None else constant_rate(frames, plan.rate)

    return stages


def _read_span(plan: Plan, planar: bool) -> Span:
    """What is read: the plan's span, and before it the beginning of the shot in which it starts."""
    span = plan.span
    if span.start is None or not plan.starts_inside:
        return span
    read = partial(plan.source.frames, planar=planar)
    first = plan.source.info.start
    return Span(find_shot_start(read, plan.shots.mark, span.start, first), span.end)


def _mirror_frames(frames: Iterable[Frame]) -> Generator[Frame]:
    """The stage of ``--mirror``: a late one, because masks and key frames fit the source."""
    with closing_source(frames):
        for frame in frames:
            yield replace(frame, painted=mirror(frame.picture))


def _open_writer(path: Path, plan: Plan) -> Writer:
    if plan.encoding is not None:
        return VideoWriter(path, plan.target, plan.output_info, plan.encoding)
    path.mkdir()
    return PictureWriter(path, plan.target, picture_name(plan.target))


@contextmanager
def _held(path: Path | None) -> Generator[io.BufferedIOBase | None]:
    """The source's file, open until the join: it may be moved, replaced or deleted meanwhile."""
    if path is None:
        yield None
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise SourceError(f"{path} can't be read: {reason(error)}") from error
    with file:
        yield file


def _assemble(
    segment: Segment, plan: Plan, source: io.BufferedIOBase | None, cut_short: bool
) -> tuple[Path, list[str]]:
    """The output, still in the work folder: the segment joined with its sound, or its pictures.

    Returns:
        The file or folder, and what it lacks, a line a stream.
    """
    if plan.encoding is None:
        picture = segment.path / plan.target.name
        return (picture if picture.is_file() else segment.path), []
    trimmed = plan.span.start is not None
    span = Span(
        segment.start if trimmed else None,
        segment.end if plan.span.end is not None or cut_short else None,
    )
    window = TimeWindow(span, segment.start if trimmed else plan.source.info.zero)
    joined = segment.path.with_name("joined")
    container = CONTAINERS[plan.target.suffix.lower()][0]
    losses = join([segment], source, joined, container, window, plan.streams, plan.output_info)
    return joined, losses


def _place(result: Path, target: Path, overwrite: bool, whole: bool) -> Path:
    """Put the output in its place in one move; where it now is.

    A file that has appeared there during the run is not replaced, and no file is by a fragment: the
    output gets an unused name then.
    """
    try:
        check_place(target, overwrite and whole, str(target))
    except SinkError:
        existing = target
        target = unused_path(existing)
        why = "appeared during the run" if whole or not overwrite else "is whole, the new one not"
        log.warning("%s %s, and was not replaced; see %s", existing, why, target)
    place = target.resolve()  # what a link points to is replaced, not the link
    if place.is_dir():
        place.rename(result.with_name("replaced"))
    result.replace(place)
    return target


@contextmanager
def _work_folder(target: Path) -> Generator[Path]:
    """A hidden folder next to the output: on the same disk, so that the last move is a rename."""
    with writing(target):
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.absolute().parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)

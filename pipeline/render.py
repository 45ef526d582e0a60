"""The main job: file to file. A run renders pieces and joins them."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from .core.concurrency import prefetch
from .core.config import Settings
from .core.errors import SinkError, SourceError
from .core.files import PICTURE_SUFFIXES, unused_path, writing
from .core.frame import ALL, Frame, Span
from .core.units import parse_time
from .keyframes.propagate import Carrier
from .keyframes.run import Job, KeyframeBackend, check_painted, open_painted, paints
from .media.encoding import choose_encoding
from .media.inputs import open_source
from .media.mux import TimeWindow, join
from .media.outputs import CONTAINERS, check_output, is_video
from .media.source import Source, SourceInfo
from .media.writers import PictureWriter, Segment, VideoWriter, Writer
from .styles.feedforward import FeedForwardStyle
from .styles.finish import keep_original, open_finish
from .styles.lut import LutStyle
from .styles.open import open_stylizer
from .styles.universal import UniversalStyle
from .temporal.consistency import BLEND_WEIGHTS, recur, steady
from .temporal.flow import FlowEstimator, attach_motion, open_flow
from .temporal.scenes import Shots, log

Stages = Callable[[Iterable[Frame]], Generator[Frame]]
"""Source frames → the frames to write."""

# Frames that may wait between two stages: enough to smooth key frames, 30 MB at 1080p.
_DEPTH = 3


@dataclass(frozen=True)
class Start:
    """What is known once a run has opened everything."""

    info: SourceInfo
    frames: int | None
    """How many are expected."""
    device: str
    """What runs the net."""
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
    """It was asked to stop before the end."""


def stylize(
    source: str | Path,
    output: str | Path,
    settings: Settings | None = None,
    *,
    on_start: Callable[[Start], None] | None = None,
    on_frame: Callable[[Frame], None] | None = None,
    stop: threading.Event | None = None,
    workshop: KeyframeBackend | None = None,
) -> Result:
    """Repaint ``source`` in a style and write it to ``output``, with its sound, timing and colours.

    Args:
        source: a video file, a picture, a folder or a pattern of pictures.
        output: a video file; a picture; or a folder, for numbered PNGs.
        settings: style, device, size, encoder …; see ``Settings``.
        on_start: called once, before the first frame.
        on_frame: called after each frame is written.
        stop: when set, the run finishes the file with what it has.
        workshop: paints key frames and learns from them, where the settings ask for it.

    Raises:
        StylizeError: see ``errors``. Where the source broke half-way, the output holds what came
        before.
    """
    settings = settings or Settings.model_validate({})
    target = Path(output)
    check_output(target, settings, str(output))
    check_painted(settings)
    opened = open_source(str(source), settings.size, settings.rate)
    _refuse_same(opened.info.files, target)
    span = _span(settings, opened.info)
    shots = Shots(settings, opened.info.start, target)
    if paints(settings):
        job = Job(opened, span, settings, shots.mark, target.with_name(f"{target.stem}.keyframes"))
        stylizer = open_painted(job, _flow(settings), workshop)
    else:
        stylizer = open_stylizer(settings, opened)
    if stylizer.still:  # there is nothing to hold, nor motion to look for
        settings = settings.model_copy(update={"steady": "off"})
    shots.wanted = stylizer.binds or settings.steady != "off"
    stages = _stages(stylizer, shots, settings, opened)
    if on_start is not None:
        expected = opened.info.expected_frames(span)
        on_start(Start(opened.info, expected, stylizer.device, stylizer.card.name))
    with _work_folder(target) as folder:
        path = folder / "piece"
        writer = _open_writer(path, target, settings, opened.info)
        planar = stylizer.planar and is_video(target)
        piece, broken = render_piece(opened, stages, span, path, writer, on_frame, stop, planar)
        stopped = stop is not None and stop.is_set()
        with writing(target):
            done = _finished(piece, opened.info, span, target, stopped or broken is not None)
            target = _place(done, target, settings)
            if not stopped and broken is None:
                shots.keep(span)
    if broken is not None:
        raise SourceError(f"{broken}; the {piece.frames} frames before that are in {target}")
    return Result(target, piece.frames, piece.start, piece.end, stopped)


def render_piece(
    source: Source,
    stages: Stages,
    span: Span,
    path: Path,
    writer: Writer,
    on_frame: Callable[[Frame], None] | None = None,
    stop: threading.Event | None = None,
    planar: bool = False,
) -> tuple[Segment, SourceError | None]:
    """Render the frames of ``span`` into ``writer``; the piece depends on nothing else.

    Decoding and encoding have threads of their own, as ``stages`` has.

    Returns:
        The finished piece, and what broke the source where it ended early.

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


def _stages(
    stylizer: FeedForwardStyle | UniversalStyle | LutStyle | Carrier,
    shots: Shots,
    settings: Settings,
    source: Source,
) -> Stages:
    """Source frames → the frames to write. Cuts and motion, net, and steadying run at once."""
    finishing = open_finish(settings, source, stylizer.fades)

    def painted(frames: Iterable[Frame]) -> Generator[Frame]:
        frames = shots.mark(frames)
        if finishing is not None:
            frames = keep_original(frames)
        if settings.steady == "off":
            return prefetch(stylizer.run(frames), _DEPTH)
        share = BLEND_WEIGHTS[settings.steady]
        moving = prefetch(attach_motion(frames, estimator), _DEPTH)
        if isinstance(stylizer, FeedForwardStyle) and stylizer.recurrent:
            return prefetch(recur(moving, stylizer.paint, share), _DEPTH)
        return prefetch(steady(prefetch(stylizer.run(moving), _DEPTH), share), _DEPTH)

    if settings.steady != "off":
        estimator = _flow(settings)
    if finishing is None:
        return painted
    return lambda frames: finishing(painted(frames))


def _flow(settings: Settings) -> FlowEstimator:
    return open_flow(settings.flow, settings.flow_model, settings.device, settings.threads)


def _open_writer(path: Path, target: Path, settings: Settings, info: SourceInfo) -> Writer:
    if is_video(target):
        return VideoWriter(path, target, info, choose_encoding(target, settings, info))
    path.mkdir()
    return PictureWriter(path, target, _picture_name(target, info))


def _picture_name(target: Path, info: SourceInfo) -> str | None:
    """The one picture's name; ``None`` for a folder of them."""
    if target.suffix.lower() not in PICTURE_SUFFIXES or target.is_dir():
        return None
    if info.frames != 1:
        raise SinkError(
            f"output {target} is one picture, but {info.name} has {info.frames or 'many'}; "
            "give a folder (no ending) or a video file"
        )
    return target.name


def _finished(piece: Segment, info: SourceInfo, span: Span, target: Path, cut_short: bool) -> Path:
    """What the piece becomes: joined with its sound, or its pictures; still in the work folder."""
    if not is_video(target):
        picture = piece.path / target.name
        return picture if picture.is_file() else piece.path
    trimmed = span.start is not None
    shown = Span(
        piece.start if trimmed else None, piece.end if span.end is not None or cut_short else None
    )
    window = TimeWindow(shown, piece.start if trimmed else Fraction(0))
    joined = piece.path.with_name("joined")
    join([piece], info.container, joined, CONTAINERS[target.suffix.lower()][0], window)
    return joined


def _place(done: Path, target: Path, settings: Settings) -> Path:
    """Put what is done in its place in one move; where it now is.

    What has appeared there during the run is not lost, nor is the work: it gets the next free name.
    """
    try:
        check_output(target, settings, str(target))
    except SinkError:
        taken = target
        target = unused_path(taken)
        log.warning("%s appeared during the run and is kept; see %s", taken, target)
    place = target.resolve()  # what a link points to is replaced, not the link
    if place.is_dir():
        place.rename(done.with_name("replaced"))
    done.replace(place)
    return target


def _span(settings: Settings, info: SourceInfo) -> Span:
    """The stretch asked for, on the source's clock. Times count from its first frame."""
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


def _refuse_same(sources: Iterable[Path], target: Path) -> None:
    """Refuse to write over what is read, or into a folder of it."""
    for source in sources:
        if not (source.exists() and target.exists()):
            continue
        if source.samefile(target) or (
            target.is_dir() and target.resolve() in source.resolve().parents
        ):
            raise SinkError(f"output {target} is the input itself; give another name")


@contextmanager
def _work_folder(target: Path) -> Generator[Path]:
    """A hidden folder beside the output: on the same disk, so that the last move is a rename."""
    with writing(target):
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.absolute().parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)

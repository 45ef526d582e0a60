"""The main job, file to file: runs a plan. A run renders chunks to segments and joins them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from .chunks.assemble import assemble, place, save_settings, upload
from .chunks.facts import difference, facts_of
from .chunks.journal import Finished, Journal
from .chunks.painter import Painter, open_painter
from .chunks.renderer import ChunkRenderer, OnFrame, OnProgress, render_segment
from .core.concurrency import closing_source
from .core.config import Settings
from .core.errors import SinkError, StylizeError
from .core.files import writing
from .core.frame import Frame
from .keyframes.run import KeyframeBackend
from .media.fragment import is_fragment, mark_fragment
from .media.pipe import PipedFile
from .media.source import SourceInfo
from .media.standard_output import NAME, PipeWriter
from .media.streams import notes
from .media.unfinished import segments_in
from .media.work_folder import WorkFolder, work_folder
from .plan import Plan
from .planning import make_plan
from .styles.people_masks import say_what_is_missing
from .temporal.division import Chunk, Division

if TYPE_CHECKING:
    from .chunks.cluster import OnCluster
    from .chunks.workers import SideBySide

log = logging.getLogger(__name__)

OnStart = Callable[["Start"], None]


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
    done: int = 0
    """Frames that an earlier run has painted, which did not end."""


@dataclass(frozen=True)
class Result:
    """What a run has written."""

    output: Path | str
    """The file or folder; or the address."""
    frames: int
    start: Fraction
    """Source time of the first frame, seconds."""
    end: Fraction
    """Source time at which the last one ends."""
    stopped: bool
    """It was stopped before the end."""
    settings: Path | None = None
    """The file of the run's settings, where one was asked for."""
    losses: tuple[str, ...] = ()
    """What the output lacks of what was planned, a line a stream."""


def stylize(
    source: str | Path,
    output: str | Path,
    settings: Settings | None = None,
    *,
    on_start: Callable[[Start], None] | None = None,
    on_frame: OnFrame | None = None,
    on_progress: OnProgress | None = None,
    stop: threading.Event | None = None,
    backend: KeyframeBackend | None = None,
) -> Result:
    """Repaint ``source`` in a style and write it to ``output``, with its sound, timing and colours.

    Args:
        source: a video file, a picture, a folder or a pattern of pictures.
        output: a video file; a picture; or a folder, for numbered PNGs.
        settings: style, device, size, encoder …; see ``Settings``.
        on_start: called once, before the first frame.
        on_frame: called after each frame is written by this process; not where workers write.
        on_progress: called with the number of frames that were written since the last call.
        stop: when set, the run finishes the file with what it has.
        backend: paints key frames and learns from them, where the settings ask for it.

    Raises:
        StylizeError: see ``errors``. Where the source broke half-way, the output holds what came
        before.
    """
    plan = make_plan(source, output, settings)
    return render(
        plan,
        on_start=on_start,
        on_frame=on_frame,
        on_progress=on_progress,
        stop=stop,
        backend=backend,
    )


def render(
    plan: Plan,
    *,
    on_start: OnStart | None = None,
    on_frame: OnFrame | None = None,
    on_progress: OnProgress | None = None,
    stop: threading.Event | None = None,
    backend: KeyframeBackend | None = None,
) -> Result:
    """Run a plan; see ``stylize``."""
    for note in notes(plan.streams):
        log.warning("%s", note)
    container = plan.source.info.container
    if isinstance(container, PipedFile):
        container.stop = stop

    def written(frame: Frame) -> None:
        if on_frame is not None:
            on_frame(frame)
        if on_progress is not None:
            on_progress(1)

    if plan.pipe is not None:
        return _render_to_pipe(plan, open_painter(plan, backend), on_start, written, stop)
    with work_folder(plan.target) as folder:
        painter = open_painter(plan, backend)
        with closing(ChunkRenderer(plan, painter, plan.division)) as renderer:
            run = _Run(plan, folder, renderer, written, on_progress, stop)
            begin = run.resume()
            if on_start is not None:
                on_start(_start(plan, painter, folder.resumable))
            run.render_from(begin)
        result = run.finish()
    if run.broken is not None:
        error = run.broken
        raise type(error)(f"{error}; the {result.frames} frames before that are in {result.output}")
    return result


def _start(plan: Plan, painter: Painter, done: int = 0) -> Start:
    return Start(plan.source.info, plan.frames, painter.info.device, painter.info.name, done)


def _render_to_pipe(
    plan: Plan,
    painter: Painter,
    on_start: OnStart | None,
    on_frame: OnFrame,
    stop: threading.Event | None,
) -> Result:
    """Write frames to standard output as they are painted; see ``render``."""
    assert plan.pipe is not None and plan.encoding is not None
    if on_start is not None:
        on_start(_start(plan, painter))
    writer = PipeWriter(plan.pipe, plan.output_info, plan.encoding, plan.streams, plan.span)
    with closing(ChunkRenderer(plan, painter, Division(None))) as renderer:
        frames = _then(renderer.frames(renderer.first()), writer.reach_end)
        info = plan.source.info
        segment, broken = render_segment(info, frames, plan.target, writer, on_frame, stop)
        say_what_is_missing(plan.settings, renderer.found)
    if broken is not None:
        raise type(broken)(f"{broken}; the {segment.frames} frames before that were written")
    stopped = stop is not None and stop.is_set()
    losses = tuple(writer.losses)
    return Result(Path(NAME), segment.frames, segment.start, segment.end, stopped, losses=losses)


def _then(frames: Generator[Frame], act: Callable[[], None]) -> Generator[Frame]:
    """Frames, and what is done after the last one."""
    with closing_source(frames):
        yield from frames
    act()


class _Run:
    """One run from file to file, in its work folder."""

    def __init__(
        self,
        plan: Plan,
        folder: WorkFolder,
        renderer: ChunkRenderer,
        on_frame: OnFrame,
        on_progress: OnProgress | None,
        stop: threading.Event | None,
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._renderer = renderer
        self._on_frame = on_frame
        self._on_progress = on_progress
        self._stop = stop
        self._journal = Journal(folder.path) if plan.division.length is not None else None
        self._finished: list[Finished] = []
        self.broken: StylizeError | None = None
        """What broke the source or a stage."""

    @property
    def _stopped(self) -> bool:
        return self._stop is not None and self._stop.is_set()

    def resume(self) -> Chunk | None:
        """Find what an earlier run has finished, and where to go on; ``None``: all is painted."""
        self._clear_what_is_of_no_use()
        first = self._renderer.first()
        if self._journal is None:
            return first
        self._finished = self._journal.all_from(first)
        self._folder.resumable = sum(chunk.frames for chunk in self._finished)
        if self._folder.resumable:
            log.warning(
                "an earlier run did not end: %d frames are painted already, and are used",
                self._folder.resumable,
            )
        return self._finished[-1].next if self._finished else first

    def _clear_what_is_of_no_use(self) -> None:
        """Keep the work of a run with which this one can't go on beside the output."""
        plan, folder = self._plan, self._folder
        now = facts_of(plan) if self._journal is not None else {}
        before = None if self._journal is None else self._journal.facts()
        why = "" if before is None else difference(before, now)
        why = why or ("" if plan.settings.resume else "--no-resume")
        if before is not None and why and is_fragment(plan.target) and not plan.overwrite:
            folder.stays = True
            raise SinkError(
                f"output {plan.target} exists: it is the beginning of another run ({why}); add "
                "--overwrite to replace it"
            )
        if (before is None or why) and segments_in(folder.path):
            kept = folder.keep()
            reset = f", and this one begins again ({why})" if why else ""
            if kept:
                log.warning("an earlier run did not end%s; %s", reset, kept)
        folder.clear(everything=before is None or bool(why))
        if self._journal is not None:
            self._journal.begin(now)

    def render_from(self, chunk: Chunk | None) -> None:
        """Render the rest of the film, as far as that is possible."""
        plan = self._plan
        if self._journal is not None and (plan.workers > 1 or plan.on_cluster):
            self._render_side_by_side(chunk, self._journal)
            return
        while chunk is not None and self.broken is None and not self._stopped_after_one:
            finished = None if self._journal is None else self._journal.find(chunk)
            if finished is None:
                finished = self._rendered(chunk)
            else:
                self._pass_over(finished)
            self._finished.append(finished)
            chunk = finished.next

    def _rendered(self, chunk: Chunk) -> Finished:
        path = self._folder.path
        finished, self.broken = self._renderer.render(chunk, path, self._on_frame, self._stop)
        if self._journal is not None and self.broken is None and not self._stopped:
            with writing(self._plan.target):
                finished = self._journal.add(finished)
            self._folder.resumable += finished.frames
        return finished

    def _pass_over(self, finished: Finished) -> None:
        """Count a chunk that an earlier run has finished, which had several workers."""
        self._folder.resumable += finished.frames
        if self._on_progress is not None:
            self._on_progress(finished.frames)

    def _render_side_by_side(self, chunk: Chunk | None, journal: Journal) -> None:
        side = self._open_engine(journal)
        try:
            side.render(self._renderer.chunks(chunk, journal, self._pass_over))
        finally:
            self._finished += journal.all_from(chunk)
            self._folder.resumable = sum(one.frames for one in self._finished)
        after = self._finished[-1].next if self._finished else chunk
        last = None if after is None else side.outcomes.get(after.number)
        if last is not None:  # it was stopped in it, or the source broke
            self._finished.append(last.finished)
            self.broken = last.broken
        if not any(one.frames for one in self._finished):
            raise SinkError(f"stopped before the first frame of {self._plan.target} was painted")

    def _open_engine(self, journal: Journal) -> SideBySide | OnCluster:
        from .chunks.cluster import OnCluster  # neither is for every run
        from .chunks.worker import Task
        from .chunks.workers import SideBySide

        plan, how = self._plan, (self._stop, self._on_progress)
        where = plan.source.info.name, plan.output, plan.settings, self._folder.path
        task = Task(*where, plan.timeline)
        if not plan.on_cluster:
            return SideBySide(task, plan.workers, *how)
        settings = plan.settings
        workers = settings.workers if "workers" in settings.model_fields_set else None
        device = "cpu" if plan.style is None else plan.style.info.device
        return OnCluster(task, journal, device, workers, *how)

    @property
    def _stopped_after_one(self) -> bool:
        return self._stopped and bool(self._finished)

    def finish(self) -> Result:
        """Join what is rendered, and put it in its place."""
        plan, folder = self._plan, self._folder
        segments = [one.segment(folder.path) for one in self._finished if one.frames]
        cut_short = self._stopped or self.broken is not None
        with writing(plan.target):
            made, losses = assemble(segments, folder.path, plan, cut_short)
        # A fragment never takes the place of a whole older file, nor is it put far away.
        far = plan.remote is not None and not cut_short
        target = (upload if far else place)(
            made, plan, not cut_short and not losses, losses, folder
        )
        if not cut_short:
            plan.shots.save(plan.span, [cut for one in self._finished for cut in one.cuts])
        if self._stopped and self._journal is not None:
            folder.stays = True  # it says that the output is a beginning, which may be replaced
            if target == plan.target:
                with writing(plan.target):
                    mark_fragment(plan.target)
        say_what_is_missing(plan.settings, {name for one in self._finished for name in one.found})
        frames = sum(segment.frames for segment in segments)
        start, end = segments[0].start, segments[-1].end
        saved = None if cut_short else save_settings(plan, target)
        return Result(target, frames, start, end, self._stopped, saved, tuple(losses))

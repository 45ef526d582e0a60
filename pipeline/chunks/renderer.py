"""Render the chunks of a film, one after the other: read, paint, blend, finish, encode."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from ..core.concurrency import closing_source, prefetch
from ..core.errors import SinkError, SourceError, StylizeError
from ..core.files import writing
from ..core.frame import Frame, Layout, Plane, Span
from ..imaging.compositing import mirror
from ..imaging.surface import lay_surface
from ..media.constant_rate import constant_rate
from ..media.source import SourceInfo
from ..media.unfinished import keep_part, part_path
from ..media.writers import PictureWriter, Segment, VideoWriter, Writer
from ..plan import Plan
from ..styles.directed import mark_restyled
from ..styles.finish import finish_frames
from ..styles.painted_size import reduce_frames, restore_frames
from ..temporal.consistency import blend_frames
from ..temporal.division import Chunk, Division, FilmReader
from ..temporal.hold import displayed
from ..temporal.shot_start import after, find_shot_start
from .journal import Finished, Journal
from .painter import Painter, ShotBeginning

log = logging.getLogger(__name__)

# Frames that may wait between two stages: enough to absorb key frames, 30 MB at 1080p.
_DEPTH = 3

OnFrame = Callable[[Frame], None]

OnProgress = Callable[[int], None]
"""Called with the number of frames that were written since the last call."""


class ChunkRenderer:
    """Renders chunks of one film. What is open stays open from one chunk to the next.

    Args:
        plan: of the run.
        painter: of the plan.
        division: where chunks end.
    """

    def __init__(self, plan: Plan, painter: Painter, division: Division) -> None:
        self.plan = plan
        self._painter = painter
        self._settle = division.paint
        self._film = FilmReader(self._open_at, division)
        self.found: set[str] = set()
        """What the last chunk's frames have of ``Plan.wanted``, so far."""

    def close(self) -> None:
        """Close the source and the masks."""
        self._film.close()
        for masks in (self.plan.masks, self.plan.content_masks):
            if masks is not None:
                masks.close()

    def first(self) -> Chunk:
        """The film's first chunk. With ``--start`` in a shot, it is read from the shot's beginning.

        Raises:
            SourceError: the source can't be read.
        """
        plan, start = self.plan, self.plan.span.start
        if start is None or not plan.starts_inside:
            return Chunk(start=start, read=start)
        begin = find_shot_start(self._read, plan.shots.mark, start, plan.source.info.start)
        return Chunk(start=start, shot=begin, read=begin, since=start - self._settle)

    def chunks(
        self, chunk: Chunk | None, journal: Journal, passed: Callable[[Finished], None]
    ) -> Generator[Chunk]:
        """Find the chunks from one on, without painting anything. Finished ones are passed over.

        Where the source breaks off, the last one is what it breaks in.

        Args:
            chunk: the first one.
            journal: knows the finished ones.
            passed: called for each of those.
        """
        while chunk is not None:
            finished = journal.find(chunk)
            if finished is not None:
                passed(finished)
                chunk = finished.next
                continue
            yield chunk
            try:
                for _ in self._film.read(chunk):
                    pass
            except SourceError:  # who renders the chunk reports it
                return
            chunk = self._film.next

    def render(
        self, chunk: Chunk, folder: Path, on_frame: OnFrame | None, stop: threading.Event | None
    ) -> tuple[Finished, StylizeError | None]:
        """Render a chunk to its segment in ``folder``, which depends on nothing else.

        Returns:
            The chunk; and what broke the source or a stage, where it ended early: then its segment
            has what came before.

        Raises:
            SinkError: the segment can't be written.
            SourceError: it is the film's first chunk, and has no frame.
        """
        part = part_path(folder, chunk.number)
        writer = self._open_writer(part, chunk)
        info, frames = self.plan.source.info, self.frames(chunk)
        written, broken = render_segment(info, frames, part, writer, on_frame, stop, chunk)
        with writing(self.plan.target):
            if written.frames:
                keep_part(folder, chunk.number)
            elif part.exists():
                part.unlink() if part.is_file() else part.rmdir()
        cuts = tuple(self._film.cuts)
        frames, start, end = written.frames, written.start, written.end
        found = tuple(sorted(self.found))
        return Finished(chunk, frames, start, end, cuts, self._film.next, found=found), broken

    def read(self, span: Span) -> Iterable[Frame]:
        """Read the frames of a span as they are painted: large ones are reduced."""
        return self._read(span)

    def prepare(self, frames: Iterable[Frame]) -> Iterable[Frame]:
        """Give frames, of which the first one begins a shot, what is known before they are painted.

        A frame alone has no motion, and a canvas that has not moved.
        """
        return self._prepared(frames, None)

    def frames(self, chunk: Chunk) -> Generator[Frame]:
        """The frames of a chunk to write, painted and finished as they are asked for."""
        self.found = set()
        return self._stages(chunk, prefetch(self._film.read(chunk), _DEPTH))

    def _open_writer(self, path: Path, chunk: Chunk) -> Writer:
        plan = self.plan
        encoding = plan.segment_encoding
        if encoding is not None:
            return VideoWriter(path, plan.target, plan.output_info, encoding)
        with writing(plan.target):
            path.mkdir(parents=True)
        return PictureWriter(path, plan.target, plan.names, chunk.first, plan.tag)

    def _layout(self) -> Layout:
        """How the frames are read: planes spare two conversions."""
        plan = self.plan
        if plan.is_untouched:
            return "coded"
        if plan.deep:
            return "deep"
        return "planes" if self._painter.info.planar and plan.encoding is not None else "rgb"

    def _read(self, span: Span) -> Iterable[Frame]:
        """The film's frames; large ones are reduced to the size at which they are painted."""
        scale = self._painter.info.scale
        frames = self.plan.source.frames(span, self._layout())
        return frames if scale is None else reduce_frames(frames, scale)

    def _open_at(self, chunk: Chunk) -> Generator[Frame]:
        span = Span(chunk.read, self.plan.span.end)
        with closing_source(self.plan.shots.mark(self._read(span), chunk.begins_inside)) as frames:
            yield from frames

    def _prepared(
        self, frames: Iterable[Frame], begin: Fraction | None, read: Fraction | None = None
    ) -> Iterable[Frame]:
        """What is known of frames before they are painted: their style, parts, motion, canvas.

        Args:
            frames: in order.
            begin: the time at which the shot began of which they begin in the middle.
            read: the time from which they are read, then.
        """
        plan = self.plan
        if plan.timeline is not None:
            frames = mark_restyled(frames, plan.timeline, read)
        if plan.keyframes is None:
            began = None if begin is None else plan.style_began(begin, read)
            frames = plan.hold_frames(frames, began)
        return plan.attach_motion(frames, begin)

    def _frames_from(self, time: Fraction) -> Iterable[Frame]:
        """The frames of a shot from a time on, as if it began there."""
        return self._prepared(self.plan.shots.mark(self._read(Span(time))), None)

    def _stages(self, chunk: Chunk, frames: Iterable[Frame]) -> Generator[Frame]:
        """Source frames → the frames to write. Motion, painting, and blending run at once."""
        plan, start = self.plan, chunk.start
        shot = chunk.shot if chunk.begins_inside else None
        beginning = None
        if shot is not None and chunk.read is not None:
            beginning = ShotBeginning(shot, chunk.read, self._frames_from)
        prepared = self._prepared(frames, shot, None if shot is None else chunk.read)
        frames = prefetch(prepared, _DEPTH) if prepared is not frames else frames
        frames = prefetch(self._painter.paint(frames, chunk.since, beginning), _DEPTH)
        if plan.keyframes is not None:  # which have the numbers of the film's frames
            frames = plan.hold_frames(frames)
        if plan.blend is not None and not self._painter.info.recurrent:
            frames = blend_frames(frames, plan.blend)
        frames = prefetch(restore_frames(frames), _DEPTH)
        if chunk.runs_up and start is not None:
            frames = after(frames, start, 1 / plan.source.info.rate)
        frames = finish_frames(self._counted(frames), plan.finish)
        if plan.mirror:
            frames = _mirror_frames(frames)
        if plan.hold > 1:
            frames = displayed(frames)
            if chunk.runs_up and start is not None:
                frames = after(frames, start, 1 / plan.source.info.rate)
        if plan.surface is not None:
            frames = lay_surface(frames, plan.surface)
        if plan.rate is not None:
            ends = lambda: self._film.next is None  # noqa: E731
            frames = constant_rate(frames, plan.rate, chunk.origin, ends)
        yield from frames

    def _counted(self, frames: Iterable[Frame]) -> Generator[Frame]:
        """Frames; what is found in them is noted, for those that are written."""
        with closing_source(frames):
            for frame in frames:
                for name in self.plan.wanted:
                    if name not in self.found and _is_found(getattr(frame, name)):
                        self.found.add(name)
                yield frame


def _is_found(found: Plane | None) -> bool:
    """Whether a map is bright anywhere."""
    return found is not None and int(found.max()) > 127


def render_segment(
    info: SourceInfo,
    frames: Generator[Frame],
    path: Path,
    writer: Writer,
    on_frame: OnFrame | None = None,
    stop: threading.Event | None = None,
    chunk: Chunk = Chunk(),  # noqa: B008
) -> tuple[Segment, StylizeError | None]:
    """Write frames that are painted as they are asked for.

    Args:
        info: of the source of the frames.
        frames: to write.
        path: of the segment.
        writer: writes it.
        on_frame: called after each frame is written.
        stop: when set, no more frames are read.
        chunk: which they are.

    Returns:
        The finished segment, and what broke the source or a stage where it ended early.

    Raises:
        SourceError: there is no frame, and it is the film's first chunk.
    """
    first: Fraction | None = None
    end = Fraction(0)
    count = 0
    broken: StylizeError | None = None
    with closing(writer), closing(frames):
        try:
            for frame in frames:
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
        if chunk.number == 0:
            raise broken or SourceError(f"{info.name} has no frame between --start and --end")
        first = end = chunk.start or Fraction(0)
    return Segment(path, count, first, end), broken


def _mirror_frames(frames: Iterable[Frame]) -> Generator[Frame]:
    """The stage of ``--mirror``: a late one, because masks and key frames fit the source."""
    with closing_source(frames):
        for frame in frames:
            alpha = None if frame.alpha is None else mirror(frame.alpha)
            yield replace(frame, painted=mirror(frame.picture), alpha=alpha)

"""Where a film is divided into chunks, which are rendered one by one or side by side.

A chunk ends at a cut, or after some time inside a long shot. Where depends on the source alone, and
on nothing that comes later: whoever reads the film from a chunk's beginning finds the same end. A
chunk that begins inside a shot reads a run-up before it, of which nothing is written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from fractions import Fraction

from ..core.concurrency import closing_source
from ..core.frame import Frame


@dataclass(frozen=True)
class Chunk:
    """A stretch of a film. Times are seconds on the source's clock."""

    number: int = 0
    """From 0 on."""
    start: Fraction | None = None
    """Time of its first frame; ``None``: the film's."""
    shot: Fraction | None = None
    """Time of the first frame of the shot in which it begins; ``None``: its own first frame's."""
    read: Fraction | None = None
    """Time from which the film is read: what comes before ``start`` is its run-up."""
    since: Fraction | None = None
    """Time from which frames are painted; ``None``: all that are read."""
    origin: Fraction | None = None
    """Time of the first frame of chunk 0; ``None``: it is chunk 0."""
    first: int = 0
    """Frames of the film before it."""

    @property
    def begins_inside(self) -> bool:
        """Whether the beginning of its shot is not read with it."""
        return self.read is not None and self.shot is not None and self.read > self.shot

    @property
    def runs_up(self) -> bool:
        """Whether frames are read before its own."""
        return self.read is not None and self.start is not None and self.read < self.start


@dataclass(frozen=True)
class Division:
    """How a film is divided."""

    length: Fraction | None
    """Seconds after which a shot is divided; ``None``: the film is one chunk."""
    least: Fraction = Fraction(0)
    """Seconds after which a chunk ends at the next cut."""
    inside: bool = True
    """Shots are divided, too."""
    read: Fraction = Fraction(0)
    """Seconds that are read before a chunk that begins inside a shot."""
    canvas: Fraction = Fraction(0)
    """Seconds of them from which on the canvas depends on nothing before."""
    paint: Fraction = Fraction(0)
    """Seconds of them that are painted: the past of the temporal blend."""

    def passes(
        self, shot: Fraction, before: Fraction | None, time: Fraction, early: Fraction
    ) -> bool:
        """Whether a shot is divided between two of its frames, or so many seconds later.

        Args:
            shot: the time at which it begins.
            before: the time of a frame; ``None``: the shot begins with the next.
            time: the time of the next one.
            early: seconds.
        """
        if self.length is None or before is None or not self.inside:
            return False
        past, now = ((t - shot + early) / self.length for t in (before, time))
        return math.floor(now) > math.floor(past)


class FilmReader:
    """Reads a film chunk by chunk. Where the next one begins with a shot, it simply reads on.

    Args:
        open_at: reads a film's frames, with their cuts, from a chunk's ``read`` on.
        division: where chunks end.
    """

    def __init__(self, open_at: Callable[[Chunk], Generator[Frame]], division: Division) -> None:
        self._open_at = open_at
        self._division = division
        self._frames: Generator[Frame] | None = None
        self._held: Frame | None = None
        self.next: Chunk | None = None
        """The chunk after the one that was read to its end; ``None``: the film ends there."""
        self.cuts: list[Fraction] = []
        """Times of the shots that begin in that one."""

    def read(self, chunk: Chunk) -> Generator[Frame]:
        """Read a chunk's run-up and its frames.

        Raises:
            SourceError: the source broke off, after every frame before that was given.
        """
        if self._held is None or chunk.read != self._held.time:
            self.close()
            self._frames = self._open_at(chunk)
        self.next, self.cuts = None, []
        yield from self._until_next(chunk)

    def close(self) -> None:
        """Close the source."""
        self._held = None
        if self._frames is not None:
            with closing_source(self._frames):
                self._frames = None

    def _until_next(self, chunk: Chunk) -> Generator[Frame]:
        shot, begun, before, count = chunk.shot, None, None, 0
        while (frame := self._step()) is not None:
            if frame.cut or shot is None:
                shot, before = frame.time, None
            if chunk.start is None or frame.time >= chunk.start:
                begun = frame.time if begun is None else begun
                after = self._chunk_from(frame, begun, shot, before)
                if after is not None:
                    self.next = replace(
                        after,
                        number=chunk.number + 1,
                        origin=begun if chunk.origin is None else chunk.origin,
                        first=chunk.first + count,
                    )
                    self._held = frame
                    return
                count += 1
                self.cuts += [frame.time] if frame.cut else []
            is_own = chunk.start is None or frame.time >= chunk.start
            yield self._with_anchors(frame, shot, before, is_own)
            before = frame.time

    def _step(self) -> Frame | None:
        held, self._held = self._held, None
        assert self._frames is not None
        return held if held is not None else next(self._frames, None)

    def _chunk_from(
        self, frame: Frame, begun: Fraction, shot: Fraction, before: Fraction | None
    ) -> Chunk | None:
        """The next chunk, if it begins with a frame.

        Args:
            frame: the frame.
            begun: the time of the first frame of the chunk.
            shot: the time at which the frame's shot begins.
            before: the time of the frame before it in the shot.
        """
        division, time = self._division, frame.time
        if division.length is None or time == begun:
            return None
        if frame.cut:
            ends = time - begun >= division.least
            return Chunk(start=time, shot=time, read=time) if ends else None
        if not division.passes(shot, before, time, Fraction(0)):
            return None
        border = time - (time - shot) % division.length  # the frame is the first one behind it
        read, since = (max(shot, border - t) for t in (division.read, division.paint))
        return Chunk(start=time, shot=shot, read=read, since=since)

    def _with_anchors(
        self, frame: Frame, shot: Fraction, before: Fraction | None, is_own: bool
    ) -> Frame:
        """The frame, marked in the run-up of the next chunk, where the past is forgotten.

        So the end of a chunk agrees with the beginning of the next.
        """
        division = self._division
        if not division.read or division.length is None or not division.inside:
            return frame
        left = division.length - (frame.time - shot) % division.length
        if is_own and left <= division.read:
            frame = replace(frame, handover=float(1 - left / division.read))
        canvas = division.passes(shot, before, frame.time, division.canvas)
        painting = division.passes(shot, before, frame.time, division.paint)
        if not (canvas or painting):
            return frame
        return replace(frame, canvas_anew=canvas, painting_anew=painting)

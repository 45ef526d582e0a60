"""A clip with one set of settings, of which any frame can be painted.

It is painted by the parts that render it: the plan, the chunks, the styles. A quick picture is of
the frame alone, on a canvas that does not move. The film's own needs the motion before the frame.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from ..chunks.painter import open_painter
from ..chunks.renderer import ChunkRenderer
from ..core.config import Settings
from ..core.errors import SettingsError, SourceError
from ..core.frame import ALL, Frame, Layout, Rgb, Span, as_rgb
from ..core.groups import VideoSettings
from ..core.recent import Recent
from ..imaging.compositing import mirror
from ..media.source import Source
from ..media.video import VideoSource
from ..planning import OpenStyle, make_plan
from ..styles.finish import finish_frames
from ..styles.painted_size import restore_frames
from ..styles.per_shot import CompiledShot
from ..styles.repaint import opacity_of
from ..styles.style import Style
from ..temporal.division import Chunk
from ..temporal.light import levelled
from ..temporal.shot_start import find_shot_start
from .painting import SupersededError
from .seeker import ROUNDED, FrameSeeker

_SHOTS = 2  # that a style is remembered for
_MEASURED = 12  # frames at the beginning of a shot, of which the style measures the first and last
_JUDGED = 4  # frames after one, by which it is judged whether a shot begins there
_SPARE = Fraction(1)  # seconds by which a run-up may be longer, if it reaches the shot's beginning


class StudioFilm:
    """Paints single frames of a film, as a render with the same settings would.

    Args:
        clip: the film.
        settings: of the render.
        opens: opens the style.
        target: a name for what a render would write; nothing is written.
        given_up: whether somebody waits for another picture.

    Raises:
        StylizeError: what can't be done, in one line.
    """

    def __init__(
        self,
        clip: Path,
        settings: Settings,
        opens: OpenStyle,
        target: Path,
        given_up: Callable[[], bool],
    ) -> None:
        plan = make_plan(clip, target, settings, opens)
        style = plan.style
        if style is None:
            raise SettingsError("key frames are painted when the film is rendered, not before")
        source = plan.source
        if isinstance(source, VideoSource):
            source = source.on_all_cores()
        self._source = _Interruptible(source, given_up)
        self._plan = plan = replace(plan, source=self._source)
        self._style: Style = style
        self._renderer = ChunkRenderer(plan, open_painter(plan), plan.division)
        self._first = plan.source.info.start
        self._compiled = Recent[tuple[Fraction, bool], CompiledShot](_SHOTS)
        self.seeker = FrameSeeker(self._renderer.read, self._first)
        """Finds its frames. Films that read the same may share one."""

    def close(self) -> None:
        """Close the masks. What ``seeker`` reads stays open: another film may use it."""
        self._compiled.clear()
        self._renderer.close()

    @property
    def reading(self) -> Hashable:
        """What two films of one clip have in common that read the same frames."""
        plan, info = self._plan, self._style.info
        read = plan.settings.model_dump_json(include=set(VideoSettings.model_fields))
        return read, info.scale, info.planar, plan.deep, plan.is_untouched

    @property
    def is_plain(self) -> bool:
        """Whether a frame is painted in a film as it is painted alone."""
        return self._plan.flow is None and not self._style.info.per_shot

    def quick(self, seconds: Fraction, starts: Sequence[Fraction] | None) -> Rgb:
        """A frame, painted alone: (H, W, 3) uint8, 0–255, RGB.

        Args:
            seconds: after the first frame.
            starts: when the shots begin, seconds after the first frame; ``None``: not known yet.
        """
        plan = self._plan
        frame = self._with_parts(self.seeker.at(self._first + seconds))
        style = self._shot_at(frame, starts).style
        painted = replace(
            frame, painted=style.paint(levelled(frame)), opacity=opacity_of(frame, style)
        )
        [finished] = finish_frames(restore_frames([painted]), plan.finish)
        return as_rgb(mirror(finished.picture) if plan.mirror else finished.picture)

    def exact(self, seconds: Fraction, starts: Sequence[Fraction] | None) -> Rgb:
        """The film's own frame, with the motion before it: (H, W, 3) uint8, 0–255, RGB.

        Args:
            seconds: after the first frame.
            starts: when the shots begin, seconds after the first frame; ``None``: it is searched.

        Raises:
            SupersededError: somebody waits for another picture.
        """
        time = self.seeker.at(self._first + seconds).time
        shot = None
        if starts is not None:
            shot = self.seeker.at(self._shot_of(time, starts)[0]).time
        with self._source.interrupted():
            chunk = self._chunk_at(time, shot)
            self._source.until = self._last_needed(chunk)
            with closing(self._renderer.frames(chunk)) as frames:
                for frame in frames:
                    return frame.rgb
        raise SourceError("the clip has no frame there")

    def _chunk_at(self, time: Fraction, shot: Fraction | None) -> Chunk:
        """A chunk that begins with a frame, as a render with ``--start`` has it.

        Where the shot began long before, its canvas begins half a run-up before the frame: then it
        lies elsewhere than in the film, and looks the same.

        Args:
            time: of the frame.
            shot: of its shot's first frame; ``None``: it is searched.
        """
        plan, division = self._plan, self._plan.division
        if not plan.shots.needed or not division.read:
            return Chunk(number=1, start=time, shot=time, read=time)
        if shot is None:
            shot = find_shot_start(self._renderer.read, plan.shots.mark, time, self._first)
        run_up, painted = division.read / 2, division.paint / 2
        if time - shot <= run_up + _SPARE:
            run_up, painted = time - shot, division.paint
        return Chunk(1, start=time, shot=shot, read=time - run_up, since=time - painted)

    def _last_needed(self, chunk: Chunk) -> Fraction:
        """The time after which no frame is needed: cuts are judged by some frames that follow.

        Without it, the stages would prepare and paint a dozen frames more than one.
        """
        assert chunk.start is not None and chunk.read is not None
        later = max(chunk.start, chunk.read + _MEASURED / self._plan.source.info.rate)
        return later + _JUDGED / self._plan.source.info.rate

    def _shot_of(
        self, time: Fraction, starts: Sequence[Fraction]
    ) -> tuple[Fraction, Fraction | None]:
        """When the shot of a frame begins and ends, about, on the source's clock."""
        times = [self._first, *(self._first + start for start in starts)]
        begin = max(begin for begin in times if begin <= max(time, self._first) + ROUNDED)
        return begin, min((end - ROUNDED for end in times if end > begin), default=None)

    def _shot_at(self, frame: Frame, starts: Sequence[Fraction] | None) -> CompiledShot:
        """The style for a frame's shot; where shots are not known yet, for what is near it."""
        if not self._style.info.per_shot:
            return self._compiled.get((self._first, True), lambda: self._compile([frame]))
        if starts is None:
            second = Fraction(math.floor(frame.time))
            return self._compiled.get((second, False), lambda: self._compile([frame]))
        begin, end = self._shot_of(frame.time, starts)
        return self._compiled.get((begin, True), lambda: self._compile(self._first_of(begin, end)))

    def _first_of(self, begin: Fraction, end: Fraction | None) -> list[Frame]:
        """The frames at the beginning of a shot that its style measures."""
        first, last = self.seeker.beginning(begin, end, _MEASURED)
        return [self._with_parts(first), self._with_parts(last)]

    def _compile(self, frames: Sequence[Frame]) -> CompiledShot:
        is_film = self._plan.is_film and len(frames) > 1
        return CompiledShot.of(self._style, frames, self._plan.strength, is_film)

    def _with_parts(self, frame: Frame) -> Frame:
        """A frame with what is known before it is painted, and a canvas that does not move."""
        [prepared] = self._renderer.prepare([replace(frame, cut=True)])
        return prepared


class _Interruptible:
    """A source that stops reading when somebody waits for another picture.

    Args:
        source: what is read.
        given_up: whether somebody waits for another picture.
    """

    def __init__(self, source: Source, given_up: Callable[[], bool]) -> None:
        self._source = source
        self._given_up = given_up
        self._may_stop = False
        self.until: Fraction | None = None
        """The last time that is read in ``interrupted``; ``None``: the film's."""
        self.info = source.info
        self.seeks = source.seeks
        self.count_before = source.count_before
        self.alphas = source.alphas

    @contextmanager
    def interrupted(self) -> Generator[None]:
        """In this block, reading may stop."""
        self._may_stop = True
        try:
            yield
        finally:
            self._may_stop, self.until = False, None

    def frames(self, span: Span = ALL, layout: Layout = "rgb") -> Generator[Frame]:
        """See ``Source.frames``."""
        with closing(self._source.frames(span, layout)) as frames:
            for frame in frames:
                if self._may_stop and self._given_up():
                    raise SupersededError("another picture is asked for")
                if self.until is not None and frame.time > self.until:
                    return
                yield frame

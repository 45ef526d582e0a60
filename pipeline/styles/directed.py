"""What paints a film whose style changes by a timeline: a style made of several.

A change at once begins like a shot: frames are measured, and the blend with the past starts anew. A
slow change goes through the nets between two styles where they have one base. All others are
cross-faded: both paint, and the motion steadies what comes of it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from ..core.concurrency import closing_source
from ..core.frame import Frame, Picture, TemporalState
from ..timeline.points import Look, Painting
from ..timeline.schedule import Moment, Schedule
from .faded import FadedShot
from .net_travel import STEPS, NetTravel
from .style import ShotStyle, Style, StyleInfo
from .untouched import ORIGINAL

_Way = tuple[Painting, Painting]


class DirectedStyle:
    """The styles of a timeline; see ``Style``.

    Args:
        styles: what paints each look.
        schedule: which look each frame has.
    """

    def __init__(self, styles: Mapping[Look, Style], schedule: Schedule) -> None:
        self.styles = styles
        self.schedule = schedule
        infos = [style.info for style in styles.values()]
        first = infos[0]
        self.info: StyleInfo = replace(
            first,
            name=", ".join(dict.fromkeys(info.name for info in infos)),
            kind=", ".join(dict.fromkeys(info.kind for info in infos)),
            planar=all(info.planar for info in infos),
            per_shot=any(info.per_shot for info in infos),
            per_pixel=all(info.per_pixel for info in infos),
            canvas=any(info.canvas for info in infos),
            deep=any(info.deep for info in infos),
            scale=first.scale if all(info.scale == first.scale for info in infos) else None,
            parts=any(info.parts for info in infos),
            max_workers=min(info.max_workers for info in infos),
        )

    def compile(self, shot: Sequence[Frame], strength: float = 1.0) -> DirectedShot:
        """See ``Style.compile``; the strength goes over those of the schedule, as a fade."""
        return DirectedShot(self, tuple(shot), opacity=strength)

    def is_per_pixel(self, painting: Painting) -> bool:
        """Whether there is nothing that could flicker."""
        return painting.strength == 0 or self.styles[painting.look].info.per_pixel


@dataclass(frozen=True, eq=False)
class DirectedShot:
    """The styles of a timeline in a shot, each compiled when a frame needs it; see ``ShotStyle``.

    What is compiled depends on the measured frames alone, whenever that is done.
    """

    style: DirectedStyle
    frames: tuple[Frame, ...]
    """On which styles are measured."""
    _ends: dict[Painting, ShotStyle] = field(default_factory=dict[Painting, ShotStyle])
    _ways: dict[_Way, NetTravel | None] = field(default_factory=dict[_Way, NetTravel | None])
    _last: dict[tuple[_Way, int], ShotStyle] = field(
        default_factory=dict[tuple[_Way, int], ShotStyle]
    )
    """The last net on a way; there is one at most."""
    opacity: float = 1.0

    def paint(self, frame: Frame, state: TemporalState | None = None) -> Picture:
        """See ``ShotStyle.paint``."""
        return self.at(frame)[1].paint(frame, state)

    def at(self, frame: Frame) -> tuple[Frame, ShotStyle]:
        """What paints a frame; and the frame, with the opacity that it gets beyond the style's."""
        now = self.style.schedule.at(frame.time)
        shot, opacity = self._shot_at(now, frame)
        steady = all(map(self.style.is_per_pixel, now.paintings))
        if opacity == frame.opacity and not steady:
            return frame, shot
        return replace(frame, opacity=opacity, restyled=frame.restyled or steady), shot

    def _shot_at(self, now: Moment, frame: Frame) -> tuple[ShotStyle, float]:
        """What paints at a moment, and its opacity over that of the style itself."""
        seen = [p for p in now.paintings if p.strength > 0]
        if not seen:
            return ORIGINAL, 0.0
        if len(seen) == 1:  # alone, or with the film itself
            weight = 1.0 if len(now.paintings) == 1 else now.weight
            is_first = len(now.paintings) == 2 and seen[0] == now.before.painting
            return self._end(seen[0]), 1 - weight if is_first else weight
        before, after = seen
        first, last = self._end(before), self._end(after)
        opacity = now.mix(first.opacity, last.opacity)
        if before.look == after.look and _is_fade(before, first) and _is_fade(after, last):
            return first, opacity / first.opacity
        way = self._way(before, after)
        if way is not None:
            shot = self._on((before, after), way, now.weight, frame)
            return shot, opacity / shot.opacity
        weight = now.weight * last.opacity / opacity
        return FadedShot((first, last), (1 - weight, weight), 1.0), opacity

    def _end(self, painting: Painting) -> ShotStyle:
        if painting not in self._ends:
            style = self.style.styles[painting.look]
            self._ends[painting] = style.compile(self.frames, painting.strength)
        return self._ends[painting]

    def _way(self, before: Painting, after: Painting) -> NetTravel | None:
        key = before, after
        if key not in self._ways:
            ends = self._end(before), self._end(after)
            self._ways[key] = NetTravel.between(*ends, self.frames)
        return self._ways[key]

    def _on(self, way: _Way, travel: NetTravel, weight: float, frame: Frame) -> ShotStyle:
        step = round(weight * STEPS)
        if step in (0, STEPS):
            return self._end(way[step // STEPS])
        if (way, step) not in self._last:
            self._last.clear()
            self._last[way, step] = travel.at(step / STEPS, frame)
        return self._last[way, step]

    def adapt(self, frame: Frame, weight: float) -> DirectedShot:
        """See ``ShotStyle.adapt``: of what the frame needs; the rest is measured on it later."""
        needed, way = self._needed(frame)
        ends = {one: self._end(one).adapt(frame, weight) for one in needed}
        travel = None if way is None else self._way(*way)
        ways = {way: travel.adapt(frame, weight)} if way is not None and travel is not None else {}
        return DirectedShot(self.style, (frame,), ends, dict[_Way, NetTravel | None](ways))

    def mixed(self, other: DirectedShot, weight: float, frame: Frame) -> DirectedShot:
        """See ``ShotStyle.mixed``."""
        needed, way = self._needed(frame)
        ends = {one: self._end(one).mixed(other._end(one), weight, frame) for one in needed}
        ways: dict[_Way, NetTravel | None] = {}
        if way is not None:
            mine, others = self._way(*way), other._way(*way)
            if mine is not None and others is not None:
                ways[way] = mine.mixed(others, weight)
        return DirectedShot(self.style, self.frames, ends, ways)

    def _needed(self, frame: Frame) -> tuple[list[Painting], _Way | None]:
        """What paints a frame, and the way that it is on."""
        needed = [p for p in self.style.schedule.at(frame.time).paintings if p.strength > 0]
        return needed, (needed[0], needed[1]) if len(needed) == 2 else None


def _is_fade(painting: Painting, shot: ShotStyle) -> bool:
    """Whether nothing of a strength is in the style itself."""
    return shot.opacity == painting.strength


def direct_frames(
    compiled: Iterable[tuple[Frame, ShotStyle]],
) -> Generator[tuple[Frame, ShotStyle]]:
    """Stage: frames with a ``DirectedShot`` → with what paints each of them."""
    with closing_source(compiled):
        for frame, shot in compiled:
            assert isinstance(shot, DirectedShot)
            yield shot.at(frame)


def mark_restyled(
    frames: Iterable[Frame], schedule: Schedule, before: Fraction | None
) -> Generator[Frame]:
    """Stage: set ``restyled`` on the frames from which on another style paints, at once.

    Args:
        frames: in order.
        schedule: of the film.
        before: a time before the first frame, in the same shot; ``None``: a shot begins with it.
    """
    jump = None if before is None else schedule.last_jump(before)
    begins = before is None
    with closing_source(frames):
        for frame in frames:
            last = schedule.last_jump(frame.time)
            yield frame if begins or last == jump else replace(frame, restyled=True)
            jump, begins = last, False

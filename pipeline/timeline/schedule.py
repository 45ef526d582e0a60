"""A timeline with the times of its points in one film: what holds at each moment."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from ..core.errors import SettingsError
from .points import How, Look, Painting, Point, Timeline, Unit, Values, timecode


@dataclass(frozen=True)
class Film:
    """What a film's timeline needs to know of it. Times are seconds on the source's clock."""

    start: Fraction
    """Time of the first frame."""
    rate: Fraction
    """Frames per second."""
    duration: Fraction | None = None
    """Seconds; ``None``: unknown."""
    shots: Sequence[Fraction] = ()
    """Times of the first frames of the shots, as far as they are needed."""
    frames: Mapping[int, Fraction] = field(default_factory=dict[int, Fraction])
    """Number of a frame, from 1 on → its time: of those that are needed."""
    count: int = 0
    """Frames that were counted for that."""


@dataclass(frozen=True)
class Stop:
    """A point at its time."""

    time: Fraction | None
    """From which its values hold, seconds on the source's clock; ``None``: from the beginning."""
    values: Values
    how: How
    point: Point | None = None
    """``None``: the settings of the run."""
    written: Fraction = Fraction(0)
    """Seconds after the film's first frame, as the user knows it."""


@dataclass(frozen=True)
class Moment:
    """What holds at a time: one set of values, or some way from one to another."""

    before: Values
    after: Values
    weight: float
    """0..1: of ``after``."""

    @property
    def paintings(self) -> tuple[Painting, ...]:
        """What is painted with: one or two."""
        both = [self.before.painting] if self.weight < 1 else []
        both += [self.after.painting] if self.weight > 0 else []
        return tuple(dict.fromkeys(both))

    def mix(self, before: float, after: float) -> float:
        """A number on the way from one to the other."""
        return before + self.weight * (after - before)


@dataclass(frozen=True)
class Schedule:
    """A timeline in a film. Times are seconds on the source's clock."""

    stops: tuple[Stop, ...]
    """In the order of time; the first one holds from the beginning."""
    start: Fraction
    """Time of the film's first frame."""
    timeline: Timeline
    """As it is written."""

    @cached_property
    def _times(self) -> list[Fraction]:
        return [stop.time for stop in self.stops[1:] if stop.time is not None]

    def at(self, time: Fraction) -> Moment:
        """What holds for a frame that is displayed at ``time``."""
        place = bisect_right(self._times, time)
        now = self.stops[place]
        if now.how == "hold" or now.time is None or place + 1 == len(self.stops):
            return Moment(now.values, now.values, 0.0)
        coming = self.stops[place + 1]
        assert coming.time is not None
        way = float((time - now.time) / (coming.time - now.time))
        return Moment(now.values, coming.values, _eased(way) if now.how == "ease" else way)

    @cached_property
    def jumps(self) -> list[Fraction]:
        """The times at which what is painted with changes at once."""
        found: list[Fraction] = []
        for before, now in zip(self.stops, self.stops[1:], strict=False):
            changes = before.values.painting != now.values.painting
            if before.how == "hold" and changes and now.time is not None:
                found.append(now.time)
        return found

    def last_jump(self, time: Fraction) -> Fraction | None:
        """The last of ``jumps`` that is not after ``time``; ``None``: there is none."""
        place = bisect_right(self.jumps, time)
        return self.jumps[place - 1] if place else None

    @cached_property
    def used(self) -> tuple[Stop, ...]:
        """The stops whose values some frame can have."""
        first = self._times[0] if self._times else None
        return self.stops[1:] if first is not None and first <= self.start else self.stops

    @property
    def looks(self) -> dict[Look, Stop]:
        """All that is painted with, and where it is first named."""
        found: dict[Look, Stop] = {}
        for stop in self.used:
            found.setdefault(stop.values.painting.look, stop)
        return found

    @property
    def masks(self) -> dict[str, Stop]:
        """All masks, and where each is first named."""
        found: dict[str, Stop] = {}
        for stop in self.used:
            if stop.values.mask is not None:
                found.setdefault(stop.values.mask, stop)
        return found

    @property
    def shows_source(self) -> bool:
        """Whether some of the film's own pixels or colours are ever seen."""
        values = [stop.values for stop in self.used]
        return any(v.strength < 1 or v.mask is not None or v.is_in_source_colors for v in values)

    def where(self, stop: Stop, name: str = "") -> str:
        """Where a stop, or a setting of it, is written; empty: on the command line."""
        if stop.point is None:
            return ""
        return self.timeline.where(stop.point.lines.get(name, stop.point.line))

    def lines(self) -> list[str]:
        """The timeline for the user, a line for each point."""
        return [f"timeline {line}" for line in map(self._line, self.used)]

    def _line(self, stop: Stop) -> str:
        values = stop.values
        parts = [f"{timecode(stop.written)}  {' '.join(values.style)}"]
        parts += [f"strength {values.strength:g}"] if values.strength != 1 else []
        parts += [f"style scale {values.style_scale:g}"] if values.style_scale is not None else []
        parts += [f"palette {values.palette}"] if values.palette != "none" else []
        parts += [f"mask {values.mask}"] if values.mask is not None else []
        parts += [f"then {stop.how} to the next"] if stop.how != "hold" else []
        named = stop.point is not None and stop.point.unit != "at"
        return ", ".join(parts) + (f" ({stop.point.name})" if named and stop.point else "")


def schedule(timeline: Timeline, values: Values, film: Film) -> Schedule:
    """Find the times of a timeline's points in a film.

    Args:
        timeline: the points.
        values: of the settings of the run: they hold until a point changes them.
        film: what is known of the film.

    Raises:
        SettingsError: the film has no such shot, frame or time; or a point is not after the one
            before it.
    """
    stops = [Stop(None, values, "hold")]
    # A time that is typed is rounded, and belongs to the frame that is nearest to it.
    nearly = 1 / (2 * film.rate)
    for point in timeline.points:
        written, is_exact = _place_of(point, timeline, film)
        before = stops[-1].point
        if before is not None and written <= stops[-1].written:
            raise SettingsError(
                f"{timeline.where(point.line)}: {point.name} is at {timecode(written)}, not after "
                f"{before.name} in line {before.line}, which is at {timecode(stops[-1].written)}; "
                "the points of a timeline are in the order of time"
            )
        values, time = point.over(values), film.start + written
        time = time if is_exact else time - nearly
        stops.append(Stop(time, values, point.how, point, written))
    return Schedule(tuple(stops), film.start, timeline)


def _place_of(point: Point, timeline: Timeline, film: Film) -> tuple[Fraction, bool]:
    """A point's place, seconds after the film's first frame, and whether it is a frame's own."""
    where = timeline.where(point.line)
    number = int(point.place)
    if point.unit == "frame":
        if number not in film.frames:
            count = _count(film.count, "frame")
            raise SettingsError(f"{where}: there is no frame {number}; the film has {count}")
        return film.frames[number] - film.start, True
    if point.unit == "shot" and number > len(film.shots):
        raise SettingsError(
            f"{where}: there is no shot {number}; the film has {_count(len(film.shots), 'shot')}, "
            "which stylize-video shots lists"
        )
    written = point.place
    if point.unit == "shot":
        written = film.shots[number - 1] - film.start + point.after
        if not point.after:
            return written, True
    if film.duration is not None and written >= film.duration:
        raise SettingsError(
            f"{where}: {point.name} is past the end of the film, {float(film.duration):.2f} s"
        )
    return written, False


def _count(number: int, unit: Unit) -> str:
    return f"{number} {unit}" + ("" if number == 1 else "s")


def _eased(way: float) -> float:
    """A smooth step: 0..1 → 0..1, which begins and ends slowly."""
    return way * way * (3 - 2 * way)

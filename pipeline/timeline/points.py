"""A timeline as it is written: points, each with a place in the film and the values from there on.

``read`` makes one of a file; ``schedule`` finds the times of its points in a film.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from typing import Any, Literal

from ..core.config import Settings

How = Literal["hold", "linear", "ease"]
"""How the values get from a point to the next: they stay until there and change at once; they
change evenly; or they begin and end to change slowly."""
HOWS: tuple[How, ...] = ("hold", "linear", "ease")

Unit = Literal["at", "frame", "shot"]
"""What a place is counted in: seconds after the film's first frame, frames, or shots."""
UNITS: tuple[Unit, ...] = ("at", "frame", "shot")


@dataclass(frozen=True)
class Look:
    """What is opened to paint with."""

    style: tuple[str, ...]
    """As typed after ``--style``: NAME or NAME:WEIGHT."""
    style_scale: float | None
    palette: str
    """``style``, ``match`` or ``none``."""


@dataclass(frozen=True)
class Painting:
    """A look at a strength."""

    look: Look
    strength: float
    """0..1."""


@dataclass(frozen=True)
class Values:
    """Everything that a timeline can change, at one moment."""

    style: tuple[str, ...]
    strength: float
    style_scale: float | None
    palette: str
    mask: str | None

    @classmethod
    def of(cls, settings: Settings) -> Values:
        """What the settings of a run say."""
        return cls(**{name: getattr(settings, name) for name in NAMES})

    @property
    def painting(self) -> Painting:
        """What the frame is painted with."""
        # The source's own colours are laid over any painting afterwards.
        palette = "none" if self.is_in_source_colors else self.palette
        return Painting(Look(self.style, self.style_scale, palette), self.strength)

    @property
    def is_in_source_colors(self) -> bool:
        """Only the brightness of the painting is used."""
        return self.palette == "source"


NAMES = tuple(one.name for one in fields(Values))
"""The settings that a timeline can change."""


@dataclass(frozen=True)
class Point:
    """A place in a film, and what changes there."""

    unit: Unit
    place: Fraction
    """Seconds; or a number of a frame or shot, from 1 on."""
    changes: Mapping[str, Any]
    """Setting → its value from here on. Others stay as they are."""
    how: How = "hold"
    """How the values get from here to the next point."""
    after: Fraction = Fraction(0)
    """Seconds after the first frame of the shot that ``place`` names."""
    line: int = 0
    """Of the file, from 1 on."""
    lines: Mapping[str, int] = field(default_factory=dict[str, int])
    """Setting → its line."""

    @property
    def name(self) -> str:
        """The place, as it is written."""
        if self.unit == "at":
            return timecode(self.place)
        after = f" and {float(self.after):g} s" if self.after else ""
        return f"{self.unit} {self.place}{after}"

    def over(self, values: Values) -> Values:
        """The values from here on, where the ones before are ``values``."""
        return replace(values, **self.changes)


@dataclass(frozen=True)
class Timeline:
    """Points in the order of time."""

    label: str
    """What the user typed, for messages: ``--timeline film.yaml``."""
    points: tuple[Point, ...]
    digest: str
    """Of the file's text."""

    def values(self, values: Values) -> list[tuple[Point | None, Values]]:
        """The values that frames can have, and the points that name them.

        Args:
            values: of the settings: they hold before the first point.
        """
        first = self.points[0]
        at_once = not first.after and first.place <= (0 if first.unit == "at" else 1)
        found: list[tuple[Point | None, Values]] = [] if at_once else [(None, values)]
        for point in self.points:
            values = point.over(values)
            found.append((point, values))
        return found

    def where(self, line: int) -> str:
        """A line of the file, for messages."""
        return f"{self.label}, line {line}"

    @property
    def last_shot(self) -> int:
        """The highest number of a shot that is named; 0: none is."""
        return max(self._numbers("shot"), default=0)

    @property
    def frames(self) -> tuple[int, ...]:
        """The numbers of the frames that are named."""
        return self._numbers("frame")

    def _numbers(self, unit: Unit) -> tuple[int, ...]:
        return tuple(int(point.place) for point in self.points if point.unit == unit)


def timecode(seconds: Fraction) -> str:
    """``0:01:15.500``, rounded to milliseconds."""
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    minutes, whole = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{whole:02d}.{thousandths:03d}"

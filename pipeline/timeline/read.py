"""Read a timeline file; what is wrong in it gets one line, with the number of its line."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

from ..core.config import Settings, checked
from ..core.errors import SettingsError, nearest
from ..core.files import digest
from ..core.units import parse_time
from ..core.yaml_file import YamlMapping, load_yaml
from .points import HOWS, NAMES, UNITS, Point, Timeline, Unit

_MOST_BYTES = 2_000_000  # a film of 10,000 shots
_MOST_FRAMES = 10**9
_KEYS = (*UNITS, "after", *NAMES, "then")
_EXAMPLE = "write a list of points: - at: 0:12.5, and below it what changes there, as style: udnie"


def read_timeline(path: Path) -> Timeline:
    """The timeline that a file holds.

    Raises:
        SettingsError: the file can't be read; or an unknown key, a wrong value, a point that is not
            after the one before it, or one that changes nothing: with its line.
    """
    label = f"--timeline {path}"
    found = load_yaml(path, label, _MOST_BYTES)
    if found is None or found == []:
        raise SettingsError(f"{label} is empty: there is nothing to change; {_EXAMPLE}")
    if not isinstance(found, list):
        raise SettingsError(f"{label} is no list of points; {_EXAMPLE}")
    points: list[Point] = []
    for number, item in enumerate(list[Any](found), 1):
        if not isinstance(item, YamlMapping):
            raise SettingsError(f"{label}, point {number} is no point: '{item}'; {_EXAMPLE}")
        points.append(_Reader(label, item).point())
    timeline = Timeline(label, tuple(points), digest([path.read_bytes()]))
    _refuse_wrong_order(timeline)
    if points[-1].how != "hold":
        where = timeline.where(points[-1].lines["then"])
        raise SettingsError(
            f"{where}: then: {points[-1].how} leads to the next point, and this is the last one; "
            "leave it out"
        )
    return timeline


def _refuse_wrong_order(timeline: Timeline) -> None:
    """Refuse neighbours of one unit in the wrong order: for the others the film is needed."""
    for before, point in pairwise(timeline.points):
        same = before.unit == point.unit
        if same and (point.place, point.after) <= (before.place, before.after):
            raise SettingsError(
                f"{timeline.where(point.line)}: {point.name} is not after {before.name} in "
                f"line {before.line}; the points of a timeline are in the order of time"
            )


class _Reader:
    """Reads one point.

    Args:
        label: the file, as the user typed it.
        item: the point as it is in the file.
    """

    def __init__(self, label: str, item: YamlMapping) -> None:
        self._label = label
        self._item = item

    def point(self) -> Point:
        """The point.

        Raises:
            SettingsError: what is wrong with it.
        """
        self._refuse_unknown()
        item = self._item
        unit = self._unit()
        changes = {name: self._change(name) for name in NAMES if name in item}
        how = item.get("then", "hold")
        if how not in HOWS:
            self._refuse("then", f"'{how}' is no way to the next point; write {_choice(HOWS)}")
        if not changes and how == "hold":
            self._refuse(
                unit, f"nothing changes here; add {_choice(NAMES)}, or then: ease, or remove it"
            )
        lines = {str(key): line for key, line in item.lines.items()}
        return Point(unit, self._place(unit), changes, how, self._after(unit), item.line, lines)

    def _refuse(self, key: str, why: str) -> NoReturn:
        line = self._item.lines.get(key, self._item.line)
        raise SettingsError(f"{self._label}, line {line}: {why}")

    def _refuse_unknown(self) -> None:
        for key, value in self._item.items():
            if key not in _KEYS:
                self._refuse(key, f"unknown key '{key}'{nearest(str(key), _KEYS)}")
            if value is None:
                self._refuse(key, f"'{key}' has no value; write one, or remove the line")

    def _unit(self) -> Unit:
        given: list[Unit] = [unit for unit in UNITS if unit in self._item]
        if len(given) == 1:
            return given[0]
        if given:
            self._refuse(given[1], f"'{given[0]}' and '{given[1]}' both say when; keep one")
        self._refuse("", "nothing says when; add at: 0:12.5, frame: 240 or shot: 3")

    def _place(self, unit: Unit) -> Fraction:
        value = self._item[unit]
        if unit == "at":
            return self._time("at")
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or not 1 <= value <= _MOST_FRAMES:
            self._refuse(unit, f"{unit}: {value} is no number of a {unit}; they count from 1")
        return Fraction(value)

    def _after(self, unit: Unit) -> Fraction:
        if "after" not in self._item:
            return Fraction(0)
        if unit != "shot":
            self._refuse("after", "'after' is for shots: seconds after the shot begins; remove it")
        return self._time("after")

    def _time(self, key: str) -> Fraction:
        try:
            return parse_time(str(self._item[key]))
        except ValueError as error:
            self._refuse(key, f"{key}: {error}")

    def _change(self, name: str) -> Any:
        """A value as the setting of that name has it."""
        value = self._item[name]
        if value == "none" and name in ("mask", "style_scale"):
            return None
        if isinstance(value, bool):
            self._refuse(name, f"{name}: yes and no are no values of it")
        where = f"{self._label}, line {self._item.lines[name]}"
        return getattr(checked(Settings, {name: value}, where), name)


def _choice(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"

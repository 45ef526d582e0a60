"""Figures of all rounds as tables or JSON: medians, how far they lie apart, and ratios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from .runs import SECTIONS, Samples

Row = Sequence[str]


@dataclass(frozen=True)
class Spread:
    """The median of the rounds, and the least and the largest."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of one or more values."""
        return cls(median(values), min(values), max(values))

    def __str__(self) -> str:
        digits = max(0, 2 - len(str(int(abs(self.median)))) + (abs(self.median) < 100))
        low, middle, high = (f"{v:.{digits}f}" for v in (self.least, self.median, self.most))
        return middle if low == high else f"{middle} ({low}–{high})"


def as_data(found: Mapping[str, Samples]) -> dict[str, Any]:
    """Variant → section → figure → median, least and largest; JSON."""
    return {
        name: {
            section: {figure: vars(Spread.of(values)) for figure, values in figures.items()}
            for section, figures in samples.sections.items()
        }
        for name, samples in found.items()
    }


def tables(found: Mapping[str, Samples]) -> list[list[Row]]:
    """A table a section: a row a figure, a column a variant, and the last over the first."""
    measured = {section for samples in found.values() for section in samples.sections}
    return [_table(section, list(found), found) for section in SECTIONS if section in measured]


def _table(section: str, names: Sequence[str], found: Mapping[str, Samples]) -> list[Row]:
    of = {name: found[name].sections.get(section, {}) for name in names}
    figures = dict.fromkeys(figure for each in of.values() for figure in each)
    compared = len(names) > 1
    rows: list[Row] = [[section, *names, *(["after/before"] if compared else [])]]
    for figure in figures:
        spreads = [Spread.of(of[n][figure]) if figure in of[n] else None for n in names]
        cells = ["" if spread is None else str(spread) for spread in spreads]
        rows.append([figure, *cells, *([_ratio(spreads)] if compared else [])])
    return rows


def _ratio(spreads: Sequence[Spread | None]) -> str:
    before, after = spreads[0], spreads[-1]
    if before is None or after is None or abs(before.median) < 0.05:
        return ""
    return f"{after.median / before.median:.2f}"


def as_text(rows: Sequence[Row]) -> str:
    """A table in columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(r, widths, strict=True)) for r in rows]
    return "\n".join(line.rstrip() for line in [lines[0], "-" * len(lines[0]), *lines[1:]])


def as_markdown(rows: Sequence[Row]) -> str:
    """A table to paste into the docs."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])

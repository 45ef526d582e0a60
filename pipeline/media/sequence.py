"""Pictures that follow each other: the files of a folder, their order, and what is missing."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from ..core.errors import SourceError
from .film_pictures import READ_SUFFIXES

log = logging.getLogger(__name__)


NUMBER = re.compile(r"%0?\d*d")
"""A printf number in a file name: ``%05d``."""

_MOST_HELD = 10_000  # pictures that --gaps hold repeats: a stray number is no hour of film
_NAMED = 5  # gaps that are listed


def pictures_in(folder: Path) -> list[Path]:
    """List the pictures of a folder, ``2.png`` before ``10.png``; hidden files are none."""
    return _sorted(p for p in folder.iterdir() if p.suffix.lower() in READ_SUFFIXES)


def pictures_like(pattern: str) -> list[Path]:
    """List the pictures of ``frames/*.png`` or, with a printf number, ``frames/%05d.png``."""
    path = Path(pattern)
    if NUMBER.search(path.name) is None:
        return _sorted(p for p in path.parent.glob(path.name) if p.suffix.lower() in READ_SUFFIXES)
    name = numbered(path.name)
    if not path.parent.is_dir():
        return []
    return _sorted(p for p in path.parent.iterdir() if name.fullmatch(p.name))


def numbered(pattern: str) -> re.Pattern[str]:
    """The names of a file name with a printf number in it."""
    before, after = (re.escape(part) for part in NUMBER.split(pattern, maxsplit=1))
    return re.compile(rf"{before}\d+{after}")


def _sorted(paths: Iterable[Path]) -> list[Path]:
    """In natural order, without what macOS and others hide beside the pictures (``._a.png``)."""
    return sorted((p for p in paths if not p.name.startswith(".")), key=natural)


def natural(path: Path) -> list[tuple[int, int | str]]:
    """A sort key that compares numbers as numbers: ``2.png`` comes before ``10.png``."""
    parts = re.split(r"(\d+)", str(path).lower())
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]


def without_gaps(name: str, paths: Sequence[Path], hold: bool) -> list[Path]:
    """Find the numbers that are missing in a sequence, and say so.

    Args:
        name: the source as the user typed it.
        paths: pictures in order.
        hold: put the picture before in the place of each that is missing.

    Raises:
        SourceError: more are missing than can be meant.
    """
    gaps = _gaps(paths)
    missing = sum(gaps.values())
    if not missing:
        return list(paths)
    first = [f"after {paths[index].name}" for index in list(gaps)[:_NAMED]]
    where = ", ".join(first) + (" …" if len(gaps) > _NAMED else "")
    if not hold:
        log.warning(
            "%s: %d pictures are missing (%s); --gaps hold shows the one before in their place",
            name, missing, where,
        )  # fmt: skip
        return list(paths)
    if missing > _MOST_HELD:
        raise SourceError(
            f"{name}: {missing} pictures are missing ({where}), too many for --gaps hold"
        )
    log.warning("%s: %d pictures are missing (%s); the one before is held", name, missing, where)
    return [path for i, path in enumerate(paths) for _ in range(1 + gaps.get(i, 0))]


def _gaps(paths: Sequence[Path]) -> dict[int, int]:
    """How many numbers are missing after the picture of an index; the usual step is no gap."""
    names = [re.fullmatch(r"(.*?)(\d+)(\D*)", path.name) for path in paths]
    if len(paths) < 3 or any(name is None for name in names):
        return {}
    parts = [name.groups() for name in names if name is not None]
    if len({(before, after) for before, _, after in parts}) > 1:
        return {}
    steps = [int(b[1]) - int(a[1]) for a, b in pairwise(parts)]
    usual = Counter(steps).most_common(1)[0][0]
    if usual < 1:
        return {}
    return {i: step // usual - 1 for i, step in enumerate(steps) if step >= 2 * usual}

"""Where the result of each input of a batch goes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..core.files import PICTURE_SUFFIXES
from ..media.film_pictures import READ_SUFFIXES
from ..media.outputs import CONTAINERS
from .inputs import Input, is_same
from .report import Row, row_of


@dataclass(frozen=True)
class Item:
    """An input of a batch, and where its result goes."""

    source: Path
    output: Path


class Outputs:
    """Gives each input of a batch a result of its own.

    Args:
        to: the folder of the results.
        earlier: rows of earlier runs into it: what another input's result is called is not used.
    """

    def __init__(self, to: Path, earlier: Iterable[Row] = ()) -> None:
        self._to = to
        self._makers = {_key(Path(row.output)): Path(row.input) for row in earlier if row.output}

    def items(self, found: Iterable[Input | Row]) -> list[Item | Row]:
        """What is to be painted, and the rows of what can't be."""
        everything = list(found)
        inputs = [one for one in everything if isinstance(one, Input)]
        sources = {_key(one.source): one.source for one in inputs}
        # a.mp4 becomes a.mp4, whether a.avi, which can't keep its name, comes before it or not.
        inputs.sort(key=lambda one: _name(one.source) != one.source.name)
        items = {one: self._refused(self.item(one), sources) for one in inputs}
        return [one if isinstance(one, Row) else items[one] for one in everything]

    def item(self, found: Input) -> Item:
        """An input, and where its result goes: below ``to`` as it is below its own folder."""
        first = path = self._to / found.below.parent / _name(found.source)
        number = 2
        while self._is_of_another(path, found.source):
            path, number = first.with_name(f"{first.stem}-{number}{first.suffix}"), number + 1
        self._makers[_key(path)] = found.source
        return Item(found.source, path)

    def _is_of_another(self, path: Path, source: Path) -> bool:
        maker = self._makers.get(_key(path))
        return maker is not None and maker.exists() and not is_same(maker, source)

    def _refused(self, item: Item, sources: dict[str, Path]) -> Item | Row:
        """The item; but a row, where its result would replace an input."""
        taken = sources.get(_key(item.output))
        if taken is None:
            return item
        whose = "its own" if is_same(taken, item.source) else "another input's"
        why = f"the result would take {whose} place, {item.output}; give --to another folder"
        return row_of(item.source, None, "failed", why)


def _key(path: Path) -> str:
    """One for all ways to write a path; case makes no difference, as on many disks."""
    return os.path.realpath(path).casefold()


def _name(source: Path) -> str:
    """The name of a result: that of its source, with an ending that can be written."""
    suffix = source.suffix.lower()
    if suffix in CONTAINERS or suffix in PICTURE_SUFFIXES:
        return source.name
    return source.stem + (".png" if suffix in READ_SUFFIXES else ".mp4")

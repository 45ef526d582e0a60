"""Read ``.cube`` files, whatever is in them; in blocks, so that their length takes no memory."""

from __future__ import annotations

import re
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ModelError, reason

LARGEST = 256
"""Grid points along each colour, at most: 200 MB."""

_BLOCK = 1 << 20  # characters that are read at once
_LONGEST_LINE = 10_000  # characters
_LONGEST_HEAD = 500_000  # characters before the first row, comments among them
_NO_ROW = re.compile(r"[^\d\s.eE+-]")  # something in a block that is no row of numbers


def read_cube(path: Path) -> NDArray[np.float32]:
    """Read a 3D ``.cube`` file: (size, size, size, 3) float32, RGB, of the domain 0..1.

    Raises:
        ModelError: the file can't be read, or is not a 3D table of that domain.
    """
    reader = _Reader()
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:  # comments in any encoding
            for block in _blocks(file):
                reader.add(block)
        table = reader.table()
    except OSError as error:
        raise ModelError(f"{path} can't be read: {reason(error)}") from error
    except ValueError as error:
        raise ModelError(f"{path} is no 3D .cube file: {error}") from error
    if not reader.is_plain:
        domain = " ".join(reader.domain)
        raise ModelError(f"{path} has the domain {domain}; 0 to 1 is played")
    return table


def _blocks(file: TextIO) -> Generator[str]:
    """The text in blocks of whole lines.

    Raises:
        ValueError: a line is too long for any table.
    """
    rest = ""
    while text := file.read(_BLOCK):
        lines, end, rest = (rest + text).rpartition("\n")
        if len(rest) > _LONGEST_LINE:
            raise ValueError("it has no lines")
        yield lines + end
    yield rest


class _Reader:
    """Takes the blocks of a file, one after the other."""

    def __init__(self) -> None:
        self._keywords: dict[str, list[str]] = {}
        self._head = 0
        self._size = 0
        self._numbers: NDArray[np.float32] | None = None
        self._filled = 0

    @property
    def domain(self) -> list[str]:
        """What the file says of its domain, or what holds where it does not."""
        least, most = (self._keywords.get(f"DOMAIN_{end}") for end in ("MIN", "MAX"))
        span = self._keywords.get("LUT_3D_INPUT_RANGE")  # Resolve's word for it
        return [*(least or "000"), *(most or "111"), *(span or "01")]

    @property
    def is_plain(self) -> bool:
        """Whether the domain is 0..1."""
        try:
            return [float(word) for word in self.domain] == [0, 0, 0, 1, 1, 1, 0, 1]
        except ValueError:
            return False

    def add(self, block: str) -> None:
        """Read the next lines.

        Raises:
            ValueError: what is wrong with them.
        """
        rows = block if _NO_ROW.search(block) is None else "\n".join(self._rows(block))
        if rows.strip():
            self._fill(rows)
        elif self._numbers is None and (head := self._head + len(block)) > _LONGEST_HEAD:
            raise ValueError(f"no numbers in the first {head} characters")
        self._head += len(block)

    def table(self) -> NDArray[np.float32]:
        """The table, when all has been read.

        Raises:
            ValueError: it is incomplete, or not of numbers.
        """
        if self._numbers is None:
            raise ValueError("it has no numbers")
        if self._filled != len(self._numbers):
            rows, expected = self._filled / 3, self._size**3
            raise ValueError(f"it has {rows:g} of {expected} rows")
        if not np.isfinite(self._numbers).all():
            raise ValueError("a number is infinite, or none")
        return self._numbers.reshape(self._size, self._size, self._size, 3)

    def _rows(self, block: str) -> Generator[str]:
        """The lines with numbers; what the others say is kept."""
        for line in block.split("\n"):
            words = line.partition("#")[0].split()
            if not words:
                continue
            if words[0][0].isalpha() and words[0].lower() not in ("nan", "inf"):
                self._keywords.setdefault(words[0], words[1:])
            else:
                yield line.partition("#")[0]

    def _fill(self, rows: str) -> None:
        numbers = _floats(rows)
        if self._numbers is None:
            self._size = self._declared_size()
            self._numbers = np.empty(self._size**3 * 3, np.float32)
        end = self._filled + len(numbers)
        if end > len(self._numbers):
            raise ValueError(f"it has more than {self._size**3} rows")
        self._numbers[self._filled : end] = numbers
        self._filled = end

    def _declared_size(self) -> int:
        if "LUT_1D_SIZE" in self._keywords and "LUT_3D_SIZE" not in self._keywords:
            raise ValueError("it is a 1D table")
        words = self._keywords.get("LUT_3D_SIZE")
        if not words:
            raise ValueError("it does not say LUT_3D_SIZE")
        if not re.fullmatch(r"\d{1,9}", words[0]) or not 2 <= int(words[0]) <= LARGEST:
            raise ValueError(f"LUT_3D_SIZE {words[0][:20]}, where 2 to {LARGEST} are read")
        return int(words[0])


def _floats(text: str) -> NDArray[np.float32]:
    """The numbers of a text.

    Raises:
        ValueError: a word is no number.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # an older NumPy warns and stops there
        try:
            return np.fromstring(text, np.float32, sep=" ")
        except (DeprecationWarning, ValueError) as error:
            raise ValueError("a word is no number") from error

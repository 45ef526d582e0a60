"""The report of a batch: what was done, what was skipped, what failed, and why."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, cast, get_args

from ..core.errors import SinkError, reason
from ..core.files import atomic_write

REPORT = "stylize-report"
"""Name of the reports, less ``.csv`` and ``.json``."""

Status = Literal["done", "skipped", "failed", "stopped"]


@dataclass(frozen=True)
class Row:
    """What became of an input: a row of the report."""

    input: str
    """Its whole path."""
    output: str
    """The whole path of its result; empty where there is none."""
    status: Status
    reason: str = ""
    """Why it failed or was skipped, or what is missing in the result."""
    frames: int = 0
    """In the result."""
    seconds: float = 0.0
    """Of film, in the result."""
    took: float = 0.0
    """Seconds of work."""


def row_of(source: Path, output: Path | None, status: Status, reason: str = "") -> Row:
    """A row with the whole paths of an input and of its result."""
    out = "" if output is None else str(output.absolute())
    return Row(str(source.absolute()), out, status, reason)


class BatchReport:
    """The report in a folder of results, as CSV and as JSON. It is written after every input.

    A row of an earlier run stays until its input comes again. So the report of a watched folder
    goes on from one day to the next.

    Args:
        to: the folder of the results.
    """

    def __init__(self, to: Path) -> None:
        self.rows: list[Row] = []
        """Of this run."""
        self.path = to / f"{REPORT}.csv"
        self.earlier = {row.input: row for row in _read(self.path.with_suffix(".json"))}
        """Rows of earlier runs, by their inputs."""

    def write(self) -> None:
        """Write both files, each whole or not at all.

        Raises:
            SinkError: one can't be written.
        """
        rows = self._with_others()
        text = io.StringIO()
        table = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
        table.writeheader()
        table.writerows(asdict(row) for row in rows)
        listed = json.dumps([asdict(row) for row in rows], indent=1) + "\n"
        for path, content in (
            (self.path.with_suffix(".json"), listed),
            (self.path, text.getvalue()),
        ):
            with atomic_write(path) as part:
                # A name that is no Unicode can be on the disk.
                part.write_text(content, encoding="utf-8", errors="backslashreplace")

    def _with_others(self) -> list[Row]:
        """The rows of this run, of earlier ones, and of one that works into the folder as well."""
        ours = {row.input: row for row in self.rows}
        rows = {**self.earlier, **ours}
        for there in _read(self.path.with_suffix(".json")):
            mine, before = ours.get(there.input), self.earlier.get(there.input)
            left_to_it = mine is not None and mine.status == "skipped"
            if mine is None or (left_to_it and there not in (mine, before)):
                rows[there.input] = there
        return [*rows.values()]


def _read(path: Path) -> list[Row]:
    """The rows of an earlier run whose input or result is there; none of another file."""
    with suppress(OSError, ValueError, TypeError):
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        rows = [Row(**cast("Mapping[str, Any]", row)) for row in found]
        rows = [row for row in rows if row.status in get_args(Status)]
        return [row for row in rows if row.output or os.path.exists(row.input)]  # noqa: PTH110
    return []


def make_folder(to: Path) -> None:
    """Make the folder of the results.

    Raises:
        SinkError: it can't be made, or nothing can be written into it.
    """
    try:
        to.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"folder {to} can't be made: {reason(error)}") from error
    if not os.access(to, os.W_OK | os.X_OK):
        raise SinkError(f"folder {to} can't be written; choose another")

"""What a command says while it works: a bar on a terminal, a line per 10 % elsewhere."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from ..pipeline.errors import StylizeError


def need_torch(command: str) -> None:
    """Refuse a command that needs PyTorch where it is not installed."""
    missing = [
        name for name in ("torch", "onnx", "onnxscript", "matplotlib") if not find_spec(name)
    ]
    if missing:
        raise StylizeError(
            f"{command} needs {missing[0]}, which is not installed; "
            "type: pip install 'stylize-video[torch]'"
        )


class Bar:
    """Progress of one job. ``total`` may be unknown (``None``)."""

    def __init__(self, report: Report, label: str, total: int | None, unit: str, done: int) -> None:
        self.report = report
        self.label = label
        self.total = total
        self.unit = unit
        self.done = self.first = done
        self.began = time.monotonic()
        self._told = -1
        self._rich: tuple[Progress, TaskID] | None = None

    @property
    def rate(self) -> float:
        """Units per second since the beginning."""
        return (self.done - self.first) / max(1e-9, time.monotonic() - self.began)

    def advance(self, note: str = "") -> None:
        """One unit more."""
        self.done += 1
        text = f"{self.rate:.1f} {self.unit}/s {note}".rstrip()
        if self._rich is not None:
            self._rich[0].update(self._rich[1], advance=1, note=text)
        else:
            self._tell(text)

    def _tell(self, text: str) -> None:
        tenth = self.done // 100 if self.total is None else self.done * 10 // max(1, self.total)
        if tenth == self._told:
            return
        self._told = tenth
        if self.report.as_json:
            self.report.event(
                event="progress", done=self.done, total=self.total, per_second=round(self.rate, 2)
            )
        else:
            share = f"{self.done}" if self.total is None else f"{tenth * 10} %"
            left = "" if not self.total else f", {self._left()} left"
            self.report.say(f"{self.label}: {share}, {text}{left}")

    def _left(self) -> str:
        seconds = round(((self.total or self.done) - self.done) / max(1e-9, self.rate))
        return f"{seconds // 60}:{seconds % 60:02d}"


class Report:
    """Where the command's words go: standard error, so that standard output stays the user's."""

    def __init__(self, quiet: bool = False, as_json: bool = False) -> None:
        self.quiet = quiet
        self.as_json = as_json
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """One line, unless quiet."""
        if self.as_json:
            self.event(event="note", text=line)
        elif not self.quiet:
            self.console.print(line, markup=False)

    def event(self, **fields: object) -> None:
        """One JSON line on standard output."""
        sys.stdout.write(json.dumps(fields) + "\n")
        sys.stdout.flush()

    @contextmanager
    def progress(self, label: str, total: int | None, unit: str, done: int = 0) -> Generator[Bar]:
        """A bar for the time of the block."""
        bar = Bar(self, label, total, unit, done)
        if self.quiet and not self.as_json:
            bar._told = sys.maxsize  # pyright: ignore[reportPrivateUsage]
            bar._tell = lambda text: None  # pyright: ignore[reportPrivateUsage]
            yield bar
            return
        if self.as_json or not self.console.is_terminal:
            yield bar
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console) as shown:
            bar._rich = (shown, shown.add_task(label, total=total, completed=done, note=""))  # pyright: ignore[reportPrivateUsage]
            yield bar

"""What a command prints while it works: a bar on a terminal, a line per 10 % or JSON elsewhere."""

from __future__ import annotations

import io
import json
import logging
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import IO, TYPE_CHECKING, cast

from ..pipeline.core.units import duration_text
from .printable import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


class Bar:
    """Counts the units of one job, and displays each step.

    Speed is measured from the end of the first unit, which takes longer: nets are prepared in it.

    Args:
        total: how many units there will be; ``None``: unknown.
        unit: what is counted: ``frames``.
        done: how many were done before.
        display: shows a step: the bar, and the text next to it.
    """

    def __init__(self, total: int | None, unit: str, done: int, display: Display) -> None:
        self.total = total
        self.unit = unit
        self.done = done
        self._measured_from: tuple[int, float] | None = None
        self._display = display

    @property
    def rate(self) -> float | None:
        """Units per second; ``None`` until it is measured."""
        if self._measured_from is None or self.done <= self._measured_from[0]:
            return None
        done, began = self._measured_from
        return (self.done - done) / max(1e-9, time.monotonic() - began)

    @property
    def speed(self) -> str:
        """The rate in words."""
        rate = self.rate
        if rate is None:
            return "measuring speed"
        return f"{rate:.0f} {self.unit}/s" if rate >= 10 else f"{rate:.2g} {self.unit}/s"

    @property
    def left(self) -> str:
        """The time until the end at this rate, in words; empty where it is unknown."""
        if self.total is None or self.rate is None:
            return ""
        return f"{duration_text((self.total - self.done) / self.rate)} left"

    def advance(self, note: str = "", count: int = 1) -> None:
        """Count a unit, or several.

        Args:
            note: what else is to be said of it.
            count: how many.
        """
        self.done += count
        self._display(self, " ".join(text for text in (self.speed, note) if text))
        if self._measured_from is None:
            self._measured_from = self.done, time.monotonic()


Display = Callable[[Bar, str], None]


def _per_tenth(display: Display) -> Display:
    """``display`` at every tenth of the whole, or every hundred units of an unknown whole."""
    last = -1

    def seldom(bar: Bar, text: str) -> None:
        nonlocal last
        tenth = bar.done // 100 if bar.total is None else bar.done * 10 // max(1, bar.total)
        if tenth != last:
            last = tenth
            display(bar, text)

    return seldom


def _twice_a_second(display: Display) -> Display:
    """``display`` of the first step and the last, and of others no more than twice a second."""
    last = float("-inf")

    def seldom(bar: Bar, text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= 0.5 or bar.done == bar.total:
            last = now
            display(bar, text)

    return seldom


class _Messages(io.TextIOBase):
    """Standard error, as it is at each moment. A reader that has gone must not end the work."""

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            return sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()

    def isatty(self) -> bool:
        return sys.stderr.isatty()

    def fileno(self) -> int:
        return sys.stderr.fileno()

    @property
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return sys.stderr.encoding


class Report:
    """Prints notes and progress to standard error, so that standard output stays the user's."""

    def __init__(self, quiet: bool = False, as_json: bool = False) -> None:
        self.quiet = quiet
        self.as_json = as_json

    @cached_property
    def console(self) -> Console:
        """Standard error; what prints there is loaded when there is something to print."""
        from rich.console import Console

        return Console(file=cast("IO[str]", _Messages()), highlight=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """One line, unless quiet."""
        if self.as_json:
            self.event(event="note", text=line)
        elif not self.quiet:
            self.console.print(printable(line), markup=False, emoji=False)

    def failure(self, line: str) -> None:
        """One line that is printed with ``--quiet`` too: what failed, while the rest goes on."""
        if self.as_json:
            self.event(event="failed", reason=line)
        else:
            self.console.print(f"stylize-video: {printable(line)}", markup=False, emoji=False)

    @contextmanager
    def notes(self, of: str = "") -> Generator[None]:
        """Print the pipeline's warnings while the block runs, a line each.

        A block within another one replaces it: each warning is printed once.

        Args:
            of: begins each line, where it would not be clear of what a warning is.
        """
        logger = logging.getLogger("stylize_video")
        before = logger.handlers
        logger.handlers = [_Notes(self, f"{of} note: ".lstrip())]
        try:
            yield
        finally:
            logger.handlers = before

    def event(self, **fields: object) -> None:
        """One JSON line on standard output."""
        with suppress(OSError, ValueError):  # a reader that has gone must not end the work
            sys.stdout.write(json.dumps(fields) + "\n")
            sys.stdout.flush()

    @contextmanager
    def progress(self, label: str, total: int | None, unit: str, done: int = 0) -> Generator[Bar]:
        """A bar for the time of the block: on a terminal, in JSON, in lines, or not at all."""
        if self.as_json:
            yield Bar(total, unit, done, _twice_a_second(self._json_line(label)))
        elif self.quiet:
            yield Bar(total, unit, done, lambda bar, text: None)
        elif not self.console.is_terminal:
            yield Bar(total, unit, done, _per_tenth(self._text_line(label)))
        else:
            with self._rich() as bars:
                task = bars.add_task(label, total=total, completed=done, note="measuring speed")
                yield Bar(
                    total,
                    unit,
                    done,
                    lambda bar, text: bars.update(task, completed=bar.done, note=text),
                )

    def _json_line(self, label: str) -> Display:
        def line(bar: Bar, text: str) -> None:
            rate = None if bar.rate is None else round(bar.rate, 2)
            fields = {"label": label, "done": bar.done, "total": bar.total, "per_second": rate}
            self.event(event="progress", **fields)

        return line

    def _text_line(self, label: str) -> Display:
        def line(bar: Bar, text: str) -> None:
            count = f"{bar.done * 100 // bar.total} %" if bar.total else f"{bar.done} {bar.unit}"
            parts = (f"{label}: {count}", text, bar.left)
            self.say(" · ".join(part for part in parts if part))

        return line

    def _rich(self) -> Progress:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        return Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
        )


class _Notes(logging.Handler):
    def __init__(self, report: Report, begin: str) -> None:
        super().__init__(logging.WARNING)
        self._report = report
        self._begin = begin

    def emit(self, record: logging.LogRecord) -> None:
        self._report.say(self._begin + record.getMessage())

"""What a command says while it works: a bar on a terminal, a line per 10 % elsewhere."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Bar:
    """Counts the units of one job, and shows each step through ``show``."""

    def __init__(self, total: int | None, unit: str, done: int, show: Show) -> None:
        self.total = total
        self.unit = unit
        self.done = self.first = done
        self.began = time.monotonic()
        self._show = show

    @property
    def rate(self) -> float:
        """Units per second since the beginning."""
        return (self.done - self.first) / max(1e-9, time.monotonic() - self.began)

    @property
    def left(self) -> str:
        """Minutes and seconds until the end at this rate."""
        seconds = round(((self.total or self.done) - self.done) / max(1e-9, self.rate))
        return f"{max(0, seconds) // 60}:{max(0, seconds) % 60:02d}"

    def advance(self, note: str = "") -> None:
        """One unit more."""
        self.done += 1
        self._show(self, f"{self.rate:.1f} {self.unit}/s {note}".rstrip())


Show = Callable[[Bar, str], None]


def _per_tenth(show: Show) -> Show:
    """``show`` at every tenth of the whole, or every hundred units of an unknown whole."""
    told = -1

    def seldom(bar: Bar, text: str) -> None:
        nonlocal told
        tenth = bar.done // 100 if bar.total is None else bar.done * 10 // max(1, bar.total)
        if tenth != told:
            told = tenth
            show(bar, text)

    return seldom


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

    @contextmanager
    def notes(self) -> Generator[None]:
        """Show what the pipeline notes, a line each."""
        handler = _Notes(self)
        logger = logging.getLogger("stylize_video")
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)

    def event(self, **fields: object) -> None:
        """One JSON line on standard output."""
        with suppress(BrokenPipeError):  # a reader that has gone must not end the work
            sys.stdout.write(json.dumps(fields) + "\n")
            sys.stdout.flush()

    @contextmanager
    def progress(self, label: str, total: int | None, unit: str, done: int = 0) -> Generator[Bar]:
        """A bar for the time of the block: on a terminal, in JSON, in lines, or not at all."""
        if self.as_json:
            yield Bar(total, unit, done, _per_tenth(self._tell_json))
        elif self.quiet:
            yield Bar(total, unit, done, lambda bar, text: None)
        elif not self.console.is_terminal:
            yield Bar(total, unit, done, _per_tenth(self._teller(label)))
        else:
            with self._rich() as shown:
                task = shown.add_task(label, total=total, completed=done, note="")
                yield Bar(
                    total, unit, done, lambda bar, text: shown.update(task, advance=1, note=text)
                )

    def _tell_json(self, bar: Bar, text: str) -> None:
        rate = round(bar.rate, 2)
        self.event(event="progress", done=bar.done, total=bar.total, per_second=rate)

    def _teller(self, label: str) -> Show:
        def tell(bar: Bar, text: str) -> None:
            if bar.total:
                share = f"{bar.done * 100 // bar.total} %"
                self.say(f"{label}: {share}, {text}, {bar.left} left")
            else:
                self.say(f"{label}: {bar.done}, {text}")

        return tell

    def _rich(self) -> Progress:
        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
        )


class _Notes(logging.Handler):
    def __init__(self, report: Report) -> None:
        super().__init__(logging.WARNING)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        self._report.say(f"note: {record.getMessage()}")


@contextmanager
def stop_on_signal(report: Report, said: str) -> Generator[threading.Event]:
    """The first Ctrl-C (or SIGTERM) asks a run to finish what it has; the second ends it at once.

    Args:
        report: says so.
        said: what it says.
    """
    stop = threading.Event()

    def ask(signum: int, frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        report.say(said)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Several inputs, ``--to`` a folder: painted one after the other, with a report."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..pipeline.core.config import Settings
from ..pipeline.core.errors import SettingsError, StylizeError, reason
from ..pipeline.core.groups import PAINTED
from ..pipeline.core.locks import LockedError
from .progress import Report
from .running import Progress, result_line
from .stopping import STOPPED, stop_on_signal

if TYPE_CHECKING:
    from ..pipeline.batch.inputs import Input
    from ..pipeline.batch.outputs import Item, Outputs
    from ..pipeline.batch.report import BatchReport, Row

LOSSES = 3
"""Exit code: the picture is whole, but something that was planned is missing beside it."""

_AGAIN = " (it failed before; --overwrite paints it again)"


def run_batch(
    inputs: list[str], to: Path, watch: Path | None, settings: Settings, report: Report
) -> None:
    """Paint every input into a folder. One that fails does not stop the others.

    Args:
        inputs: see ``find_inputs``.
        to: the folder.
        watch: a folder; what comes into it is painted until a signal stops the run.
        settings: of each.
        report: shows the progress.

    Raises:
        StylizeError: what no input can be painted with.
        typer.Exit: 1 where one failed, 3 where a result lacks something, 130 when it was stopped.
    """
    from ..pipeline.batch.inputs import find_inputs
    from ..pipeline.batch.outputs import Outputs
    from ..pipeline.batch.report import BatchReport, make_folder
    from ..pipeline.batch.watch import WatchedFolder

    _refuse_as_folder(to)
    _refuse_what_needs_one_film(settings)
    watched = None if watch is None else WatchedFolder(watch, to)
    style = _Style(settings)
    rows = BatchReport(to)
    outputs = Outputs(to, rows.earlier.values())
    items = outputs.items(find_inputs(inputs, to))
    style.refuse_what_never_applies(items, watches=watch is not None)
    make_folder(to)
    batch = _Batch(style, rows, None if watched else len(items), report)
    message = "stopping: finishing what is in work (Ctrl-C again to drop it)"
    with stop_on_signal(report, message) as stop:
        coming: Iterable[Item | Row | None] = items
        if watched is not None:
            report.say(f"watching {watch}; Ctrl-C ends it")
            coming = chain(items, _named(watched.files(), outputs))
        batch.run(coming, stop)
    batch.end(stop.is_set())


def _named(found: Iterable[Input | None], outputs: Outputs) -> Iterator[Item | None]:
    return (None if one is None else outputs.item(one) for one in found)


def _refuse_as_folder(to: Path) -> None:
    """Refuse what is no folder for results.

    Raises:
        SettingsError: what it is.
    """
    from ..pipeline.core.files import PICTURE_SUFFIXES
    from ..pipeline.media.outputs import CONTAINERS

    if str(to) == "-" or re.match(r"\w{2,}:/", str(to)):
        raise SettingsError(f"--to {to} is no folder; give one, for the results")
    if to.suffix.lower() in {*CONTAINERS, *PICTURE_SUFFIXES} and not to.is_dir():
        raise SettingsError(
            f"--to {to} is the name of a file; give a folder, or type stylize-video INPUT {to}"
        )


def _refuse_what_needs_one_film(settings: Settings) -> None:
    if settings.realtime or settings.also:
        raise SettingsError(
            f"{'--realtime' if settings.realtime else '--also'} does not apply to --to: it plays "
            "one film live; leave one of the two out"
        )
    if settings.method == "learn":
        raise SettingsError(
            "--method learn does not apply to several films: learn the painting with one of them, "
            "then give the learned file: --style painting.onnx"
        )
    if settings.method in PAINTED or settings.keyframes is not None:
        raise SettingsError(
            "key frames belong to one film: paint the films one by one, or choose another --method"
        )
    if settings.scenes is not None:
        raise SettingsError("--scenes lists the cuts of one film; leave it out for several")


class _Style:
    """What paints all inputs: it is opened once.

    Raises:
        StylizeError: it can't be had.
    """

    def __init__(self, settings: Settings) -> None:
        from ..pipeline.styles.direction import all_kinds
        from ..pipeline.styles.open import OpenedStyle

        self.opens = OpenedStyle()
        self.settings = settings
        self.kinds = all_kinds(settings)
        self.canvas: bool | None = None
        if settings.content_mask is None and settings.timeline is None:
            self.canvas = self.opens(settings, None).info.canvas

    def refuse_what_never_applies(self, items: Iterable[Item | Row], watches: bool) -> None:
        """Refuse what was typed and applies to no input.

        Raises:
            SettingsError: what it is.
        """
        from ..pipeline.batch.jobs import any_jobs, job_of, refuse_what_never_applies
        from ..pipeline.batch.outputs import Item

        given = [item for item in items if isinstance(item, Item)]
        jobs = {job_of(item, self.kinds, self.canvas) for item in given}
        if watches or not jobs:
            jobs |= any_jobs(self.kinds, self.canvas)
        refuse_what_never_applies(self.settings, jobs)

    def settings_for(self, item: Item) -> Settings:
        """Those that apply to an input."""
        from ..pipeline.batch.jobs import applying, job_of

        return applying(self.settings, job_of(item, self.kinds, self.canvas))


class _Batch:
    """Paints inputs, and writes down what became of each.

    Args:
        style: what paints.
        report: the rows.
        total: how many inputs there are; ``None``: they come one by one.
        shown: shows the progress.
    """

    def __init__(
        self,
        style: _Style,
        report: BatchReport,
        total: int | None,
        shown: Report,
    ) -> None:
        self._style = style
        self._report = report
        self._total = total
        self._shown = shown
        self._unwritten = ""  # why the report could not be written

    def run(self, coming: Iterable[Item | Row | None], stop: threading.Event) -> None:
        """Paint one input after the other.

        Args:
            coming: inputs; rows of what can't be painted; ``None``: none is there at the moment.
            stop: when set, the input in work is finished with what it has, and no other is begun.
        """
        from ..pipeline.batch.report import Row

        for item in coming:
            if stop.is_set():
                break
            if isinstance(item, Row):
                self._add(item, item.input)
            elif item is not None:
                self._add(self._row(item, stop), str(item.source))

    def end(self, stopped: bool) -> None:
        """Say what became of the inputs.

        Args:
            stopped: by a signal.

        Raises:
            typer.Exit: see ``run_batch``.
        """
        rows = self._report.rows
        self._write()
        counts = Counter(row.status for row in rows)
        if self._total is not None and self._total > len(rows):
            counts["not begun"] = self._total - len(rows)
        if self._shown.as_json:
            self._shown.event(event="report", report=str(self._report.path), **counts)
        else:
            text = ", ".join(f"{count} {status}" for status, count in counts.items())
            count = f"{counts.total()} input{'s'[: counts.total() != 1]}"
            self._shown.say(f"{count}{text and ': '}{text}; see {self._report.path}")
        if stopped:
            raise typer.Exit(STOPPED)
        if counts["failed"] or self._unwritten:
            raise typer.Exit(1)
        if any(row.status == "done" and row.reason for row in rows):
            raise typer.Exit(LOSSES)

    def _number(self) -> str:
        """Of the input in work: 3/12."""
        number = len(self._report.rows) + 1
        return f"{number}/{self._total}" if self._total is not None else f"{number}"

    def _add(self, row: Row, name: str) -> None:
        """Write a row into the report, and say it.

        Args:
            row: what became of an input.
            name: of the input, as the user typed it.
        """
        line = row.reason if name in row.reason else f"{name}: {row.reason}"
        if self._shown.as_json:
            values = asdict(row)
            self._shown.event(event=values.pop("status"), **values)
        elif row.status == "failed":
            self._shown.failure(f"{self._number()} {line}")
        elif row.status == "skipped":
            self._shown.say(f"{self._number()} skipped {line}")
        self._report.rows.append(row)
        self._write()

    def _write(self) -> None:
        """Write the report. Where that fails, the inputs are painted all the same."""
        try:
            self._report.write()
            self._unwritten = ""
        except StylizeError as error:
            if not self._unwritten:
                self._shown.failure(f"the report: {error}")
            self._unwritten = str(error)

    def _row(self, item: Item, stop: threading.Event) -> Row:
        """Paint an input; what became of it."""
        from ..pipeline.batch.report import row_of

        begun, row = time.monotonic(), row_of(item.source, None, "failed")
        try:
            row = self._left_out(item, row) or self._painted(item, row, stop)
        except StylizeError as error:
            elsewhere = isinstance(error.__cause__, LockedError)
            status = "stopped" if stop.is_set() else "skipped" if elsewhere else "failed"
            row = replace(row, status=status, reason=str(error))
        except OSError as error:  # of a name, or a disk
            row = replace(row, reason=reason(error))
        except MemoryError:
            row = replace(row, reason="out of memory; a smaller --size needs less")
        except KeyboardInterrupt:
            self._add(replace(row, status="stopped", reason="it was dropped"), str(item.source))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the others can be painted
            row = replace(row, reason=f"unexpected {type(error).__name__}: {reason(error)}")
        if not row.output and os.path.exists(item.output):  # noqa: PTH110 - whatever its name is
            row = replace(row, output=str(item.output.absolute()))
        return replace(row, took=round(time.monotonic() - begun, 2))

    def _left_out(self, item: Item, row: Row) -> Row | None:
        """Why an input is not painted; ``None``: it is."""
        from ..pipeline.media.fragment import is_fragment

        overwrite = self._style.settings.overwrite
        if overwrite or not item.output.exists() or is_fragment(item.output):
            return None
        before = self._report.earlier.get(row.input)
        if before is not None and before.status == "failed":
            return replace(row, reason=before.reason.removesuffix(_AGAIN) + _AGAIN)
        if before is not None and before.status == "stopped":
            return replace(
                row, reason=f"{item.output} is a beginning; --overwrite paints all of it"
            )
        return replace(row, status="skipped", reason=f"{item.output} exists")

    def _painted(self, item: Item, row: Row, stop: threading.Event) -> Row:
        from ..pipeline.planning import make_plan
        from ..pipeline.render import render

        if self._shown.as_json:
            output = str(item.output.absolute())
            number = len(self._report.rows) + 1
            self._shown.event(
                event="begin", number=number, total=self._total, input=row.input, output=output
            )
        with self._shown.notes(self._number()), ExitStack() as block:
            item.output.parent.mkdir(parents=True, exist_ok=True)
            settings = self._style.settings_for(item)
            plan = make_plan(item.source, item.output, settings, self._style.opens)
            progress = Progress(self._shown, f"{self._number()} {item.source}", item.output, block)
            result = render(plan, on_start=progress.start, on_progress=progress.advance, stop=stop)
        if not self._shown.as_json:
            self._shown.say(f"{self._number()} {result_line(result, progress.pictures)}")
        return replace(
            row,
            output=str(Path(result.output).absolute()),
            status="stopped" if result.stopped else "done",
            reason="; ".join(result.losses),
            frames=result.frames,
            seconds=round(float(result.end - result.start), 3),
        )

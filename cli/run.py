"""``stylize-video run``: the main job."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..pipeline.config import PAINTED, Settings, checked, load_config
from .options import Quiet, Vgg, with_options
from .report import Report

if TYPE_CHECKING:
    from ..pipeline.pictures import PictureSource
    from ..pipeline.render import Result, Start
    from .workshop import Workshop


@with_options(Settings)
def run(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT", help="A video file, or pictures: one, a folder, a pattern."
        ),
    ],
    output: Annotated[
        str,
        typer.Argument(
            metavar="OUTPUT",
            help="A video file (.mp4 .mov .mkv .webm .gif .ts), a folder for PNGs, or a picture.",
        ),
    ],
    typed: dict[str, Any],
    config: Annotated[
        Path | None, typer.Option(help="File of settings; see config.yaml for all of them.")
    ] = None,
    vgg: Vgg = None,
    quiet: Quiet = False,
    json_progress: Annotated[
        bool, typer.Option("--json-progress", help="Progress as JSON lines on standard output.")
    ] = False,
) -> None:
    """Repaint INPUT in a style and write it to OUTPUT, with its sound, timing and colours."""
    from ..pipeline.render import stylize

    from_file = load_config(config) if config is not None else {}
    for name in from_file.keys() & typed.keys():
        if isinstance(from_file[name], dict) and isinstance(typed[name], dict):  # options add up
            typed[name] = {**from_file[name], **typed[name]}
    settings = checked(Settings, from_file | typed, "settings")
    report = Report(quiet, json_progress)
    picture = _one_picture(source, output, settings)
    if picture is not None:
        from .workshop import paint_picture

        paint_picture(picture, Path(output), settings, report, vgg)
        return
    with _notes(report), _stop_on_signal(report) as stop, ExitStack() as block:
        shown = _Shown(report, source, block)
        result = stylize(
            source,
            output,
            settings,
            on_start=shown.start,
            on_frame=lambda frame: shown.advance(),
            stop=stop,
            workshop=_workshop(settings, report, vgg, stop),
        )
    _tell(result, report)
    if result.stopped:
        raise typer.Exit(130)


def _one_picture(source: str, output: str, settings: Settings) -> PictureSource | None:
    """The one picture that is painted slowly to another: it keeps its bits, as frames do not."""
    if settings.method not in PAINTED or settings.keyframes is not None or settings.carry == "net":
        return None
    from ..pipeline.inputs import open_source
    from ..pipeline.pictures import PICTURE_SUFFIXES, PictureSource

    if Path(output).suffix.lower() not in PICTURE_SUFFIXES:
        return None

    opened = open_source(source, settings.size, settings.rate)
    return opened if isinstance(opened, PictureSource) and len(opened.paths) == 1 else None


def _workshop(
    settings: Settings, report: Report, vgg: Path | None, stop: threading.Event
) -> Workshop | None:
    """What paints key frames, where any are to be painted or learned from."""
    if settings.method not in PAINTED and settings.carry == "flow":
        return None
    from .workshop import Workshop

    return Workshop(settings, report, vgg, stop)


def _tell(result: Result, report: Report) -> None:
    held = f"{result.frames} frames, {float(result.end - result.start):.2f} s"
    if report.as_json:
        report.event(
            event="stopped" if result.stopped else "done",
            output=str(result.output),
            frames=result.frames,
            start=float(result.start),
            end=float(result.end),
        )
    elif result.stopped:
        report.say(f"stopped: {result.output} holds the first {held}")
    else:
        report.say(f"wrote {result.output}: {held}")


class _Shown:
    """The progress of one run: opened when the run starts, closed with ``block``."""

    def __init__(self, report: Report, name: str, block: ExitStack) -> None:
        self.report = report
        self.name = name
        self._block = block
        self._bar: Any = None
        self._rate = 0.0

    def start(self, start: Start) -> None:
        """Say what runs, and begin to count."""
        info = start.info
        self.report.say(
            f"{start.style} on {start.device}: {self.name}, {info.width}x{info.height}, "
            f"{float(info.rate):.5g} frames/s"
        )
        self._rate = float(info.rate)
        progress = self.report.progress("painting", start.frames, "frames")
        self._bar = self._block.enter_context(progress)

    def advance(self) -> None:
        """One frame more."""
        speed = self._bar.rate / self._rate
        self._bar.advance(f"({speed:.2f}x)")


@contextmanager
def _notes(report: Report) -> Generator[None]:
    """Show what the pipeline notes, a line each."""

    class _Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            report.say(f"note: {record.getMessage()}")

    handler = _Handler(logging.WARNING)
    logger = logging.getLogger("stylize_video")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextmanager
def _stop_on_signal(report: Report) -> Generator[threading.Event]:
    """The first Ctrl-C (or SIGTERM) asks the run to finish its file; the second ends it at once."""
    stop = threading.Event()

    def ask(signum: int, frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        report.say("stopping: finishing the file (Ctrl-C again to drop it)")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

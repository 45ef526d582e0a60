"""How a run from file to file is reported: what begins, how far it is, what was written."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .progress import Report

if TYPE_CHECKING:
    from ..pipeline.render import Result, Start


def print_result(result: Result, pictures: bool, report: Report) -> None:
    """Say what was written, or print it as JSON.

    Args:
        result: of a run.
        pictures: still pictures were read and written.
        report: prints it.
    """
    if report.as_json:
        report.event(
            event="stopped" if result.stopped else "done",
            output=str(result.output),
            frames=result.frames,
            start=float(result.start),
            end=float(result.end),
            missing=list(result.losses),
            settings=None if result.settings is None else str(result.settings),
        )
    else:
        report.say(result_line(result, pictures))


def result_line(result: Result, pictures: bool) -> str:
    """What was written, in a line; see ``print_result``."""
    seconds = float(result.end - result.start)
    count = f"{result.frames} {'picture' if pictures else 'frame'}{'s'[: result.frames != 1]}"
    if not pictures:
        count += f", {seconds:.2f} s"
    if result.stopped:
        return f"stopped: {result.output} holds the first {count}"
    missing = "".join(f"; missing: {line}" for line in result.losses)
    saved = "" if result.settings is None else f"; its settings: {result.settings}"
    return f"wrote {result.output}: {count}{saved}{missing}"


class Progress:
    """The progress of one run: opened when the run starts, closed with ``block``."""

    def __init__(self, report: Report, name: str, output: Path, block: ExitStack) -> None:
        self.report = report
        self.name = name
        self.pictures = False
        """Still pictures are read and written: they have no speed of play."""
        self._output = output
        self._block = block
        self._bar: Any = None
        self._rate = 0.0

    def start(self, start: Start) -> None:
        """Print what runs, and begin to count."""
        from ..pipeline.media.outputs import is_video

        info = start.info
        self.pictures = info.container is None and not is_video(self._output, start.frames != 1)
        rate = "" if self.pictures else f", {float(info.rate):.5g} frames/s"
        self.report.say(
            f"{start.style} on {start.device}: {self.name}, {info.width}x{info.height}{rate}"
        )
        self._rate = float(info.rate)
        if start.frames == 1:
            return
        unit = "pictures" if self.pictures else "frames"
        progress = self.report.progress("painting", start.frames, unit, start.done)
        self._bar = self._block.enter_context(progress)

    def advance(self, count: int) -> None:
        """Count frames."""
        if self._bar is None:
            return
        rate = self._bar.rate
        play = "" if self.pictures or rate is None else f"({rate / self._rate:.2f}x)"
        self._bar.advance(play, count)

"""``stylize-video live``, and every run whose input or output is live."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..pipeline.core.config import Settings
from .options import Config, JsonProgress, Quiet, read_settings, with_options
from .plan import PlanOnly, print_plan
from .presets import PresetName
from .progress import Report
from .stopping import STOPPED, stop_on_signal

if TYPE_CHECKING:
    from ..pipeline.live.run import LiveStart
    from ..pipeline.live.stats import LiveStats

_PRINT_EVERY = 10  # seconds


@with_options(Settings)
def live(
    typed: dict[str, Any],
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            show_default=False,
            help="A camera (0, 1, camera:NAME), a stream (rtsp:// rtmp:// srt:// udp:// http://), "
            "screen:, or a video file. Default: the first camera.",
        ),
    ] = "0",
    output: Annotated[
        str,
        typer.Argument(
            metavar="OUTPUT",
            show_default=False,
            help="window, camera: (a virtual camera), a stream (rtmp:// srt:// udp:// rtsp:// "
            "whip://), FILE.m3u8, a page (http://127.0.0.1:8080) or a video file. Default: "
            "window.",
        ),
    ] = "window",
    plan: PlanOnly = False,
    preset: PresetName = None,
    config: Config = None,
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
) -> None:
    """Paint a camera, a stream or a film in real time. Without arguments: a camera in a window.

    Press h in the window for its keys.
    """
    from ..pipeline.live.names import is_camera

    settings = read_settings(config, typed, {"mirror": is_camera(source)}, preset)
    report = Report(quiet, json_progress)
    if plan:
        print_plan(source, output, settings, True, report)
    else:
        play(source, output, settings, report)


def play(source: str, output: str, settings: Settings, report: Report) -> None:
    """Run it until it ends, and say how it went.

    Raises:
        typer.Exit: 130, when it was stopped by a signal.
    """
    from ..pipeline.live.run import play_live

    printer = _Printer(report, source)
    message = "stopping: closing the outputs (Ctrl-C again to leave them)"
    with report.notes(), stop_on_signal(report, message) as stop:
        summary = play_live(
            source, (output, *settings.also), settings, stop, printer.start, printer.tick
        )
    printer.end(summary)
    if stop.is_set():
        raise typer.Exit(STOPPED)


class _Printer:
    """Prints how a live run goes."""

    def __init__(self, report: Report, name: str) -> None:
        self._report = report
        self._name = name
        self._ticks = 0

    def start(self, start: LiveStart) -> None:
        """Print what runs; called at the first frame."""
        sound = "with sound" if start.has_audio else "no sound"
        self._report.say(
            f"{start.style} on {start.device}: {self._name}, live, {start.width}x{start.height}, "
            f"{start.rate:.3g} frames/s, {sound}"
        )
        for page in start.pages:
            self._report.say(f"open {page}")

    def tick(self, stats: LiveStats) -> None:
        """Print the statistics now and then; called every second."""
        now = stats.read()
        if self._report.as_json:
            self._report.event(event="live", **asdict(now))
        elif self._ticks % _PRINT_EVERY == 0 and self._ticks:
            self._report.say(
                f"{now.output_fps:.1f} of {now.captured_fps:.1f} frames/s, "
                f"{now.latency * 1000:.0f} ms, {now.dropped} dropped"
            )
        self._ticks += 1

    def end(self, summary: dict[str, float]) -> None:
        """Print how it went."""
        if self._report.as_json:
            self._report.event(event="done", **summary)
            return
        if not summary["output"]:
            self._report.say(f"displayed nothing, dropped {summary['dropped']:.0f} frames")
            return
        self._report.say(
            f"displayed {summary['output']:.0f} frames, dropped {summary['dropped']:.0f}; delay "
            f"{summary['p50']:.0f} ms (95 %: {summary['p95']:.0f}, 99 %: "
            f"{summary['p99']:.0f}); longest gap {summary['longest gap']:.0f} ms"
        )

"""``stylize-video run``: the main job."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..pipeline.core.config import PAINTED, Settings
from .checks import refuse_same
from .live import play
from .options import Quiet, Vgg, read_settings, with_options
from .progress import Report, stop_on_signal
from .torch_backend import need_torch, sigterm_as_ctrl_c

if TYPE_CHECKING:
    from ..export.keyframe_backend import KeyframeBackend
    from ..pipeline.media.images import PictureSource
    from ..pipeline.render import Result, Start


@with_options(Settings)
def run(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A video file, or pictures: one, a folder, a pattern; or live: see live --help.",
        ),
    ],
    output: Annotated[
        str,
        typer.Argument(
            metavar="OUTPUT",
            help="A video file (.mp4 .mov .mkv .webm .gif .ts), a folder for PNGs, or a picture; "
            "or live: window, a stream, a page.",
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
    from ..pipeline.live.open import is_live
    from ..pipeline.render import stylize

    settings = read_settings(config, typed)
    report = Report(quiet, json_progress)
    if is_live(source, output, settings):
        play(source, output, settings, report)
        return
    picture = _one_picture(source, output, settings)
    if picture is not None:
        need_torch(f"--method {settings.method}")
        from ..export.keyframe_backend import paint_picture

        refuse_same(picture.paths[0], Path(output))
        with sigterm_as_ctrl_c():
            paint_picture(picture, Path(output), settings, report, vgg)
        return
    said = "stopping: finishing the file (Ctrl-C again to drop it)"
    with report.notes(), stop_on_signal(report, said) as stop, ExitStack() as block:
        shown = _Shown(report, source, block)
        result = stylize(
            source,
            output,
            settings,
            on_start=shown.start,
            on_frame=lambda frame: shown.advance(),
            stop=stop,
            backend=_keyframe_backend(settings, report, vgg, stop),
        )
    _tell(result, report)
    if result.stopped:
        raise typer.Exit(130)


def _one_picture(source: str, output: str, settings: Settings) -> PictureSource | None:
    """The one picture that is painted slowly to another: it keeps its bits, as frames do not."""
    if (
        settings.method not in PAINTED
        or settings.keyframes is not None
        or settings.between == "net"
    ):
        return None
    from ..pipeline.core.files import PICTURE_SUFFIXES
    from ..pipeline.media.images import PictureSource
    from ..pipeline.media.inputs import open_source

    if Path(output).suffix.lower() not in PICTURE_SUFFIXES:
        return None

    opened = open_source(source, settings.size, settings.rate)
    return opened if isinstance(opened, PictureSource) and len(opened.paths) == 1 else None


def _keyframe_backend(
    settings: Settings, report: Report, vgg: Path | None, stop: threading.Event
) -> KeyframeBackend | None:
    """What paints key frames, where any are to be painted or learned from."""
    if settings.method not in PAINTED and settings.between == "flow":
        return None
    need_torch(f"--method {settings.method}")
    from ..export.keyframe_backend import KeyframeBackend

    return KeyframeBackend(settings, report, vgg, stop)


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

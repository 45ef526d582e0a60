"""``stylize-video run``: the main job."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..pipeline.core.config import Settings
from ..pipeline.core.errors import SettingsError
from ..pipeline.core.groups import PAINTED
from .checks import refuse_same, refuse_vgg
from .learn import learned_settings
from .live import play
from .options import Config, JsonProgress, Quiet, Vgg, read_settings, with_options
from .output import default_output
from .plan import PlanOnly, print_plan
from .preview import preview_settings
from .progress import Report
from .stopping import STOPPED, signals_as_ctrl_c, stop_on_signal
from .torch_backend import need_torch

LOSSES = 3
"""Exit code: the picture is whole, but something that was planned is missing beside it."""

if TYPE_CHECKING:
    from ..export.keyframe_backend import KeyframeBackend
    from ..pipeline.media.images import PictureSource
    from ..pipeline.render import Result, Start


@with_options(Settings)
def run(
    typed: dict[str, Any],
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A video, a picture, a folder or pattern of pictures; -: standard input; or live: "
            "a camera (0), a stream, see live --help.",
        ),
    ],
    output: Annotated[
        str | None,
        typer.Argument(
            metavar="OUTPUT",
            help="A video (.mp4 .mov .mkv .webm .ts .gif .apng .webp), a picture, a folder for "
            "PNGs, a pattern (frames/%04d.tif); -: standard output; or live: window, a stream, a "
            "page. Default: in-STYLE.mp4 beside in.mp4; a camera opens a window.",
        ),
    ] = None,
    preview: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS",
            min=0.1,
            help="Paint only this many seconds, from the middle of the film.",
        ),
    ] = None,
    plan: PlanOnly = False,
    config: Config = None,
    vgg: Vgg = None,
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
) -> None:
    """Paint a video or a picture in a style. Sound, subtitles and timing stay as they are."""
    from ..pipeline.live.names import is_live

    settings = read_settings(config, typed)
    report = Report(quiet, json_progress)
    output = output or default_output(source, settings, "" if preview is None else "preview")
    live = is_live(source, output, settings)
    refuse_vgg(vgg, settings)
    _refuse_with_pipes(source, output, preview, settings, report)
    if preview is not None:
        settings = preview_settings(source, preview, settings, live, report)
    if plan:
        print_plan(source, output, settings, live, report)
    elif live:
        play(source, output, settings, report)
    else:
        _paint(source, output, settings, report, vgg)


def _refuse_with_pipes(
    source: str, output: str, preview: float | None, settings: Settings, report: Report
) -> None:
    """Refuse what needs a film before it has come through its pipe, or writes between its bytes.

    Raises:
        SettingsError: why.
    """
    whole = "--preview" if preview is not None else f"--method {settings.method}"
    if source == "-" and (preview is not None or settings.method in (*PAINTED, "learn")):
        raise SettingsError(
            f"{whole} does not apply: it needs the whole film first, and a pipe has it only at its "
            "end; write it to a file first, or leave it out"
        )
    if output == "-" and report.as_json:
        raise SettingsError(
            "--json-progress does not apply: standard output is the film; leave it out"
        )


def _paint(source: str, output: str, settings: Settings, report: Report, vgg: Path | None) -> None:
    """File to file.

    Raises:
        typer.Exit: 130, when it was stopped by a signal.
    """
    from ..pipeline.render import stylize

    learned = ""
    if settings.method == "learn":
        settings = learned_settings(source, output, settings, report)
        learned = settings.style[0]
    picture = _one_picture(source, output, settings)
    if picture is not None:
        _paint_picture(picture, Path(output), settings, report, vgg)
        _name_learned(learned, report)
        return
    message = "stopping: finishing the file (Ctrl-C again to drop it)"
    with report.notes(), stop_on_signal(report, message) as stop, ExitStack() as block:
        progress = _Progress(report, source, Path(output), block)
        result = stylize(
            source,
            output,
            settings,
            on_start=progress.start,
            on_frame=lambda frame: progress.advance(),
            stop=stop,
            backend=_keyframe_backend(settings, report, vgg, stop),
        )
    _print_result(result, progress.pictures, report)
    _name_learned(learned, report)
    if result.stopped:
        raise typer.Exit(STOPPED)
    if result.losses:
        raise typer.Exit(LOSSES)


def _name_learned(learned: str, report: Report) -> None:
    """Say last what can be used again."""
    if learned:
        report.say(f"the learned style, for --style: {learned}")


def _paint_picture(
    picture: PictureSource, output: Path, settings: Settings, report: Report, vgg: Path | None
) -> None:
    """One picture by optimisation, in the bits that it has."""
    from ..pipeline.core.applicability import refuse_inapplicable
    from ..pipeline.core.job import Job

    refuse_inapplicable(settings, Job(frozenset({"painted"}), "picture", "picture"))
    need_torch(f"--method {settings.method}")
    from ..export.keyframe_backend import paint_picture

    refuse_same(picture.paths[0], output)
    with signals_as_ctrl_c():
        paint_picture(picture, output, settings, report, vgg)


def _one_picture(source: str, output: str, settings: Settings) -> PictureSource | None:
    """The one picture that is painted by optimisation: it keeps 16 bits, as frames do not."""
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


def _print_result(result: Result, pictures: bool, report: Report) -> None:
    if report.as_json:
        report.event(
            event="stopped" if result.stopped else "done",
            output=str(result.output),
            frames=result.frames,
            start=float(result.start),
            end=float(result.end),
            missing=list(result.losses),
        )
        return
    seconds = float(result.end - result.start)
    count = f"{result.frames} {'picture' if pictures else 'frame'}{'s'[: result.frames != 1]}"
    if not pictures:
        count += f", {seconds:.2f} s"
    if result.stopped:
        report.say(f"stopped: {result.output} holds the first {count}")
    else:
        missing = "".join(f"; missing: {line}" for line in result.losses)
        report.say(f"wrote {result.output}: {count}{missing}")


class _Progress:
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
        progress = self.report.progress("painting", start.frames, unit)
        self._bar = self._block.enter_context(progress)

    def advance(self) -> None:
        """Count one frame."""
        if self._bar is None:
            return
        rate = self._bar.rate
        play = "" if self.pictures or rate is None else f"({rate / self._rate:.2f}x)"
        self._bar.advance(play)

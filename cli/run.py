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
from .batch import LOSSES, run_batch
from .checks import refuse_same, refuse_vgg
from .learn import learned_settings
from .live import play
from .options import Config, JsonProgress, Quiet, Vgg, read_settings, with_options
from .output import default_output
from .plan import PlanOnly, print_plan
from .presets import PresetName, SavePreset, save_look
from .preview import preview_settings
from .progress import Report
from .running import Progress, print_result
from .stopping import STOPPED, signals_as_ctrl_c, stop_on_signal
from .torch_backend import need_torch

if TYPE_CHECKING:
    from ..export.keyframe_backend import KeyframeBackend
    from ..pipeline.media.images import PictureSource


@with_options(Settings)
def run(
    typed: dict[str, Any],
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="INPUT",
            help="A video, also at an address (s3://bucket/in.mp4); a picture, a folder or pattern "
            "of pictures; -: standard input; or live: a camera (0), a stream, see live --help.",
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Argument(
            metavar="OUTPUT",
            help="A video (.mp4 .mov .mkv .webm .ts .gif .apng .webp), a picture, a folder for "
            "PNGs, a pattern (frames/%04d.tif), an address (s3://bucket/out.mp4); -: standard "
            "output; or live: window, a stream, a page. Default: in-STYLE.mp4 beside in.mp4; a "
            "camera opens a window.",
        ),
    ] = None,
    more: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUTS", help="With --to: more inputs. All names are inputs then."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Paint several inputs, one by one, into this folder: files, folders, patterns "
            "(*.mp4), or a .txt file that lists them. stylize-report.csv says what became of each.",
        ),
    ] = None,
    watch: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="With --to: paint what is put into this folder, as soon as it is complete there.",
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
    preset: PresetName = None,
    save_preset: SavePreset = None,
    config: Config = None,
    vgg: Vgg = None,
    quiet: Quiet = False,
    json_progress: JsonProgress = False,
) -> None:
    """Paint a video or a picture in a style. Sound, subtitles and timing stay as they are."""
    from ..pipeline.live.names import is_live

    settings = read_settings(config, typed, preset=preset)
    report = Report(quiet, json_progress)
    if save_preset is not None:
        save_look(save_preset, settings, report)
        if source is None:
            return
    if to is not None or watch is not None:
        inputs = [name for name in (source, output, *(more or ())) if name is not None]
        folder = _folder_of_results(inputs, to, watch, preview, plan)
        refuse_vgg(vgg, settings)
        run_batch(inputs, folder, watch, settings, report)
        return
    _refuse_several(source, more)
    assert source is not None
    notes = [Path(preset).stem] if preset is not None else []
    notes += ["preview"] if preview is not None else []
    output = output or default_output(source, settings, "-".join(notes))
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


def _refuse_several(source: str | None, more: list[str] | None) -> None:
    """Refuse no input at all, and several of them without a folder for the results.

    Raises:
        SettingsError: what to type.
    """
    if source is None:
        raise SettingsError("there is no INPUT; type a film: stylize-video in.mp4")
    if more:
        raise SettingsError(
            f"{2 + len(more)} names are typed: INPUT and OUTPUT are two; for several inputs add "
            "--to FOLDER"
        )
    if Path(source).is_dir():
        from ..pipeline.batch.inputs import holds_films

        if holds_films(Path(source)):
            raise SettingsError(
                f"folder {source} holds films: add --to FOLDER to paint them one by one"
            )


def _folder_of_results(
    inputs: list[str], to: Path | None, watch: Path | None, preview: float | None, plan: bool
) -> Path:
    """The folder of ``--to``.

    Raises:
        SettingsError: it is missing, there is no input, or something is typed that is for one film.
    """
    if to is None:
        raise SettingsError("--watch needs a folder for the results: add --to FOLDER")
    if not inputs and watch is None:
        raise SettingsError(
            "--to needs inputs: type films, pictures, folders, or add --watch FOLDER"
        )
    for name, typed in (("--preview", preview is not None), ("--plan", plan)):
        if typed:
            raise SettingsError(f"{name} does not apply to --to; type one input, without --to")
    return to


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
        progress = Progress(report, source, Path(output), block)
        result = stylize(
            source,
            output,
            settings,
            on_start=progress.start,
            on_progress=progress.advance,
            stop=stop,
            backend=_keyframe_backend(settings, report, vgg, stop),
        )
    print_result(result, progress.pictures, report)
    _name_learned(learned, report)
    if result.stopped:
        raise typer.Exit(STOPPED)
    if result.losses:
        raise typer.Exit(LOSSES)


def _name_learned(learned: str, report: Report) -> None:
    """Say last what can be used again."""
    if learned and report.as_json:
        report.event(event="learned", style=learned)
    elif learned:
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

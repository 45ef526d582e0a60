"""``stylize-video``: the command, its sub-commands and its exit codes."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any, NamedTuple, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from ..pipeline.core.errors import ReaderGoneError, StylizeError, reason
from ..pipeline.core.library_messages import messages_kept_from_the_terminal
from ..pipeline.core.units import split_weight
from .help import PlainCommand, in_words
from .progress import Report
from .standard_streams import lasting_streams
from .stopping import STOPPED, second_signal_ends

EXAMPLES = """Repaint a video in the style of a picture. Three examples:

  stylize-video in.mp4 --style starry-night     a film, in a built-in style
  stylize-video in.mp4 --style painting.jpg     a film, in the style of any picture
  stylize-video live                            a camera, in a window

All styles: stylize-video styles. All commands: stylize-video --help.
All options of the first two: stylize-video run --help.
"""
"""What ``stylize-video`` alone prints."""


class Command(NamedTuple):
    """A command, by name: its module is loaded when it runs, so that the others cost nothing."""

    module: str
    """In this package."""
    function: str
    summary: str
    """Its line in ``--help``: the first one of the function's docstring."""


COMMANDS: dict[str, dict[str, Command]] = {
    "Make": {
        "run": Command(
            "run",
            "run",
            "Paint a video or a picture in a style. Sound, subtitles and timing stay as they are.",
        ),
        "studio": Command(
            "studio", "studio", "Open a page in your browser: drop a clip, choose a style, paint."
        ),
        "styles": Command("styles", "styles", "List the built-in styles; type one after --style."),
        "shots": Command(
            "shots",
            "shots",
            "List the shots of a film, as a timeline file to begin with.",
        ),
        "presets": Command(
            "presets", "presets", "List the looks for --preset: those that ship, and your own."
        ),
        "keyframes": Command(
            "keyframes",
            "keyframes",
            "Choose the frames to paint by hand; check the painted ones, and say which is next.",
        ),
        "paint": Command("paint", "paint", "Paint one picture slowly, in the best quality."),
        "texture": Command("texture", "texture", "Make more of a texture, in any size."),
        "lut": Command(
            "lut",
            "lut",
            "Write the colours of a picture as a .cube table (LUT) for Resolve, OBS and FFmpeg.",
        ),
    },
    "Live": {
        "live": Command(
            "live",
            "live",
            "Paint a camera, a stream or a film in real time. "
            "Without arguments: a camera in a window.",
        ),
    },
    "Your own styles": {
        "train": Command("train", "train", "Train a style from a painting; writes an ONNX file."),
        "export": Command("export", "export", "Write a checkpoint as an ONNX style."),
    },
    "Measure": {
        "evaluate": Command("evaluate", "evaluate", "Measure how much a result flickers."),
    },
    "Research": {
        "train-decoders": Command(
            "decoders",
            "train_decoders",
            "Train the networks behind --style picture.jpg. Run it again to continue.",
        ),
        "export-flow": Command(
            "flow", "export_flow", "Make the file that --flow raft needs. Once."
        ),
    },
}
"""Group in ``--help`` → its commands, the most used first."""


class _RunByDefault(TyperGroup):
    """``stylize-video INPUT OUTPUT`` is ``stylize-video run INPUT OUTPUT``."""

    def get_params(self, ctx: Any) -> list[Any]:
        return [in_words(parameter) for parameter in super().get_params(ctx)]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {"--help", "--version", "--install-completion", "--show-completion"}
        if not args:
            typer.echo(EXAMPLES, nl=False)
            ctx.exit()
        if args[0] not in self.commands and args[0] not in own:
            args = ["run", *args]
        return super().parse_args(ctx, _repeat_style(args))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and _loaded(str(name)), rest


def _loaded(name: str) -> Any:
    """The command of that name, with its options."""
    command = next(group[name] for group in COMMANDS.values() if name in group)
    alone = typer.Typer(add_completion=False)
    function = getattr(import_module(f".{command.module}", __package__), command.function)
    alone.command(name, cls=PlainCommand)(function)
    return get_command(alone)


def _repeat_style(args: list[str]) -> list[str]:
    """``--style a:0.7 b:0.3`` as ``--style a:0.7 --style b:0.3``, which typer understands."""
    repeated: list[str] = []
    weighted = False
    for before, arg in zip(["", *args], args, strict=False):
        has_weight = split_weight(arg)[0] != arg
        if before == "--style" or arg.startswith("--style="):
            weighted = has_weight
        elif weighted and has_weight:
            repeated.append("--style")
        else:
            weighted = False
        repeated.append(arg)
    return repeated


app = typer.Typer(
    cls=_RunByDefault,
    pretty_exceptions_enable=False,
    help="Repaint a video in the style of a picture.\n\n"
    "Main command: stylize-video INPUT. Its options: stylize-video run --help. "
    "A camera in a window: stylize-video live.",
)


def _print_version(requested: bool) -> None:
    if requested:
        from importlib.metadata import version

        typer.echo(f"stylize-video {version('stylize-video')}")
        raise typer.Exit


@app.callback()
def _root(  # pyright: ignore[reportUnusedFunction] - typer calls it
    show: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def _unloaded() -> None:
    """Stands in ``--help`` for a command that is not loaded."""


for _group, _commands in COMMANDS.items():
    for _name, _command in _commands.items():
        app.command(_name, help=_command.summary, rich_help_panel=_group)(_unloaded)


READER_GONE = 141
"""Exit code where whoever read standard output has closed it: 128 + SIGPIPE, as in a shell."""


def main() -> None:
    """Run the command.

    Exit 0: done; 1: a stated error; 2: wrong usage; 3: losses; 130: Ctrl-C; 141: no reader.
    """
    try:
        with (
            lasting_streams(),
            messages_kept_from_the_terminal(),
            Report().notes(),
            second_signal_ends(),
        ):
            app(prog_name="stylize-video")
    except ReaderGoneError:  # as for any program at the head of a pipe
        sys.exit(READER_GONE)
    except StylizeError as error:
        _end(str(error), 1)
    except OSError as error:  # of a name that the system refuses, wherever it is looked up first
        _end(f"{_beginning(error.filename)}: {reason(error)}", 1)
    except MemoryError:
        _end("out of memory; a smaller --size needs less", 1)
    except KeyboardInterrupt:
        _end("stopped", STOPPED)


def _end(line: str, code: int) -> NoReturn:
    Report().say(f"stylize-video: {line}")
    sys.exit(code)


def _beginning(name: object) -> str:
    """The beginning of a name, which may be too long for any disk."""
    text = "the system" if name is None else str(name)
    return text if len(text) <= 300 else f"{text[:60]}…"

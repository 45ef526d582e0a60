"""``stylize-video``: the command, its sub-commands and its exit codes."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..pipeline.core.errors import StylizeError
from ..pipeline.core.units import split_weight
from .bake import bake
from .decoders import train_decoders
from .evaluate import evaluate
from .export import export
from .flow import export_flow
from .live import live
from .paint import paint
from .run import run
from .styles import styles
from .texture import texture
from .train import train


class _RunByDefault(TyperGroup):
    """``stylize-video INPUT OUTPUT`` is ``stylize-video run INPUT OUTPUT``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        own = {"--help", "--version", "--install-completion", "--show-completion"}
        if args and args[0] not in self.commands and args[0] not in own:
            args = ["run", *args]
        return super().parse_args(ctx, _spread_styles(args))


def _spread_styles(args: list[str]) -> list[str]:
    """``--style a:0.7 b:0.3`` as ``--style a:0.7 --style b:0.3``, which typer understands."""
    spread: list[str] = []
    weighted = False
    for before, arg in zip(["", *args], args, strict=False):
        has_weight = split_weight(arg)[0] != arg
        if before == "--style" or arg.startswith("--style="):
            weighted = has_weight
        elif weighted and has_weight:
            spread.append("--style")
        else:
            weighted = False
        spread.append(arg)
    return spread


app = typer.Typer(
    cls=_RunByDefault,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Repaint a video in the style of a picture.\n\n"
    "The main job: stylize-video INPUT OUTPUT [options]; its options: stylize-video run --help. "
    "A camera in a window: stylize-video live.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stylize-video {version('stylize-video')}")
        raise typer.Exit


@app.callback()
def _root(  # pyright: ignore[reportUnusedFunction] - typer calls it
    show: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    pass


app.command("run")(run)
app.command("live")(live)
app.command("styles")(styles)
app.command("paint")(paint)
app.command("texture")(texture)
app.command("bake")(bake)
app.command("train")(train)
app.command("train-decoders")(train_decoders)
app.command("export")(export)
app.command("export-flow")(export_flow)
app.command("evaluate")(evaluate)


def main() -> None:
    """Run the command. Exit 0: done; 1: a stated error; 2: wrong usage; 130: Ctrl-C."""
    try:
        app()
    except StylizeError as error:
        sys.stderr.write(f"stylize-video: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("stylize-video: stopped\n")
        sys.exit(130)

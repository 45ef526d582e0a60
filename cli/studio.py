"""``stylize-video studio``: the page for people who don't type."""

from __future__ import annotations

import sys
import threading
from contextlib import closing, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..pipeline.core.errors import StylizeError
from .options import Quiet
from .progress import Report
from .stopping import STOPPED, signals_as_ctrl_c

if TYPE_CHECKING:
    from ..pipeline.studio.server import StudioServer

_FOLDER = "stylize-studio"


def studio(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            help="The only folder that is read and written: your clips, and what is made of them. "
            "Default: stylize-studio in your home folder; it is made.",
        ),
    ] = None,
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, help="Port of the page. Default: any that is free.", metavar="PORT"
        ),
    ] = 0,
    lan: Annotated[
        bool,
        typer.Option(
            "--lan",
            help="Serve the page to your network too, for a phone or a tablet. Who has the address "
            "with its token can use it. Without --lan only this computer can.",
        ),
    ] = False,
    browser: Annotated[
        bool,
        typer.Option("--browser/--no-browser", help="Open the page in your browser at once."),
    ] = True,
    quiet: Quiet = False,
) -> None:
    """Open a page in your browser: drop a clip, choose a style, paint."""
    _need_server()
    from ..pipeline.studio.painter import StudioPainter
    from ..pipeline.studio.server import StudioServer, open_socket
    from ..pipeline.studio.studio import Studio

    report = Report(quiet)
    launcher = [sys.executable, "-m", f"{__package__}.studio_job"]
    root = folder or Path.home() / _FOLDER
    with (
        report.notes(),
        signals_as_ctrl_c(),
        open_socket(lan, port) as bound,
        closing(StudioPainter()) as painter,
        closing(Studio(root, launcher, painter)) as opened,
    ):
        server = StudioServer(opened, bound, lambda: _announce(server, root, report, browser))
        with suppress(KeyboardInterrupt):
            server.run()
        report.say("closing: what is in work is stopped, and can be resumed")
    raise typer.Exit(STOPPED)


def _need_server() -> None:
    missing = [name for name in ("starlette", "uvicorn") if not find_spec(name)]
    if missing:
        raise StylizeError(
            f"studio needs {missing[0]}, which is not installed; "
            "type: pip install 'stylize-video[studio]'"
        )


def _announce(server: StudioServer, root: Path, report: Report, browser: bool) -> None:
    """Say where the page is. The address is the key to it, so it is printed even when quiet."""
    typer.echo(f"the studio of {root}: {server.url}")
    if server.lan_url:
        typer.echo(f"for a phone in your network: {server.lan_url}")
    report.say("Ctrl-C closes it")
    if browser:
        import webbrowser

        # In a thread: a browser may take long to open, and asks the page at once.
        threading.Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()

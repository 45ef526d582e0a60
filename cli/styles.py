"""``stylize-video styles``: the built-in styles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .checks import refuse_output
from .options import Overwrite
from .printable import echo


def styles(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all that is known, with losses, as JSON.")
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(help="Write a PNG that shows --frame in every style.", metavar="FILE.png"),
    ] = None,
    frame: Annotated[
        str | None, typer.Option(help="What the sheet shows: a picture, or a frame of a video.")
    ] = None,
    at: Annotated[str, typer.Option(help="Time of that frame: seconds or MM:SS.")] = "0",
    overwrite: Overwrite = False,
) -> None:
    """List the built-in styles; type one after --style."""
    if sheet is not None or frame is not None:
        _write_sheet(sheet, frame, at, overwrite)
        return
    if as_json:
        import json
        from dataclasses import asdict

        from ..pipeline.styles.zoo import zoo

        typer.echo(
            json.dumps([{**asdict(s), "path": str(s.path)} for s in zoo().values()], indent=1)
        )
        return
    _print_table()


_SPEED = {"fast": "fast", "quality": "3x slower, finer"}
"""Tier → its speed in plain words; ``docs/speed.md`` has the measurements."""


def _print_table() -> None:
    from rich.console import Console
    from rich.table import Column, Table

    from ..pipeline.styles.zoo import zoo

    name = Column("style", no_wrap=True)  # it is to be typed, so it is never cut
    table = Table(name, "looks like", "speed")
    for style in zoo().values():
        table.add_row(style.name, style.words, _SPEED.get(style.tier, style.tier))
    Console().print(table)
    echo("Looks, which are a style with settings that suit it: stylize-video presets")


def _write_sheet(sheet: Path | None, frame: str | None, at: str, overwrite: bool) -> None:
    from ..pipeline.contact_sheet import style_sheet
    from ..pipeline.core.errors import SettingsError
    from ..pipeline.media.images import write_picture
    from ..pipeline.media.inputs import frame_at

    if frame is None:
        raise SettingsError("--sheet needs --frame: a picture, or a video to take a frame from")
    if sheet is None:
        raise SettingsError("--frame needs --sheet: the PNG to write")
    refuse_output(sheet, overwrite, "--sheet", ".png")
    write_picture(sheet, style_sheet(frame_at(frame, at)))
    echo(f"wrote {sheet}", err=True)

"""``stylize-video shots``: the shots of a film, as a timeline file to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..pipeline.core.config import Settings
from ..pipeline.core.errors import SinkError
from .checks import refuse_output
from .options import Quiet
from .printable import printable
from .progress import Report


def shots(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A film.")],
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE.yaml", help="The timeline file to write. Default: it is printed."
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png", help="Write a picture of every shot, with its number and time."
        ),
    ] = None,
    scenes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="A text file with the times of the cuts, as for run --scenes."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """List the shots of a film, as a timeline file to begin with.

    Each shot becomes a point. Write into it what changes there, then type
    stylize-video INPUT --timeline FILE.yaml. Files that exist are never replaced.
    """
    from ..pipeline.core.files import atomic_write
    from ..pipeline.media.images import write_picture
    from ..pipeline.media.inputs import open_source
    from ..pipeline.shot_list import find_shots, shot_sheet, starting_timeline

    _refuse(out, "FILE", ".yaml", ".yml")
    _refuse(sheet, "--sheet", ".png", ".jpg", ".jpeg")
    report = Report(quiet)
    film = open_source(source, None, Settings.model_validate({}).rate)
    with report.notes(), report.progress("finding shots", film.info.frames, "frames") as bar:
        found = find_shots(film, sheet is not None, scenes, bar.advance)
    text = starting_timeline(printable(film.info.name), found, film.info.start)
    if out is None:
        typer.echo(text, nl=False)
    else:
        _refuse(out, "FILE")
        with atomic_write(out) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
        report.say(f"wrote {out}: {len(found)} " + ("shot" if len(found) == 1 else "shots"))
    if sheet is not None:
        _refuse(sheet, "--sheet")
        write_picture(sheet, shot_sheet(found, film.info.start))
        report.say(f"wrote {sheet}")


def _refuse(path: Path | None, argument: str, *endings: str) -> None:
    """Refuse a file of another kind, and one that exists.

    Raises:
        SinkError: the file can't be written there.
    """
    if path is None:
        return
    refuse_output(path, True, argument, *endings)
    if path.exists() or path.is_symlink():
        raise SinkError(f"{path} exists, and is not replaced; give another name")

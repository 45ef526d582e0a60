"""``stylize-video bake``: a style picture's grade as a ``.cube`` file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..pipeline.core.config import Settings, checked
from ..pipeline.core.errors import ModelError, SinkError
from .checks import refuse_place
from .options import Overwrite, Quiet
from .progress import Report


def bake(
    content: Annotated[
        str,
        typer.Argument(metavar="CONTENT", help="What is to be graded: a picture, or a video."),
    ],
    style: Annotated[
        list[str],
        typer.Argument(
            metavar="STYLE", help="The picture whose colours it gets; several :WEIGHT are mixed."
        ),
    ],
    out: Annotated[Path, typer.Argument(help="The .cube file to write.", metavar="OUT.cube")],
    method: Annotated[
        str,
        typer.Option(
            help="How the style is taken over: wct2, photowct, wct or a prepare file; "
            "auto: as for photographs."
        ),
    ] = "auto",
    strength: Annotated[float, typer.Option(help="How far it is painted, 0..1.")] = 1.0,
    grid: Annotated[
        int, typer.Option(help="Grid points along each colour: 17, 33, 65.", min=2, max=65)
    ] = 33,
    per_shot: Annotated[
        bool, typer.Option("--per-shot", help="A table for each shot: OUT-001.cube and on.")
    ] = False,
    device: Annotated[str, typer.Option(help="What runs the net; see run --help.")] = "auto",
    threads: Annotated[int, typer.Option(help="Cores that the net may use; 0: all.")] = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Paint frames of CONTENT as STYLE and write the table that does nearly the same.

    Resolve, OBS and FFmpeg read it; so does: stylize-video INPUT OUTPUT --style OUT.cube.
    """
    from ..pipeline.bake import bake, numbered_files, numbered_path
    from ..pipeline.styles.open import net_options
    from ..pipeline.styles.universal import UniversalStyle
    from ..pipeline.styles.zoo import TABLE_SUFFIX, find_method

    typed = {"method": method, "strength": strength, "device": device, "threads": threads}
    settings = checked(Settings, typed, "bake")
    if out.suffix.lower() != TABLE_SUFFIX:
        raise SinkError(f"OUT {out} must end in {TABLE_SUFFIX}")
    refuse_place(numbered_path(out, 1) if per_shot else out, overwrite, "OUT")
    for place in numbered_files(out) if per_shot else []:
        refuse_place(place, overwrite, "OUT")
    pictures = _pictures(style)
    style_of = UniversalStyle(
        find_method(settings.method, "photo"), pictures, net_options(settings)
    )
    report = Report(quiet)
    for baked in bake(content, out, style_of, settings.strength, grid, per_shot):
        times = f" {float(baked.start):.2f}–{float(baked.end):.2f} s," if per_shot else ""
        report.say(
            f"wrote {baked.path} ({grid}³),{times} mean ΔE {baked.difference:.1f} "
            "against the network's picture"
        )


def _pictures(wanted: list[str]) -> list[tuple[Path, float]]:
    """The style pictures and their shares."""
    from ..pipeline.core.files import PICTURE_SUFFIXES
    from ..pipeline.styles.zoo import find_styles

    styles = find_styles(wanted)
    for path, _ in styles:
        if path.suffix.lower() not in PICTURE_SUFFIXES:
            raise ModelError(f"bake takes pictures as STYLE, and {path.name} is none")
    return styles

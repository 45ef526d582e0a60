"""``stylize-video lut``: the colours of a style picture as a ``.cube`` table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..pipeline.core.config import Settings, checked
from ..pipeline.core.errors import ModelError
from ..pipeline.core.groups import METHODS
from .checks import refuse_output
from .options import Overwrite, Quiet
from .progress import Report

_Content = Annotated[
    str,
    typer.Argument(metavar="CONTENT", help="What gets new colours: a picture, or a video."),
]
_Style = Annotated[
    list[str],
    typer.Argument(
        metavar="STYLE",
        help="The picture whose colours it gets. Mix several: a.jpg:0.7 b.jpg:0.3.",
    ),
]
_Method = Annotated[
    str,
    typer.Option(
        metavar="|".join((*METHODS[:4], "FILE")),
        help="How to use the picture as a style. auto: wct2. A file NAME.prepare.onnx is a "
        "method of your own.",
    ),
]
_Strength = Annotated[
    float, typer.Option(help="How strong: 0 changes nothing, 1 is the full style.")
]
_Grid = Annotated[
    int,
    typer.Option(help="Size of the table: 17, 33 or 65 points for each colour.", min=2, max=65),
]
_PerShot = Annotated[
    bool,
    typer.Option("--per-shot", help="Write a table for each shot: OUT-001.cube, OUT-002.cube …"),
]


def lut(
    content: _Content,
    style: _Style,
    out: Annotated[Path, typer.Argument(help="The .cube file to write.", metavar="OUT.cube")],
    method: _Method = "auto",
    strength: _Strength = 1.0,
    grid: _Grid = 33,
    per_shot: _PerShot = False,
    device: Annotated[str, typer.Option(help="What runs the net; see run --help.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU cores that the net may use; 0 means all.")] = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Write the colours of a picture as a .cube table (LUT) for Resolve, OBS and FFmpeg.

    Frames of CONTENT are painted in the style of STYLE, and the table is fitted to the result.
    This program reads the table too: stylize-video INPUT OUTPUT --style OUT.cube.
    """
    from ..pipeline.bake import bake, numbered_files
    from ..pipeline.styles.open import net_options
    from ..pipeline.styles.universal import UniversalStyle
    from ..pipeline.styles.zoo import TABLE_SUFFIX, find_method

    typed = {"method": method, "strength": strength, "device": device, "threads": threads}
    settings = checked(Settings, typed, "")
    refuse_output(out, overwrite or per_shot, "OUT", TABLE_SUFFIX)
    for path in numbered_files(out) if per_shot else []:
        refuse_output(path, overwrite, "OUT")
    pictures = _pictures(style)
    style_of = UniversalStyle(
        find_method(settings.method, "photo"), pictures, net_options(settings, pictures)
    )
    report = Report(quiet)
    for baked in bake(content, out, style_of, settings.strength, grid, per_shot):
        times = f" {float(baked.start):.2f}–{float(baked.end):.2f} s," if per_shot else ""
        report.say(
            f"wrote {baked.path} ({grid}³),{times} mean ΔE {baked.difference:.1f} "
            "against the network's picture"
        )


def _pictures(names: list[str]) -> list[tuple[Path, float]]:
    """The style pictures and their weights.

    Raises:
        ModelError: a style is no picture.
    """
    from ..pipeline.core.files import PICTURE_SUFFIXES
    from ..pipeline.styles.zoo import find_styles

    styles = find_styles(names)
    for path, _ in styles:
        if path.suffix.lower() not in PICTURE_SUFFIXES:
            raise ModelError(f"STYLE {path.name} is no picture; give a .jpg or .png")
    return styles

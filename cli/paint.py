"""``stylize-video paint``: one picture, painted by optimisation; and sweeps of the settings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..models.recipe import PAINT_CHECKPOINT_EVERY, PaintRecipe
from ..pipeline.core.config import checked
from ..pipeline.core.errors import SettingsError
from .checks import refuse_picture, refuse_same
from .options import Overwrite, Quiet, TorchDevice, Vgg, with_options
from .progress import Report
from .torch_backend import need_torch

if TYPE_CHECKING:
    from ..pipeline.core.frame import Rgb8Or16

_CELL = 384  # of a sweep's grid, px of the longer side


@with_options(PaintRecipe)
def paint(
    photo: Annotated[Path, typer.Argument(help="The picture to repaint; 8 or 16 bits.")],
    out: Annotated[Path, typer.Argument(help="The picture to write; PNG and TIFF keep 16 bits.")],
    style: Annotated[
        list[str],
        typer.Option(help="Style picture; repeatable with weights: a.jpg:0.7 b.jpg:0.3."),
    ],
    typed: dict[str, Any],
    method: Annotated[
        Literal["gatys", "deepphoto"],
        typer.Option(help="gatys (paints), or deepphoto (stays a photograph)."),
    ] = "gatys",
    size: Annotated[
        int | None, typer.Option(help="Short side of the result, px; default: PHOTO's.", min=32)
    ] = None,
    content_mask: Annotated[
        Path | None, typer.Option(help="Segmentation of PHOTO: its colours are labels.")
    ] = None,
    style_mask: Annotated[
        list[Path] | None, typer.Option(help="Segmentation of the style; one for each.")
    ] = None,
    smooth: Annotated[
        Literal["off", "guided", "closed"],
        typer.Option(help="Smooth the result along PHOTO's edges; in 8 bits."),
    ] = "off",
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            help="SETTING=A,B,C: OUT is a grid, a picture for each; twice: rows and columns.",
            metavar="SETTING=A,B,C",
        ),
    ] = None,
    keep_every: Annotated[
        int, typer.Option(help="Iterations between two checkpoints and previews.", min=1)
    ] = PAINT_CHECKPOINT_EVERY,
    device: TorchDevice = "auto",
    vgg: Vgg = None,
    restart: Annotated[bool, typer.Option("--restart", help="Forget what was begun.")] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Repaint a picture by optimising its pixels (Gatys 2016; Luan 2017).

    Beside OUT stands a folder OUT.painting with a live preview, the loss curves, and the checkpoint
    that a stopped painting resumes from.
    """
    need_torch("paint")
    from ..export.painting import (
        PicturePainter,
        StyleFiles,
        paint_content,
        read_picture,
        short_side,
    )
    from ..export.painting import (
        smooth as smooth_edges,
    )
    from ..models.device import torch_device
    from ..pipeline.core.files import atomic_write
    from ..pipeline.core.frame import eight_bits
    from ..pipeline.media.images import picture_bytes

    recipe = checked(PaintRecipe, typed, "paint")
    refuse_picture(out, overwrite)
    refuse_same(photo, out)
    content = read_picture(photo, "PHOTO")
    content = content if size is None else short_side(content, size)
    mask = (
        None if content_mask is None else eight_bits(read_picture(content_mask, "--content-mask"))
    )
    files = StyleFiles(style, style_mask or (), mask)
    where, report = torch_device(device), Report(quiet)

    def painted(recipe: PaintRecipe) -> Rgb8Or16:
        painter = PicturePainter(method, recipe, files, vgg, where)
        result = paint_content(painter, content, mask, out, report, keep_every, restart)
        return smooth_edges(result, content, smooth)

    if sweep:
        tried = _tried(recipe, sweep)
        columns = len(_values(sweep[-1])[1])
        pictures: list[tuple[str, Rgb8Or16]] = []
        for name, changed in tried:
            report.say(f"{name} ({len(pictures) + 1} of {len(tried)})")
            pictures.append((name, painted(changed)))
        result: Rgb8Or16 = _grid(pictures, columns)
    else:
        result = painted(recipe)
    with atomic_write(out) as aside:
        aside.write_bytes(picture_bytes(result, out.name))
    report.say(f"wrote {out}: {result.shape[1]}x{result.shape[0]}")


def _tried(recipe: PaintRecipe, sweep: Sequence[str]) -> list[tuple[str, PaintRecipe]]:
    """Each combination of the settings swept, with its name."""
    if len(sweep) > 2:
        raise SettingsError("--sweep is given once or twice: rows, then columns")
    axes = [_values(text) for text in sweep]
    found: list[tuple[str, PaintRecipe]] = []
    for values in product(*(values for _, values in axes)):
        names = [name for name, _ in axes]
        changed: dict[str, Any] = dict(zip(names, values, strict=True))
        shown = ", ".join(f"{name} {value}" for name, value in changed.items())
        if "content_layers" in changed:
            changed["content_layers"] = changed["content_layers"].split("+")
        if "style_layers" in changed:
            layers = changed["style_layers"].split("+")
            changed["style_layers"] = dict.fromkeys(layers, 1 / len(layers))
        settings = {**recipe.model_dump(), **changed}
        found.append((shown, checked(PaintRecipe, settings, "--sweep")))
    return found


def _values(text: str) -> tuple[str, list[str]]:
    name, _, values = text.partition("=")
    if not values:
        raise SettingsError(f"--sweep '{text}' is not SETTING=A,B,C")
    return name.replace("-", "_"), values.split(",")


def _grid(pictures: Sequence[tuple[str, Rgb8Or16]], columns: int) -> Rgb8Or16:
    from ..pipeline.contact_sheet import grid
    from ..pipeline.core.frame import eight_bits

    height, width = pictures[0][1].shape[:2]
    by = _CELL / max(height, width)
    size = (max(1, round(width * by)), max(1, round(height * by)))
    return grid([(name, eight_bits(p)) for name, p in pictures], size, columns)

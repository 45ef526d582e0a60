"""``stylize-video paint``: one picture, painted by optimisation; and sweeps of the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..models.recipe import PAINT_CHECKPOINT_EVERY, PaintRecipe, SwapRecipe
from ..pipeline.core.config import checked
from ..pipeline.core.errors import SettingsError
from .checks import refuse_picture, refuse_same, refuse_unused
from .options import Overwrite, Quiet, Restart, TorchDevice, Vgg, with_options
from .progress import Report
from .stopping import signals_as_ctrl_c
from .torch_backend import need_torch

if TYPE_CHECKING:
    import torch

    from ..pipeline.core.frame import Rgb8Or16

_CELL = 384  # px, the longer side of a picture in a sweep's grid

_MASKS_AND_CHECKPOINTS = {"content_mask", "style_mask", "keep_every", "restart"}
_METHODS = {
    "gatys": {*PaintRecipe.model_fields, *_MASKS_AND_CHECKPOINTS}
    - {"photo_weight", "temporal_weight"},
    "deepphoto": {*PaintRecipe.model_fields, *_MASKS_AND_CHECKPOINTS} - {"temporal_weight"},
    "styleswap": {*SwapRecipe.model_fields},
}
"""Method → the options that it uses, besides those that all use."""

Method = Annotated[
    Literal["gatys", "deepphoto", "styleswap"],
    typer.Option(
        help="gatys (copies strokes and colours), deepphoto (the result stays a photograph) or "
        "styleswap (made of patches of the style picture; 100 iterations by default)."
    ),
]
Size = Annotated[
    int | None, typer.Option(help="Short side of the result, px; default: PHOTO's.", min=32)
]
ContentMask = Annotated[
    Path | None, typer.Option(help="Segmentation of PHOTO: its colours are labels.")
]
StyleMask = Annotated[
    list[Path] | None, typer.Option(help="Segmentation of the style picture; one for each.")
]
Smooth = Annotated[
    Literal["off", "guided", "closed"],
    typer.Option(help="Smooth the result along PHOTO's edges; in 8 bits."),
]
Sweep = Annotated[
    list[str] | None,
    typer.Option(
        help="Try several values of a setting: OUT is a grid with a picture for each. Twice: rows "
        "and columns.",
        metavar="SETTING=A,B,C",
    ),
]
Patch = Annotated[
    int | None,
    typer.Option(
        help="Of styleswap: side of a patch; 1 is four pixels. Default: 3.", min=1, max=31
    ),
]
Stride = Annotated[
    int | None,
    typer.Option(
        help="Of styleswap: 2 uses every other patch of the style picture. Default: 1.", min=1
    ),
]
KeepEvery = Annotated[
    int | None,
    typer.Option(
        help=f"Iterations between two checkpoints and previews. Default: {PAINT_CHECKPOINT_EVERY}.",
        min=1,
    ),
]


@with_options(PaintRecipe, hidden={"temporal_weight"})
@signals_as_ctrl_c()
def paint(
    photo: Annotated[Path, typer.Argument(help="The picture to repaint; 8 or 16 bits.")],
    out: Annotated[Path, typer.Argument(help="The picture to write; PNG and TIFF keep 16 bits.")],
    style: Annotated[
        list[str],
        typer.Option(help="Style picture; repeatable with weights: a.jpg:0.7 b.jpg:0.3."),
    ],
    typed: dict[str, Any],
    method: Method = "gatys",
    size: Size = None,
    content_mask: ContentMask = None,
    style_mask: StyleMask = None,
    smooth: Smooth = "off",
    sweep: Sweep = None,
    patch: Patch = None,
    stride: Stride = None,
    keep_every: KeepEvery = None,
    device: TorchDevice = "auto",
    vgg: Vgg = None,
    restart: Restart = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Paint one picture slowly, in the best quality.

    Its pixels are optimised (Gatys 2016; Luan 2017; Chen & Schmidt 2016).
    The folder OUT.painting beside OUT has a live preview, the loss curves, and the checkpoint from
    which a stopped painting resumes. Method styleswap has none: it is done in a minute.
    """
    need_torch("paint")
    from ..export.painting import read_picture, short_side
    from ..models.device import torch_device

    optional: dict[str, Any] = {"patch": patch, "stride": stride, "content_mask": content_mask}
    optional |= {"style_mask": style_mask, "keep_every": keep_every, "restart": restart}
    typed |= {name: optional[name] for name in ("patch", "stride") if optional[name]}
    _refuse_options([*typed, *(k for k, v in optional.items() if v)], method, style)
    recipes = _recipes(method, typed, sweep or ())
    refuse_picture(out, overwrite)
    refuse_same(photo, out)
    content = read_picture(photo, "PHOTO")
    job = _Job(
        method=method,
        content=content if size is None else short_side(content, size),
        content_mask=content_mask,
        styles=style,
        style_masks=style_mask or (),
        smooth=smooth,
        out=out,
        keep_every=keep_every or PAINT_CHECKPOINT_EVERY,
        restart=restart,
        vgg=vgg,
        device=torch_device(device),
        report=Report(quiet),
    )
    columns = len(_values(sweep[-1])[1]) if sweep else 0
    job.write(_grid(job, recipes, columns) if sweep else job.paint(recipes[0][1]))


@dataclass(frozen=True)
class _Job:
    """All that one ``paint`` was given, but for its recipes."""

    method: str
    content: Rgb8Or16
    """(H, W, 3), RGB, uint8 or uint16."""
    content_mask: Path | None
    styles: Sequence[str]
    style_masks: Sequence[Path]
    smooth: str
    out: Path
    keep_every: int
    restart: bool
    vgg: Path | None
    device: torch.device
    report: Report

    def paint(self, recipe: PaintRecipe | SwapRecipe) -> Rgb8Or16:
        """The content, painted by a recipe: (H, W, 3), RGB, of the content's type."""
        from ..export.painting import paint_swap, smooth

        if isinstance(recipe, SwapRecipe):
            result = paint_swap(
                self.content, self.styles[0], recipe, self.vgg, self.device, self.report
            )
        else:
            result = self._optimize(recipe)
        return smooth(result, self.content, self.smooth)

    def _optimize(self, recipe: PaintRecipe) -> Rgb8Or16:
        from ..export.painting import PicturePainter, StyleFiles, paint_content, read_picture
        from ..pipeline.core.frame import eight_bits

        mask = None
        if self.content_mask is not None:
            mask = eight_bits(read_picture(self.content_mask, "--content-mask"))
        files = StyleFiles(self.styles, self.style_masks, mask)
        method = "deepphoto" if self.method == "deepphoto" else "gatys"
        painter = PicturePainter(method, recipe, files, self.vgg, self.device)
        return paint_content(
            painter, self.content, mask, self.out, self.report, self.keep_every, self.restart
        )

    def write(self, result: Rgb8Or16) -> None:
        """Write the result to ``out``, whole or not at all."""
        from ..pipeline.media.images import write_picture

        write_picture(self.out, result)
        self.report.say(f"wrote {self.out}: {result.shape[1]}x{result.shape[0]}")


def _refuse_options(typed: Sequence[str], method: str, styles: Sequence[str]) -> None:
    if "temporal_weight" in typed:
        raise SettingsError(
            "--temporal-weight is for the key frames of a video; type it as "
            "stylize-video INPUT OUTPUT --method gatys --paint-option temporal-weight=…"
        )
    refuse_unused(typed, method, _METHODS)
    if method == "styleswap" and len(styles) > 1:
        raise SettingsError("--method styleswap takes one --style; type --method gatys for several")


def _recipes(
    method: str, typed: dict[str, Any], sweep: Sequence[str]
) -> list[tuple[str, PaintRecipe | SwapRecipe]]:
    """Each combination of the settings in ``sweep``, with its name; one recipe without a sweep."""
    if len(sweep) > 2:
        raise SettingsError("--sweep is given once or twice: rows, then columns")
    kind = SwapRecipe if method == "styleswap" else PaintRecipe
    checked(kind, typed, "paint")
    axes = [_values(text) for text in sweep]
    known = {*PaintRecipe.model_fields, *SwapRecipe.model_fields}
    _refuse_options([name for name, _ in axes if name in known], method, ())
    recipes: list[tuple[str, PaintRecipe | SwapRecipe]] = []
    for values in product(*(values for _, values in axes)):
        changed: dict[str, Any] = dict(zip((name for name, _ in axes), values, strict=True))
        name = ", ".join(f"{name} {value}" for name, value in changed.items())
        if "content_layers" in changed:
            changed["content_layers"] = changed["content_layers"].split("+")
        if "style_layers" in changed:
            layers = changed["style_layers"].split("+")
            changed["style_layers"] = dict.fromkeys(layers, 1 / len(layers))
        recipes.append((name, checked(kind, {**typed, **changed}, "--sweep")))
    return recipes


def _values(text: str) -> tuple[str, list[str]]:
    """``SETTING=A,B,C`` as the setting's name and its values."""
    name, _, values = text.partition("=")
    if not values:
        raise SettingsError(f"--sweep '{text}' is not SETTING=A,B,C")
    return name.replace("-", "_"), values.split(",")


def _grid(
    job: _Job, recipes: Sequence[tuple[str, PaintRecipe | SwapRecipe]], columns: int
) -> Rgb8Or16:
    """A grid of the pictures by all recipes, (H, W, 3) uint8, RGB."""
    from ..pipeline.contact_sheet import grid
    from ..pipeline.core.frame import eight_bits

    pictures: list[tuple[str, Rgb8Or16]] = []
    for name, recipe in recipes:
        job.report.say(f"{name} ({len(pictures) + 1} of {len(recipes)})")
        pictures.append((name, job.paint(recipe)))
    height, width = pictures[0][1].shape[:2]
    by = _CELL / max(height, width)
    size = (max(1, round(width * by)), max(1, round(height * by)))
    return grid([(name, eight_bits(p)) for name, p in pictures], size, columns)

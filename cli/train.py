"""``stylize-video train``: learn the style of a picture, end with a verified ONNX file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..models.recipe import Recipe
from ..pipeline.core.config import checked
from .checks import refuse_model
from .options import Licence, Overwrite, Quiet, Restart, TorchDevice, Vgg, Workers, with_options
from .progress import Report
from .stopping import signals_as_ctrl_c
from .torch_backend import need_torch

if TYPE_CHECKING:
    from ..models.training.paint_loss import PaintLoss
    from ..models.training.state import LossValues, Training
    from ..pipeline.core.frame import Rgb

IDENTITY = "identity"
_MEASURED = 4
"""Validation photographs on which the style's figures are measured: seconds each."""
_BASE_WEIGHTS = {"style_weight": 0.0, "tv_weight": 0.0, "pixel_weight": 4.0}


_Style = Annotated[
    Path,
    typer.Argument(
        help=f"The picture whose style is learned; or '{IDENTITY}': a net that returns the "
        "photograph, as a base for styles."
    ),
]
_Base = Annotated[
    Path | None,
    typer.Option(
        help="What to begin from: a checkpoint or a style file, another style's, or this one's, to "
        "refine; none: random weights. Default: the base that ships, for fast and quality."
    ),
]


@with_options(Recipe)
@signals_as_ctrl_c()
def train(
    style: _Style,
    out: Annotated[Path, typer.Option(help="The ONNX file to write.")],
    typed: dict[str, Any],
    content: Annotated[
        Path | None,
        typer.Option(
            help="Folder of photographs to learn on. Default: generated pictures; photographs of "
            "faces, walls and skies are better."
        ),
    ] = None,
    device: TorchDevice = "auto",
    vgg: Vgg = None,
    base: _Base = None,
    licence: Licence = "unknown",
    workers: Workers = 1,
    restart: Restart = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Train a style from a painting; writes an ONNX file.

    The folder OUT.training beside OUT has the checkpoint from which a stopped training resumes,
    the loss curves and a sheet of samples.
    """
    need_torch("train")
    from ..export.bases import base_of
    from ..export.colours import match_colours
    from ..export.generated_photos import generated_photos
    from ..export.training import export_training, judges_of, read_painting, resume, run_training
    from ..models.data import split_photos
    from ..models.device import torch_device
    from ..models.training.state import begin
    from ..pipeline.core.files import neighbour
    from ..pipeline.imaging.palette import Palette

    is_base = str(style) == IDENTITY
    recipe = checked(Recipe, (_BASE_WEIGHTS if is_base else {}) | typed, "train")
    refuse_model(out, overwrite, "--out")
    report = Report(quiet)
    painting = None if is_base else read_painting(style)
    learned, validation = split_photos(content or generated_photos(), recipe.validation_photos)
    where = torch_device(device)
    folder = neighbour(out, out.stem, ".training")
    training = None if restart else resume(folder, recipe, where, report)
    training = training or begin(recipe, where, base_of(recipe, base, is_base))
    training.palette = "" if painting is None else Palette.of([painting]).to_json()
    report.say(
        f"{recipe.tier} net, {recipe.steps} steps of {recipe.batch} crops on {where}, "
        f"{len(learned)} {'generated pictures' if content is None else 'photographs'}"
    )
    judges = judges_of(recipe, painting, vgg, where)
    folder.mkdir(exist_ok=True)
    run_training(training, judges, learned, folder, report, workers)
    match_colours(training, learned)
    figures = _evaluate(training, judges(recipe.judge), validation, folder, report)
    export_training(training, out, figures, validation, licence, report)
    if painting is not None:
        _report_style(out, painting, validation[:_MEASURED], vgg, report)


def _evaluate(
    training: Training,
    loss: PaintLoss,
    validation: list[Path],
    folder: Path,
    report: Report,
) -> LossValues:
    """The losses on the validation photographs; they and samples are written to ``folder``."""
    from ..export.training import draw_progress
    from ..models.training.feedforward import evaluate

    figures = evaluate(training, loss, validation)
    (folder / "figures.json").write_text(json.dumps(asdict(figures), indent=1) + "\n")
    report.say(
        f"on {len(validation)} validation photographs: content {figures.content:.3f}, "
        f"style {figures.style:.3f}, TV {figures.tv:.4f}, unsteadiness {figures.steady:.3f}, "
        f"total {figures.total:.3f}"
    )
    draw_progress(training, validation, folder)
    return figures


def _report_style(
    style: Path, painting: Rgb, photos: list[Path], vgg: Path | None, report: Report
) -> None:
    """Say how the finished style paints photographs; see ``style_figures``."""
    from ..models.data import read_rgb
    from ..models.nets.vgg19 import open_vgg19, vgg19_is_cached
    from ..pipeline.core.config import Settings
    from ..pipeline.evaluation.colours import reduce_to_compare
    from ..pipeline.styles.open import open_style
    from ..pipeline.styles.per_shot import paint_picture
    from .style_figures import NAMES, style_figures

    if vgg is None and not vgg19_is_cached():
        report.say("with --vgg, bare walls, paint, layout and colours are measured too")
        return
    net = open_style(Settings.model_validate({"style": str(style)}))
    sources = [reduce_to_compare(rgb) for rgb in map(read_rgb, photos) if rgb is not None]
    pairs = ((rgb, paint_picture(net, rgb)) for rgb in sources)
    figures = style_figures(open_vgg19(vgg), painting, pairs)
    values = ", ".join(f"{name} {getattr(figures, name):.2f}" for name in NAMES)
    report.say(f"as played, {len(sources)} photographs at 720 px: {values}")

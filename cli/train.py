"""``stylize-video train``: learn the style of a picture, end with a verified ONNX file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..models.recipe import Recipe
from ..pipeline.core.config import checked
from ..pipeline.core.errors import TrainingError
from .checks import refuse_model
from .options import Licence, Overwrite, Quiet, Restart, TorchDevice, Vgg, Workers, with_options
from .progress import Report
from .torch_backend import need_torch, sigterm_as_ctrl_c

if TYPE_CHECKING:
    import torch

    from ..models.training.paint_loss import PaintLoss
    from ..models.training.state import LossValues, Training
    from ..pipeline.core.frame import Rgb

    Judges = Callable[[Literal["slim", "vgg"]], PaintLoss]

CHECKPOINT_EVERY = 100
IDENTITY = "identity"
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
    typer.Option(help="Checkpoint to begin from: another style's, or this one's, to refine."),
]


@with_options(Recipe)
@sigterm_as_ctrl_c()
def train(
    style: _Style,
    content: Annotated[Path, typer.Option(help="Folder of photographs to learn on.")],
    out: Annotated[Path, typer.Option(help="The ONNX file to write.")],
    typed: dict[str, Any],
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
    from ..models.data import split_photos
    from ..models.device import torch_device
    from ..models.training.state import begin

    is_base = str(style) == IDENTITY
    recipe = checked(Recipe, (_BASE_WEIGHTS if is_base else {}) | typed, "train")
    refuse_model(out, overwrite, "--out")
    report = Report(quiet)
    painting = None if is_base else _style_picture(style)
    learned, validation = split_photos(content, recipe.validation_photos)
    where = torch_device(device)
    folder = out.with_name(out.stem + ".training")
    training = None if restart else _resumed(folder / "checkpoint.pt", recipe, where, report)
    training = training or begin(recipe, where, base)
    report.say(
        f"{recipe.tier} net, {recipe.steps} steps of {recipe.batch} crops on {where}, "
        f"{len(learned)} photographs"
    )
    judges = judges_of(recipe, painting, vgg, where)
    folder.mkdir(exist_ok=True)
    learn(training, judges, learned, folder, workers, report)
    figures = _evaluate(training, judges(recipe.judge), validation, folder, report)
    export_training(training, out, figures, validation, licence, report)


def judges_of(
    recipe: Recipe, painting: Rgb | None, vgg: Path | None, where: torch.device
) -> Judges:
    """What gives the loss against a painting, by the net that compares pictures.

    Args:
        recipe: of the training.
        painting: (H, W, 3) uint8, 0–255, RGB; ``None`` for a base.
        vgg: VGG-19's weights, read only where it judges; ``None``: downloaded.
        where: the device.
    """
    from ..models.nets.slim_vgg import SlimVGG
    from ..models.nets.vgg19 import open_vgg19
    from ..models.training.paint_loss import WholeVGG, paint_loss

    @cache
    def judge(kind: Literal["slim", "vgg"]) -> PaintLoss:
        net = SlimVGG() if kind == "slim" else WholeVGG(open_vgg19(vgg))
        return paint_loss(recipe, painting, net, where)

    return judge


def _style_picture(path: Path) -> Rgb:
    """(H, W, 3) uint8, RGB.

    Raises:
        TrainingError: it can't be read.
    """
    from ..models.data import read_rgb

    rgb = read_rgb(path)
    if rgb is None:
        raise TrainingError(f"the style picture {path} can't be read; give a JPEG, PNG or WebP")
    return rgb


def _resumed(
    checkpoint: Path, recipe: Recipe, where: torch.device, report: Report
) -> Training | None:
    from ..models.training.state import load_checkpoint

    if not checkpoint.exists():
        return None
    training = load_checkpoint(checkpoint, where)
    if training.recipe != recipe:
        ours, theirs = recipe.model_dump(), training.recipe.model_dump()
        name = next(name for name in ours if ours[name] != theirs[name])
        raise TrainingError(
            f"{checkpoint} was made with {name} = {theirs[name]}, not {ours[name]}; "
            "train with that, or add --restart"
        )
    report.say(f"resuming at step {training.step} from {checkpoint}")
    return training


def learn(
    training: Training,
    judges: Judges,
    photos: list[Path],
    folder: Path,
    workers: int,
    report: Report,
) -> None:
    """Run the remaining steps, with checkpoints, curves and samples in ``folder``."""
    from ..models.training.feedforward import train as steps
    from ..models.training.state import save_checkpoint

    checkpoint = folder / "checkpoint.pt"
    total = training.recipe.steps
    with report.progress("training", total, "steps", training.step) as bar:
        try:
            for values in steps(training, judges, photos, workers):
                bar.advance(f"content {values.content:.2f} style {values.style:.2f}")
                if training.step % CHECKPOINT_EVERY == 0 or training.step == total:
                    save_checkpoint(training, checkpoint)
                    _pictures(training, photos[:4], folder)
        except KeyboardInterrupt:
            save_checkpoint(training, checkpoint)
            report.say(
                f"stopped at step {training.step}; the same command resumes from {checkpoint}"
            )
            raise


def _evaluate(
    training: Training,
    loss: PaintLoss,
    validation: list[Path],
    folder: Path,
    report: Report,
) -> LossValues:
    """The losses on the validation photographs; they and samples are written to ``folder``."""
    from ..models.training.feedforward import evaluate

    figures = evaluate(training, loss, validation)
    (folder / "figures.json").write_text(json.dumps(asdict(figures), indent=1) + "\n")
    report.say(
        f"on {len(validation)} validation photographs: content {figures.content:.3f}, "
        f"style {figures.style:.3f}, TV {figures.tv:.4f}, unsteadiness {figures.steady:.3f}, "
        f"total {figures.total:.3f}"
    )
    _pictures(training, validation, folder)
    return figures


def _pictures(training: Training, photos: list[Path], folder: Path) -> None:
    from ..models.training.plots import loss_curves, sample_sheet

    loss_curves([asdict(row) for row in training.history], folder / "losses.png")
    sample_sheet(training.average, photos[:6], folder / "samples.png")


def export_training(
    training: Training,
    out: Path,
    figures: LossValues | None,
    validation: list[Path],
    licence: str,
    report: Report,
) -> None:
    """Write the training's net to ``out`` with its card, proved on ``validation`` photographs."""
    from ..export.parity import parity_frames
    from ..export.style import export_style
    from ..pipeline.nets.contract import ModelCard

    net = training.average
    from ..models.data import read_rgb, resized
    from ..models.training.feedforward import EVALUATION_SIZE
    from ..models.training.state import fingerprint

    card = ModelCard(
        name=out.stem,
        kind=training.recipe.tier,
        licence=licence,
        family=training.family or fingerprint(net),
        recipe=training.recipe.model_dump_json(),
        figures=json.dumps({k: round(v, 5) for k, v in asdict(figures).items()} if figures else {}),
    )
    usual = [resized(rgb, EVALUATION_SIZE) for rgb in map(read_rgb, validation) if rgb is not None]
    parity = export_style(net, card, out, parity_frames(validation), usual)
    report.say(
        f"wrote {out} ({out.stat().st_size / 1e6:.2f} MB), off PyTorch by {parity.mean:.4f}/255 "
        f"on average, {parity.largest} at worst, at {', '.join(parity.sizes)}"
    )

"""Run a style's training, with checkpoints and pictures in a folder, and export its net."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Literal

import torch

from ..models.data import read_rgb, resized
from ..models.nets.slim_vgg import SlimVGG
from ..models.nets.vgg19 import open_vgg19
from ..models.recipe import CHECKPOINT_EVERY, Recipe
from ..models.training.feedforward import EVALUATION_SIZE
from ..models.training.feedforward import train as steps
from ..models.training.paint_loss import PaintLoss, WholeVGG, paint_loss
from ..models.training.plots import loss_curves, sample_sheet
from ..models.training.state import (
    LossValues,
    Training,
    fingerprint,
    load_checkpoint,
    save_checkpoint,
)
from ..pipeline.core.errors import TrainingError
from ..pipeline.core.frame import Rgb
from ..pipeline.nets.contract import ModelCard
from .parity import parity_frames
from .progress import ProgressReport
from .style import export_style

CHECKPOINT = "checkpoint.pt"

Judges = Callable[[Literal["slim", "vgg"]], PaintLoss]
"""Gives the loss against a painting, by the net that compares pictures."""


def judges_of(
    recipe: Recipe, painting: Rgb | None, vgg: Path | None, where: torch.device
) -> Judges:
    """What gives the loss against a painting.

    Args:
        recipe: of the training.
        painting: (H, W, 3) uint8, 0–255, RGB; ``None`` for a base.
        vgg: VGG-19's weights, read only where it judges; ``None``: downloaded.
        where: the device.
    """

    @cache
    def judge(kind: Literal["slim", "vgg"]) -> PaintLoss:
        net = SlimVGG(device=where) if kind == "slim" else WholeVGG(open_vgg19(vgg))
        return paint_loss(recipe, painting, net, where)

    return judge


def read_painting(path: Path) -> Rgb:
    """The style picture at ``path``, (H, W, 3) uint8, 0–255, RGB.

    Raises:
        TrainingError: it can't be read.
    """
    rgb = read_rgb(path)
    if rgb is None:
        raise TrainingError(f"the style picture {path} can't be read; give a JPEG, PNG or WebP")
    return rgb


def resume(
    folder: Path, recipe: Recipe, where: torch.device, report: ProgressReport
) -> Training | None:
    """The training whose checkpoint lies in ``folder``; ``None`` where there is none.

    Raises:
        TrainingError: it was made with another recipe, or can't be read.
    """
    checkpoint = folder / CHECKPOINT
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


def run_training(
    training: Training,
    judges: Judges,
    photos: list[Path],
    folder: Path,
    report: ProgressReport,
    workers: int = 0,
) -> None:
    """Run the remaining steps.

    Args:
        training: it is changed.
        judges: see ``judges_of``.
        photos: files of the content pictures.
        folder: takes the checkpoint, the loss curves and the samples.
        report: shows the progress.
        workers: processes that load the photographs; 0: this one.

    Raises:
        KeyboardInterrupt: it was stopped; the checkpoint is saved.
        TrainingError: see ``models.training``.
    """
    checkpoint = folder / CHECKPOINT
    total = training.recipe.steps
    with report.progress("training", total, "steps", training.step) as bar:
        try:
            for values in steps(training, judges, photos, workers):
                bar.advance(f"content {values.content:.2f} style {values.style:.2f}")
                if training.step % CHECKPOINT_EVERY == 0 or training.step == total:
                    save_checkpoint(training, checkpoint)
                    draw_progress(training, photos[:: max(1, len(photos) // 4)][:4], folder)
        except KeyboardInterrupt:
            save_checkpoint(training, checkpoint)
            report.say(
                f"stopped at step {training.step}; the same command resumes from {checkpoint}"
            )
            raise


def draw_progress(training: Training, photos: list[Path], folder: Path) -> None:
    """Write ``losses.png`` and ``samples.png``, of up to six photographs, into ``folder``."""
    loss_curves([asdict(row) for row in training.history], folder / "losses.png")
    sample_sheet(training.average, photos[:6], folder / "samples.png")


def export_training(
    training: Training,
    out: Path,
    figures: LossValues | None,
    validation: list[Path],
    licence: str,
    report: ProgressReport,
) -> None:
    """Write a training's net as a style file, proved on photographs.

    Args:
        training: its averaged net is written.
        out: the file.
        figures: losses on the photographs, for the card.
        validation: files of photographs.
        licence: of the weights, for the card.
        report: shows what was written.

    Raises:
        TrainingError: ONNX Runtime does not paint as PyTorch does.
        SinkError: the file can't be written.
    """
    net = training.average
    card = ModelCard(
        name=out.stem,
        kind=training.recipe.tier,
        licence=licence,
        family=training.family or fingerprint(net),
        palette=training.palette,
        recipe=training.recipe.model_dump_json(),
        figures=json.dumps({k: round(v, 5) for k, v in asdict(figures).items()} if figures else {}),
    )
    usual = [resized(rgb, EVALUATION_SIZE) for rgb in map(read_rgb, validation) if rgb is not None]
    parity = export_style(net, card, out, parity_frames(validation), usual)
    report.say(
        f"wrote {out} ({out.stat().st_size / 1e6:.2f} MB), off PyTorch by {parity.mean:.4f}/255 "
        f"on average, {parity.largest} at worst, at {', '.join(parity.sizes)}"
    )

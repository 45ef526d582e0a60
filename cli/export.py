"""``stylize-video export``: a training's checkpoint → a verified ONNX file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .report import Report, need_torch


def export(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint.pt of a training.")],
    out: Annotated[Path, typer.Argument(help="The ONNX file to write.")],
    content: Annotated[
        Path, typer.Option(help="Folder of photographs on which the file is proved.")
    ],
    licence: Annotated[str, typer.Option(help="Licence to write into the file.")] = "unknown",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output if it exists.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
) -> None:
    """Export the net of a checkpoint, finished or not, as an ONNX file that keeps the contract."""
    need_torch("export")
    import torch

    from ..models.data import list_photos
    from ..models.train import LossValues, load_checkpoint
    from .train import export_training, refuse_output

    refuse_output(out, overwrite)
    training = load_checkpoint(checkpoint, torch.device("cpu"))
    measured = checkpoint.with_name("figures.json")
    figures = LossValues(**json.loads(measured.read_text())) if measured.is_file() else None
    photos = list_photos(content)[-training.recipe.held_back :]
    export_training(training, out, figures, photos, licence, Report(quiet))

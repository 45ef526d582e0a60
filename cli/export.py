"""``stylize-video export``: what was trained, here or elsewhere → verified ONNX files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ..pipeline.core.errors import SettingsError, SinkError
from .checks import refuse_model
from .options import Licence, Overwrite, Quiet
from .progress import Report
from .torch_backend import need_torch


def export(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="checkpoint.pt of a training and the .onnx file to write; or, with --from, only "
            "that: NAME.prepare.onnx, beside which NAME.apply.onnx is written.",
            metavar="[CHECKPOINT] OUT",
        ),
    ],
    content: Annotated[
        Path, typer.Option(help="Folder of photographs on which the file is compared with PyTorch.")
    ],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="A method for any style: a folder of train-decoders, or another project's "
            "checkpoints (a folder with encoder1.pth, wave_encoder_*.pth, photo_wct.pth).",
        ),
    ] = None,
    places: Annotated[
        list[str] | None,
        typer.Option(
            help="Layers that the method changes, or the beginnings of their names: relu5_1 …; of "
            "WCT² encoder, skip, decoder. Default: all."
        ),
    ] = None,
    licence: Licence = "unknown",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Write a checkpoint as an ONNX style.

    The training need not be finished. With --from, a method for any style is written.
    """
    need_torch("export")

    if len(paths) != (2 if source is None else 1):
        raise SettingsError("export takes CHECKPOINT OUT, or --from SOURCE OUT")
    refuse_model(paths[-1], overwrite, "OUT")
    if source is None:
        _export_style(paths[0], paths[1], content, licence, Report(quiet))
    else:
        _export_method(source, tuple(places or ()), paths[0], content, licence, Report(quiet))


def _export_style(checkpoint: Path, out: Path, content: Path, licence: str, report: Report) -> None:
    import torch

    from ..export.colours import match_colours
    from ..export.training import export_training
    from ..models.data import list_photos
    from ..models.training.state import LossValues, load_checkpoint

    training = load_checkpoint(checkpoint, torch.device("cpu"))
    measured = checkpoint.with_name("figures.json")
    figures = LossValues(**json.loads(measured.read_text())) if measured.is_file() else None
    photos, last = list_photos(content), training.recipe.validation_photos
    match_colours(training, photos[:-last] or photos)
    export_training(training, out, figures, photos[-last:], licence, report)


def _export_method(
    source: Path, places: tuple[str, ...], out: Path, content: Path, licence: str, report: Report
) -> None:
    from ..export.checkpoints import open_universal
    from ..export.parity import parity_frames
    from ..export.styleswap import export_styleswap
    from ..export.universal import export_universal
    from ..models.data import list_photos
    from ..models.universal.styleswap import StyleSwap
    from ..pipeline.nets.contract import ModelCard

    name, _, kind = out.name.partition(".prepare.onnx")
    if kind or not out.name.endswith(".prepare.onnx"):
        raise SinkError(f"{out}: a method's file ends in .prepare.onnx, as {name}.prepare.onnx")
    net, method = open_universal(source, places)
    frames = parity_frames(list_photos(content)[-20:])
    card = ModelCard(name=name, kind=method, licence=licence)
    proved = card, out, frames[:-1], frames[-1]
    if isinstance(net, StyleSwap):
        parity = export_styleswap(net, *proved)
    else:
        parity = export_universal(net, *proved)
    apply = out.with_name(f"{name}.apply.onnx")
    report.say(
        f"wrote {out} ({out.stat().st_size / 1e6:.2f} MB) and {apply.name} "
        f"({apply.stat().st_size / 1e6:.2f} MB), off PyTorch by {parity.mean:.4f}/255 on average, "
        f"{parity.largest} at worst, at {', '.join(parity.sizes)}"
    )

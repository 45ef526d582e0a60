"""``stylize-video train-decoders``: what the universal styles need, learned once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..models.recipe import CHECKPOINT_EVERY, DecoderRecipe
from ..pipeline.core.config import checked
from ..pipeline.core.errors import TrainingError
from .options import Quiet, TorchDevice, Vgg, Workers, with_options
from .progress import Report
from .stopping import signals_as_ctrl_c
from .torch_backend import need_torch

if TYPE_CHECKING:
    import torch

    from ..models.nets.vgg19 import VGG19
    from ..models.training.decoders import Autoencoder, Learning


@with_options(DecoderRecipe)
@signals_as_ctrl_c()
def train_decoders(
    out: Annotated[Path, typer.Argument(help="Folder for the checkpoints, one per level.")],
    content: Annotated[
        Path, typer.Option(help="Folder of a few thousand photographs to learn from.")
    ],
    typed: dict[str, Any],
    stages: Annotated[
        Path | None,
        typer.Option(help="Begin with the stages of another method of these poolings (stages.pt)."),
    ] = None,
    device: TorchDevice = "auto",
    vgg: Vgg = None,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Train the networks behind --style picture.jpg. Run it again to continue.

    They learn to turn the features of VGG-19 back into pictures.
    """
    need_torch("train-decoders")
    from ..models.data import split_photos
    from ..models.device import torch_device
    from ..models.nets.vgg19 import open_vgg19
    from ..models.training import decoders as room

    recipe = checked(DecoderRecipe, typed, "train-decoders")
    learned, validation = split_photos(content, recipe.validation_photos)
    where, report = torch_device(device), Report(quiet)
    describer = open_vgg19(vgg)
    out.mkdir(exist_ok=True)
    levels, figures = room.levels(recipe), dict[str, float]()
    known = None if stages is None else room.load_learning(stages, where).net
    todo = [("stages", max(levels))] if known is None else []
    for name, level in [*todo, *((f"level{x}", x) for x in levels)]:
        learning = _begun(out / f"{name}.pt", recipe, level, describer, where, known)
        report.say(
            f"{recipe.method}, {recipe.width}, {name}: {learning.steps} steps of "
            f"{recipe.batch} crops on {where}, {len(learned)} photographs"
        )
        _learn(learning, describer, learned, out / f"{name}.pt", workers, report)
        figures[name] = room.reconstruction(learning.net, validation)
        report.say(f"{name}: {figures[name]:.2f} dB on {len(validation)} validation photographs")
        if known is None:
            known = learning.net
        else:
            room.take_over(known, learning.net)
    (out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")


def _begun(
    checkpoint: Path,
    recipe: DecoderRecipe,
    level: int,
    describer: VGG19,
    where: torch.device,
    known: Autoencoder | None,
) -> Learning:
    from ..models.training.decoders import begin, load_learning

    if not checkpoint.exists():
        return begin(recipe, level, describer, where, known)
    learning = load_learning(checkpoint, where)
    if learning.recipe != recipe:
        raise TrainingError(
            f"{checkpoint} was made by another recipe; train with that, or into another folder"
        )
    return learning


def _learn(
    learning: Learning,
    describer: VGG19,
    photos: list[Path],
    checkpoint: Path,
    workers: int,
    report: Report,
) -> None:
    from ..models.training.decoders import learn, save_learning

    total = learning.steps
    with report.progress("training", total, "steps", learning.step) as bar:
        try:
            for pixel, feature in learn(learning, describer, photos, workers):
                bar.advance(f"pixel {pixel:.4f} feature {feature:.3f}")
                if learning.step % CHECKPOINT_EVERY == 0 or learning.step == total:
                    save_learning(learning, checkpoint)
        except KeyboardInterrupt:
            save_learning(learning, checkpoint)
            report.say(f"stopped at step {learning.step}; the same command resumes")
            raise

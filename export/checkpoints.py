"""Universal styles to export: decoders of our own training, and other projects' checkpoints."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import torch

from ..models.training.decoders import Learning, levels, load_learning
from ..models.universal.base import EVERYWHERE, Universal
from ..models.universal.styleswap import StyleSwap
from ..models.universal.wct import WCT, PhotoWCT
from ..models.universal.wct2 import WCT2
from ..pipeline.core.errors import ModelError
from .third_party import compressed_wct, photowct, wct2


def open_universal(path: Path, places: Collection[str] = ()) -> tuple[Universal | StyleSwap, str]:
    """A method, and which one it is.

    Args:
        path: a folder that ``train-decoders`` wrote; one with ``encoder1.pth`` … ``decoder5.pth``
            (Collaborative-Distillation); clovaai's ``wave_encoder_cat5_l4.pth``, its decoder beside
            it; or NVIDIA's ``photo_wct.pth``.
        places: layers whose features are transformed, or the beginnings of their names; empty: all.

    Raises:
        ModelError: it is none of these, or has no such layer.
        TrainingError: a checkpoint can't be read.
    """
    net, method = _opened(path, places or EVERYWHERE)
    if isinstance(net, Universal) and not net.layers:
        whole, _ = _opened(path, EVERYWHERE)
        assert isinstance(whole, Universal)
        raise ModelError(f"--places {' '.join(places)}: {method} has {' '.join(whole.layers)}")
    return net, method


def _opened(path: Path, places: Collection[str]) -> tuple[Universal | StyleSwap, str]:
    if (path / "encoder1.pth").exists():
        return compressed_wct(path, places), "wct"
    if path.is_dir():
        return trained(path, places)
    if "wave_encoder" in path.name:
        decoder = path.with_name(path.name.replace("encoder", "decoder"))
        return wct2(path, decoder, places), "wct2"
    if path.suffix == ".pth":
        return photowct(path, places), "photowct"
    raise ModelError(
        f"--from {path}: give a folder of train-decoders, a folder with encoder1.pth, "
        "wave_encoder_cat5_l4.pth or photo_wct.pth"
    )


def trained(
    folder: Path, places: Collection[str] = EVERYWHERE
) -> tuple[Universal | StyleSwap, str]:
    """What ``train-decoders`` wrote, and its method.

    Raises:
        ModelError: a level is missing.
        TrainingError: a checkpoint can't be read.
    """
    files = sorted(folder.glob("level*.pt"))
    if not files:
        raise ModelError(f"--from {folder} holds no level1.pt …; train it (train-decoders)")
    learned = {
        item.level: item for item in (load_learning(file, torch.device("cpu")) for file in files)
    }
    recipe = next(iter(learned.values())).recipe
    missing = set(levels(recipe)) - set(learned)
    if missing:
        raise ModelError(f"--from {folder}: level {min(missing)} is missing; finish its training")
    return _assembled(learned, places).eval().requires_grad_(False), recipe.method


def _assembled(learned: dict[int, Learning], places: Collection[str]) -> Universal | StyleSwap:
    deepest = learned[max(learned)]
    pair = deepest.net.encoder, deepest.net.decoder
    recipe = deepest.recipe
    if recipe.method == "wct2":
        return WCT2(*pair, places)
    if recipe.method == "styleswap":
        return StyleSwap(*pair)
    kind = PhotoWCT if recipe.method == "photowct" else WCT
    pairs = {level: (item.net.encoder, item.net.decoder) for level, item in learned.items()}
    return kind(pairs, places)

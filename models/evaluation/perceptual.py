"""How different two pictures look: the distance of their VGG-19 features.

Made as LPIPS is (Zhang, Isola, Efros, Shechtman, Wang 2018, *The Unreasonable Effectiveness of Deep
Features as a Perceptual Metric*, equation 1), with VGG-19 in place of VGG-16 and without its
learned weights of the channels, w = 1. So its figures are not LPIPS figures: compare them with each
other only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

from ..data import to_tensor
from ..nets.vgg19 import VGG19

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
"""Where pictures are compared: the first layer of each block."""


def weights_at_hand(weights: Path | None) -> bool:
    """Whether ``VGG19(weights)`` would load without a download."""
    if weights is not None:
        return weights.is_file()
    return any((Path(torch.hub.get_dir()) / "checkpoints").glob("vgg19-*.pth"))


def feature_distance(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> Tensor:
    """Σ_l 1/(H_l W_l) Σ_hw ‖ŷ_hw − ŷ0_hw‖², ŷ of unit length over the channels: Zhang 2018, eq. 1.

    Args:
        ours: layer → features (N, C_l, H_l, W_l).
        theirs: likewise.

    Returns:
        (N,); 0 is equal, and each layer gives at most 2, since no feature is negative.
    """
    parts = [
        (F.normalize(features, dim=1) - F.normalize(theirs[layer], dim=1))
        .square()
        .sum(dim=1)
        .mean(dim=(1, 2))
        for layer, features in ours.items()
    ]
    return torch.stack(parts).sum(dim=0)


class VggDistance:
    """The distance of two pictures (H, W, 3), uint8, RGB, of one size, at least 16 px.

    Neither is resized: a distance at another size is another distance. At 720p a picture takes some
    seconds on a CPU, so that of a clip a few frames are compared. The features of the last first
    picture are kept: one picture is often compared with several.

    Args:
        vgg: the fixed describer.
    """

    def __init__(self, vgg: VGG19) -> None:
        self._vgg = vgg
        self._device = vgg.mean.device
        self._first: NDArray[np.uint8] | None = None
        self._features: dict[str, Tensor] = {}

    @torch.inference_mode()
    def __call__(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
        """See ``feature_distance``."""
        if first is not self._first:
            self._first, self._features = first, self._described(first)
        return float(feature_distance(self._described(second), self._features))

    def _described(self, rgb: NDArray[np.uint8]) -> dict[str, Tensor]:
        return self._vgg(to_tensor(rgb).to(self._device), LAYERS)

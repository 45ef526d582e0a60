"""Whether flat parts of a picture are painted, and whether its content is still there, by VGG-19.

The contrast of a window is the variance of relu2_1 within it, summed over the channels. Flat areas
are where the source has the least contrast: they are what thin nets leave bare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data import to_tensor
from ..nets.vgg19 import VGG19

WINDOW = 96
"""Side of the windows whose contrast is measured, px."""

_TEXTURE, _CONTENT = "relu2_1", "relu4_2"
_CELLS = WINDOW // 2  # relu2_1 has half the picture's size
_FLAT = 0.3  # the fraction of the source's windows that are its flat ones
_BARE = 0.15  # of the painting's median contrast


@dataclass(frozen=True)
class Description:
    """What VGG-19 sees in a picture."""

    contrast: NDArray[np.float32]
    """(H // 96, W // 96) float32, ≥ 0: the contrast of each window."""
    content: Tensor
    """(512, H / 8, W / 8) float32, ≥ 0: relu4_2."""

    def flat_windows(self) -> NDArray[np.bool_]:
        """Find the third of the windows with the least contrast: (H // 96, W // 96) bool."""
        return self.contrast <= np.quantile(self.contrast, _FLAT)


@torch.inference_mode()
def describe(vgg: VGG19, rgb: NDArray[np.uint8]) -> Description:
    """Compute what VGG-19 sees in a picture.

    Args:
        vgg: VGG-19.
        rgb: (H, W, 3) uint8, 0–255, RGB, at least ``WINDOW`` px a side.

    Raises:
        ValueError: the picture is smaller than a window.
    """
    if min(rgb.shape[:2]) < WINDOW:
        height, width = rgb.shape[:2]
        raise ValueError(f"a picture of {width}x{height} has no window of {WINDOW} px")
    seen = vgg(to_tensor(rgb).to(vgg.mean.device), (_TEXTURE, _CONTENT))
    return Description(_contrast(seen[_TEXTURE][0].float()), seen[_CONTENT][0].float())


def _contrast(features: Tensor) -> NDArray[np.float32]:
    """(C, h, w) → (h // 48, w // 48)."""
    channels, height, width = features.shape
    rows, columns = height // _CELLS, width // _CELLS
    whole = features[:, : rows * _CELLS, : columns * _CELLS]
    windows = whole.reshape(channels, rows, _CELLS, columns, _CELLS)
    return windows.var(dim=(2, 4), correction=0).sum(dim=0).cpu().numpy()


def bare(source: Description, result: Description, painting: Description) -> float:
    """Compute the fraction of the source's flat windows that are left without paint; 0..1."""
    flat = result.contrast[source.flat_windows()]
    return float((flat < _BARE * np.median(painting.contrast)).mean())


def paint(source: Description, result: Description, painting: Description) -> float:
    """Compute the contrast in the source's flat windows over the painting's, medians; ≥ 0."""
    flat = result.contrast[source.flat_windows()]
    return float(np.median(flat) / np.median(painting.contrast))


def content_error(source: Description, result: Description) -> float:
    """Compute the squared error of relu4_2, over the source's squared features; ≥ 0, 0 is equal."""
    error = (result.content - source.content).square().mean()
    return float(error / source.content.square().mean())

"""The canvas of a net: noise of several scales beside the picture, with which it paints flat areas.

Channel k has features of 2^k cells; a cell is 4 × 4 pixels. Its scale is the frame's own: −1..1 is
three standard deviations to either side, as bytes 0–255 are.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

CELL = 4
"""Pixels along the side of a cell."""
_SPREAD = 3.0
"""Standard deviations that are 1."""
# Standard deviations that remain of unit noise: of a mean of 2 × 2, and of a bicubic enlargement.
_OF_MEAN, _OF_BICUBIC = 0.5 / 0.9, 0.68


def noise_canvas(n: int, channels: int, height: int, width: int, random: torch.Generator) -> Tensor:
    """Fresh noise: (n, channels, height, width) float32, −1..1; height and width in cells."""
    layers: list[Tensor] = []
    for k in range(channels):
        size = 2**k
        coarse = torch.randn(n, 1, height // size + 4, width // size + 4, generator=random)
        if k == 0:
            layer = F.avg_pool2d(coarse, 2, 1) / _OF_MEAN
        else:
            layer = F.interpolate(coarse, scale_factor=size, mode="bicubic") / _OF_BICUBIC
        layers.append(layer[:, :, size : size + height, size : size + width])
    return (torch.cat(layers, dim=1) / _SPREAD).clamp(-1, 1)


def canvas_bytes(canvas: Tensor) -> NDArray[np.uint8]:
    """One canvas (1, C, rows, columns) float32, −1..1 → (1, rows, columns, C) uint8, 128 is 0."""
    steps = (canvas * 127.5 + 128).round().clamp(0, 255).to(torch.uint8)
    return steps.permute(0, 2, 3, 1).contiguous().numpy()


def canvas_tensor(noise: NDArray[np.uint8]) -> Tensor:
    """The inverse of ``canvas_bytes``: (1, rows, columns, C) uint8 → (1, C, rows, columns)."""
    return (torch.from_numpy(noise).permute(0, 3, 1, 2).float() - 128) / 127.5

"""The canvas of a net: what it paints flat areas with, beside the picture.

Channel 0 is fine noise. The others are facets: polygons of one value each, 4, 8 and 16 cells wide;
a cell is 4 × 4 pixels. From facets a net makes planes, dabs and strokes with edges; from soft noise
it makes clouds. The scale is the frame's own: −1..1 is three standard deviations to either side, as
bytes 0–255 are.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

CELL = 4
"""Pixels along the side of a cell."""
_SPREAD = 3.0
"""Standard deviations that are 1."""
_OF_MEAN = 0.5 / 0.9  # standard deviation that remains of unit noise in a mean of 2 × 2
_FACETS = (4, 8, 16)  # their widths, cells
_WIDEST = 3**0.5  # uniform values of −√3..√3 have unit variance


def noise_canvas(n: int, channels: int, height: int, width: int, random: torch.Generator) -> Tensor:
    """A fresh canvas: (n, channels, height, width) float32, −1..1; height and width in cells."""
    noise = torch.randn(n, 1, height + 1, width + 1, generator=random)
    fine = F.avg_pool2d(noise, 2, 1) / _OF_MEAN
    seed = int(torch.randint(2**31, (1,), generator=random))
    rng = np.random.default_rng(seed)
    each = [[facets(height, width, size, rng) for size in _FACETS] for _ in range(n)]
    layers = torch.cat([fine, torch.from_numpy(np.array(each))], dim=1)
    return (layers[:, :channels] / _SPREAD).clamp(-1, 1)


def facets(height: int, width: int, size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Polygons of one value each, of unit variance: Voronoi's diagram of points at random.

    Args:
        height: in cells.
        width: in cells.
        size: of a polygon, on average, cells.
        rng: chooses points and values.

    Returns:
        (height, width) float32; edges are smooth.
    """
    step = 2 * size
    sides = (2 * height + 4 * step, 2 * width + 4 * step)
    count = sides[0] * sides[1] // step**2
    centres = np.ones(sides, np.uint8)
    centres[rng.integers(sides[0], size=count), rng.integers(sides[1], size=count)] = 0
    _, labels = cv2.distanceTransformWithLabels(
        centres, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    values = rng.uniform(-_WIDEST, _WIDEST, labels.max() + 1).astype(np.float32)
    rows, columns = (slice(2 * step, 2 * step + 2 * side) for side in (height, width))
    found = values[labels[rows, columns]]
    return np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_AREA))


def canvas_bytes(canvas: Tensor) -> NDArray[np.uint8]:
    """One canvas (1, C, rows, columns) float32, −1..1 → (1, rows, columns, C) uint8, 128 is 0."""
    steps = (canvas * 127.5 + 128).round().clamp(0, 255).to(torch.uint8)
    return steps.permute(0, 2, 3, 1).contiguous().numpy()


def canvas_tensor(noise: NDArray[np.uint8]) -> Tensor:
    """The inverse of ``canvas_bytes``: (1, rows, columns, C) uint8 → (1, C, rows, columns)."""
    return (torch.from_numpy(noise).permute(0, 3, 1, 2).float() - 128) / 127.5

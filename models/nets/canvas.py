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

CELL = 4
"""Pixels along the side of a cell."""
_SPREAD = 3.0
"""Standard deviations that are 1."""
_FACETS = {4: 1.275, 8: 1.13, 16: 1.08}
"""Their widths, cells, and what makes up for the variance that blurred edges cost."""
_WIDEST = 3**0.5  # uniform values of −√3..√3 have unit variance
# Standard deviations of blurs, cells: sharper, and the picture shimmers when the canvas moves.
_SOFT_NOISE, _SOFT_EDGES = 0.71, 0.75
_FINE = 0.9 / 0.40  # noise of this deviation has 0.9 when it is blurred


def noise_canvas(n: int, channels: int, height: int, width: int, random: torch.Generator) -> Tensor:
    """A fresh canvas: (n, channels, height, width) float32, −1..1; height and width in cells."""
    seed = int(torch.randint(2**31, (1,), generator=random))
    rng = np.random.default_rng(seed)
    each = [
        [fine_noise(height, width, rng), *(facets(height, width, size, rng) for size in _FACETS)]
        for _ in range(n)
    ]
    return (torch.from_numpy(np.array(each))[:, :channels] / _SPREAD).clamp(-1, 1)


def fine_noise(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Gaussian noise of a standard deviation of 0.9: (height, width) float32, in cells."""
    noise = rng.standard_normal((height, width), np.float32)
    return _FINE * np.asarray(cv2.GaussianBlur(noise, (0, 0), _SOFT_NOISE), np.float32)


def facets(height: int, width: int, size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Polygons of one value each, of unit variance: Voronoi's diagram of points at random.

    Args:
        height: in cells.
        width: in cells.
        size: of a polygon, on average, cells; one of 4, 8, 16.
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
    found = cv2.GaussianBlur(values[labels[rows, columns]], (0, 0), 2 * _SOFT_EDGES)
    whole = cv2.resize(found, (width, height), interpolation=cv2.INTER_AREA)
    return _FACETS[size] * np.asarray(whole, np.float32)


def canvas_bytes(canvas: Tensor) -> NDArray[np.uint8]:
    """One canvas (1, C, rows, columns) float32, −1..1 → (1, rows, columns, C) uint8, 128 is 0."""
    steps = (canvas * 127.5 + 128).round().clamp(0, 255).to(torch.uint8)
    return steps.permute(0, 2, 3, 1).contiguous().numpy()


def canvas_tensor(noise: NDArray[np.uint8]) -> Tensor:
    """The inverse of ``canvas_bytes``: (1, rows, columns, C) uint8 → (1, C, rows, columns)."""
    return (torch.from_numpy(noise).permute(0, 3, 1, 2).float() - 128) / 127.5

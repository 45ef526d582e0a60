"""Haar pooling and unpooling: nothing is lost between the two (Yoo et al. 2019, section 3.1).

The four kernels are {LLᵀ, LHᵀ, HLᵀ, HHᵀ} with L = [1 1]/√2 and H = [−1 1]/√2, at stride 2: an
orthonormal basis of every 2×2 cell, so the transpose is the inverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows


def haar_pool(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The Haar bands of features, by the paper's names: LH changes along x, HL along y.

    Args:
        x: (N, C, H, W) float32, any range; H and W are even.

    Returns:
        LL, LH, HL and HH, each (N, C, H/2, W/2) float32.
    """
    a, b = x[..., 0::2, 0::2], x[..., 0::2, 1::2]
    c, d = x[..., 1::2, 0::2], x[..., 1::2, 1::2]
    above, below = (a + b) / 2, (c + d) / 2
    left, right = (b - a) / 2, (d - c) / 2
    return above + below, left + right, below - above, right - left


def haar_unpool(ll: Tensor, lh: Tensor, hl: Tensor, hh: Tensor) -> Tensor:
    """The features that have these bands.

    Args:
        ll: (N, C, h, w) float32, any range.
        lh: the band that changes along x, of the same shape.
        hl: the band that changes along y, of the same shape.
        hh: the band that changes along both, of the same shape.

    Returns:
        (N, C, 2h, 2w) float32.
    """
    cell = (ll - lh - hl + hh, ll + lh - hl - hh, ll - lh + hl - hh, ll + lh + hl + hh)
    return F.pixel_shuffle(torch.stack(cell, dim=2).flatten(1, 2) / 2, 2)


_LOW = ([[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]])
_HIGH = ([[1, 0, 0], [0, -1, 1]], [[-1, 1, 0], [0, 0, -1]])
_BY_PLACE = (_LOW, _HIGH)
"""Which of two neighbouring cells the three taps of a row read, from a cell's first and second
place; for a band that is equal in the whole cell, and for one that changes sign in it."""


def convolve_bands(bands: Sequence[Tensor], weight: Tensor) -> Tensor:
    """3×3 convolution of the parts of a picture that LL, LH, HL and HH are, side by side.

    As if each were spread to full size, the four put together and padded by reflection: 36 products
    a pixel and channel. But a cell's four places see no more than 2×2 cells: 16, at half size.

    Args:
        bands: LL, LH, HL and HH, each (N, C, h, w) float32.
        weight: (D, 4·C, 3, 3) float32.

    Returns:
        (N, D, 2h, 2w) float32.
    """
    x = F.pad(torch.cat(list(bands), dim=1), (1, 1, 1, 1), mode="replicate")
    height, width = (side - 1 for side in x.shape[2:])
    kernels = weight.unflatten(1, (4, -1))
    low, high = (torch.tensor(rows, dtype=weight.dtype, device=weight.device) for rows in _BY_PLACE)
    down, across = torch.stack([low, low, high, high]), torch.stack([low, high, low, high])
    places: list[Tensor] = []
    for p, q in product((0, 1), repeat=2):
        kernel = torch.einsum("tau,otcuv,tbv->otcab", down[:, p], kernels, across[:, q]) / 2
        seen = x[..., p : p + height, q : q + width]
        places.append(F.conv2d(seen, kernel.flatten(1, 2)))
    return F.pixel_shuffle(torch.stack(places, dim=2).flatten(1, 2), 2)


def even(x: Tensor, multiple: int, least: int = 2) -> Tensor:
    """Pictures padded at the bottom and the right by their last row and column, to a multiple.

    Rows and columns are picked by index, which an exported graph of any size can do too.

    Args:
        x: (N, C, H, W), any type, any range.
        multiple: of both padded sides.
        least: the padded sides are at least ``least`` times ``multiple``.

    Returns:
        (N, C, H', W'), of the same type and range.
    """
    for axis in (2, 3):
        size = x.shape[axis]
        total = torch.sym_max((size + multiple - 1) // multiple, least) * multiple
        picked = torch.arange(total, device=x.device).clamp(max=size - 1)
        x = x.index_select(axis, picked)
    return x

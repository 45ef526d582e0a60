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
    """(N, C, H, W) → LL, LH, HL, HH, each (N, C, H/2, W/2). H and W are even.

    In the names of the paper: LH changes along the rows' direction x, HL along y.
    """
    a, b = x[..., 0::2, 0::2], x[..., 0::2, 1::2]
    c, d = x[..., 1::2, 0::2], x[..., 1::2, 1::2]
    above, below = (a + b) / 2, (c + d) / 2
    left, right = (b - a) / 2, (d - c) / 2
    return above + below, left + right, below - above, right - left


def haar_unpool(ll: Tensor, lh: Tensor, hl: Tensor, hh: Tensor) -> Tensor:
    """The picture (N, C, 2h, 2w) that has these bands."""
    cell = (ll - lh - hl + hh, ll + lh - hl - hh, ll - lh + hl - hh, ll + lh + hl + hh)
    return F.pixel_shuffle(torch.stack(cell, dim=2).flatten(1, 2) / 2, 2)


_LOW = ([[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]])
_HIGH = ([[1, 0, 0], [0, -1, 1]], [[-1, 1, 0], [0, 0, -1]])
_BY_PLACE = (_LOW, _HIGH)
"""What the three taps of a row see of two neighbouring cells, from a cell's first and second place;
of a band that is alike in the cell, and of one that changes sign."""


def convolve_bands(bands: Sequence[Tensor], weight: Tensor) -> Tensor:
    """3×3 convolution of the parts of a picture that LL, LH, HL and HH are, side by side.

    As if each were spread to full size, the four put together and padded by reflection: 36 products
    a pixel and channel. But a cell's four places see no more than 2×2 cells: 16, at half size.

    Args:
        bands: each (N, C, h, w).
        weight: (D, 4·C, 3, 3).

    Returns:
        (N, D, 2h, 2w).
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
    """Padded below and at the right by the last row and column, to a multiple; to ``least`` of it.

    By picking, which an exported graph of any size can do too.
    """
    for axis in (2, 3):
        size = x.shape[axis]
        total = torch.sym_max((size + multiple - 1) // multiple, least) * multiple
        picked = torch.arange(total, device=x.device).clamp(max=size - 1)
        x = x.index_select(axis, picked)
    return x

"""Haar pooling and unpooling: nothing is lost between the two (Yoo et al. 2019, section 3.1).

The four kernels are {LLᵀ, LHᵀ, HLᵀ, HHᵀ} with L = [1 1]/√2 and H = [−1 1]/√2, at stride 2: an
orthonormal basis of every 2×2 cell, so the transpose is the inverse.
"""

from __future__ import annotations

import torch
from torch import Tensor


def haar_pool(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(N, C, H, W) → LL, LH, HL, HH, each (N, C, H/2, W/2). H and W are even.

    In the names of the paper: LH changes along the rows' direction x, HL along y.
    """
    a, b = x[..., 0::2, 0::2], x[..., 0::2, 1::2]
    c, d = x[..., 1::2, 0::2], x[..., 1::2, 1::2]
    above, below = (a + b) / 2, (c + d) / 2
    left, right = (b - a) / 2, (d - c) / 2
    return above + below, left + right, below - above, right - left


def haar_unpool(ll: Tensor, lh: Tensor, hl: Tensor, hh: Tensor) -> tuple[Tensor, ...]:
    """The parts of the picture that each band is, (N, C, 2h, 2w); their sum is the picture."""
    return (
        _spread(ll, (1, 1, 1, 1)),
        _spread(lh, (-1, 1, -1, 1)),
        _spread(hl, (-1, -1, 1, 1)),
        _spread(hh, (1, -1, -1, 1)),
    )


def _spread(band: Tensor, signs: tuple[int, int, int, int]) -> Tensor:
    """Each value to the four places of its cell, times a sign, halved."""
    n, c, h, w = band.shape
    cell = band.new_tensor(signs).reshape(1, 1, 1, 2, 1, 2) / 2
    return (band.reshape(n, c, h, 1, w, 1) * cell).reshape(n, c, 2 * h, 2 * w)


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

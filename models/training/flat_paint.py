"""How the flat parts of a photograph are painted: as the painting itself, in its full distribution.

Covariances are pleased by soft clouds: they have the energy of strokes, without their edges. A wall
in the photograph says nothing about how it is painted, so there the features' deviations from the
mean of their window must be distributed as the painting's. Distributions are compared by sliced
Wasserstein distances (Heitz 2021): sorted projections on random directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

_FLATTEST = 0.3
"""Share of the windows of a batch that count as flat."""
_SAMPLES = 1024
"""Places that are compared at each layer."""
_DIRECTIONS = 32
_LEAST = 0.4
"""Least contrast of the paint on a wall, as a share of the painting's."""


_FLAT_THIRD = 1 / 3
"""Share of the painting's windows with which flat windows are compared: its own flattest."""


@dataclass(frozen=True)
class Windows:
    """Flat windows of a batch: which, and how many there are along a side."""

    chosen: Tensor
    """(M,) int64: numbers of windows, counted over pictures, rows and columns."""
    along: int


def flattest(content: Tensor, along: int) -> Windows:
    """The windows in which pictures change least.

    Args:
        content: (N, 3, H, W) float32, 0..1, RGB.
        along: windows along a side.
    """
    grey = content.mean(1, keepdim=True)
    side = (content.shape[2] // along, content.shape[3] // along)
    variance = F.avg_pool2d(grey.square(), side) - F.avg_pool2d(grey, side).square()
    order = variance.flatten().argsort()
    return Windows(order[: max(1, round(_FLATTEST * len(order)))], along)


def deviations(features: Tensor, windows: Windows) -> Tensor:
    """Deviations of features from their window's mean, in chosen windows.

    Args:
        features: (N, C, H, W), any float type.
        windows: of the pictures.

    Returns:
        (M, P, C) float32: of M windows of P places.
    """
    n, c, h, w = features.shape
    k = windows.along
    cut = features[:, :, : h // k * k, : w // k * k].permute(0, 2, 3, 1)
    cells = cut.reshape(n, k, h // k, k, w // k, c).transpose(2, 3).reshape(n * k * k, -1, c)
    chosen = cells[windows.chosen].float()
    return chosen - chosen.mean(1, keepdim=True)


def some(deviation: Tensor, random: torch.Generator) -> Tensor:
    """Random places of all windows: (M, P, C) → (``_SAMPLES``, C)."""
    every = deviation.flatten(0, 1)
    return every[torch.randint(len(every), (_SAMPLES,), generator=random).to(every.device)]


def sliced_distance(found: Tensor, wanted: Tensor, random: torch.Generator) -> Tensor:
    """Sliced Wasserstein-2 distance of two sets of points, over the variance of the second.

    Only the shape counts: the second set is scaled to fit the first, down to ``_LEAST``.

    Args:
        found: (M, C) float32.
        wanted: (M, C) float32.
        random: chooses the directions.
    """
    directions = torch.randn(found.shape[1], _DIRECTIONS, generator=random).to(found.device)
    directions = directions / directions.norm(dim=0)
    a, b = ((x @ directions).sort(dim=0)[0] for x in (found, wanted))
    g = ((a * b).mean() / b.square().mean()).detach().clamp(_LEAST, 1)
    return (a - g * b).square().mean() / (g * b).square().mean()


def contrast(deviation: Tensor) -> Tensor:
    """Standard deviation of the features in each window: (M, P, C) → (M,)."""
    return (deviation.square().mean((1, 2)) + 1e-8).sqrt()


def bareness(found: Tensor, wanted: Tensor) -> Tensor:
    """How much barer windows are than the flattest third of a painting's: 0..1.

    Sorted windows are compared one by one, so a few busy windows can't make up for bare ones.

    Args:
        found: the windows' ``contrast``, (M,).
        wanted: that of all windows of the painting, (W,).
    """
    flat = wanted.sort()[0][: max(1, round(_FLAT_THIRD * len(wanted)))]
    places = torch.linspace(0, len(flat) - 1, len(found), device=flat.device).round().long()
    return (1 - found.sort()[0] / flat[places]).clamp_min(0).square().mean()

"""How far the colours of paintings are from one painting's, in their full distribution.

Covariances of features are content with a dull picture: a few bright accents hardly count. Sorted
projections of the colours (sliced Wasserstein: Heitz 2021) ask for them, over the whole batch: the
content decides where they go.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

_OPPONENT = ((1 / 3, 1 / 3, 1 / 3), (1.0, -1.0, 0.0), (0.5, 0.5, -1.0))
"""Lightness, red against green, yellow against blue, as the eye weighs them."""
_CELL = 4  # px: what is smaller than a stroke has no colour of its own
_SAMPLES = 4096  # cells that are compared; more cost time and change nothing
_DIRECTIONS = 16
_QUANTILES = 1024


def opponent_colours(rgb: Tensor) -> Tensor:
    """Colours of cells of 4 × 4 px: (N, 3, H, W) float32, 0..1, RGB → (M, 3) float32."""
    cells = F.avg_pool2d(rgb, _CELL).permute(0, 2, 3, 1).reshape(-1, 3)
    return cells @ torch.tensor(_OPPONENT, device=rgb.device).T


def colour_distance(found: Tensor, wanted: Tensor, random: torch.Generator) -> Tensor:
    """The squared sliced Wasserstein-2 distance of two sets of colours, over the second's variance.

    Args:
        found: (M, 3) float32; see ``opponent_colours``.
        wanted: (K, 3) float32.
        random: chooses the directions.
    """
    directions = torch.randn(3, _DIRECTIONS, generator=random).to(found.device)
    directions = directions / directions.norm(dim=0)
    a, b = (_quantiles(_some(x, random) @ directions) for x in (found, wanted))
    return (a - b).square().mean() / ((wanted - wanted.mean(0)) @ directions).square().mean()


def _some(colours: Tensor, random: torch.Generator) -> Tensor:
    """At most ``_SAMPLES`` of the colours, at random: (M, 3) → (m, 3)."""
    if len(colours) <= _SAMPLES:
        return colours
    return colours[torch.randint(len(colours), (_SAMPLES,), generator=random).to(colours.device)]


def _quantiles(values: Tensor) -> Tensor:
    """(M, directions) → (``_QUANTILES``, directions), each column sorted."""
    places = (torch.arange(_QUANTILES, device=values.device) + 0.5) * (len(values) / _QUANTILES)
    return values.sort(dim=0)[0][places.long()]

"""Style-Swap: every patch of the content's features becomes the nearest patch of the style's.

Chen & Schmidt 2016, *Fast Patch-based Style Transfer of Arbitrary Style*.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

from ..nets.autoencoder import Decoder, Encoder
from ..nets.wavelet import even

LEVEL = 3
"""relu3_1 is where patches are swapped."""

_TILE = 1 << 24  # correlations in memory at once

Nearest = Callable[[Tensor, Tensor], Tensor]
"""(content, patches) → the number of the nearest patch at every place.

Features (1, C, H, W) float32 and patches (P, C, k, k) float32 → (1, 1, h, w) int64, 0 … P − 1.
"""


def patches(features: Tensor, size: int = 3, stride: int = 1) -> Tensor:
    """All patches that lie inside the features.

    Args:
        features: (1, C, H, W) float32.
        size: of a patch.
        stride: between patches.

    Returns:
        (P, C, size, size) float32, row by row.
    """
    rows, columns = (features.shape[axis] - size + 1 for axis in (2, 3))
    parts = [
        features[0, :, i : i + rows : stride, j : j + columns : stride].flatten(1)
        for i, j in product(range(size), repeat=2)
    ]
    return torch.stack(parts).permute(2, 1, 0).unflatten(2, (size, size))


def normalised(kernels: Tensor) -> Tensor:
    """Patches scaled to length 1: (P, C, k, k) float32 → the same shape."""
    return kernels / kernels.flatten(1).norm(dim=1).clamp(min=1e-8)[:, None, None, None]


def nearest_patches(content: Tensor, kernels: Tensor, padding: int = 0) -> Tensor:
    """Which of the patches K correlates best with the content's, at every place: equation 3.

    argmax_j ⟨φ_i(C), φ_j(S)⟩ / (‖φ_i(C)‖ ‖φ_j(S)‖); the content's norm moves no maximum.

    Args:
        content: (1, C, H, W) float32.
        kernels: (P, C, k, k) float32.
        padding: zeros around the content.

    Returns:
        (1, 1, h, w) int64, 0 … P − 1.
    """
    unit = normalised(kernels)
    best = content.new_full((), -torch.inf)
    chosen = torch.zeros((), dtype=torch.int64, device=content.device)
    at_once = max(1, _TILE // max(1, content.shape[2] * content.shape[3]))
    for first in range(0, len(unit), at_once):
        best_here, place = F.conv2d(content, unit[first : first + at_once], padding=padding).max(
            1, True
        )
        chosen = torch.where(best_here > best, place + first, chosen)
        best = torch.maximum(best, best_here)
    return chosen


def nearest_at_once(content: Tensor, kernels: Tensor) -> Tensor:
    """``nearest_patches`` in one step, as a graph of any size needs it: P·h·w correlations.

    Args:
        content: (1, C, H, W) float32.
        kernels: (P, C, k, k) float32.

    Returns:
        (1, 1, h, w) int64, 0 … P − 1.
    """
    return F.conv2d(content, normalised(kernels)).argmax(1, keepdim=True)


def put_together(kernels: Tensor, chosen: Tensor) -> Tensor:
    """The chosen patches, each at its place; overlaps are averaged: equation 4's minimum.

    It is the transposed convolution of figure 2, by picking: one of the k² parts of all patches at
    a time.

    Args:
        kernels: (P, C, k, k) float32.
        chosen: (1, 1, h, w) int64, as ``nearest_patches`` returns it.

    Returns:
        (1, C, h + k − 1, w + k − 1) float32.
    """
    size = kernels.shape[2]
    parts = kernels.permute(2, 3, 0, 1)  # k, k, P, C: whole rows are picked
    places = chosen[0, 0]
    once = torch.ones_like(places, dtype=kernels.dtype)[..., None]
    laid, count = kernels.new_zeros(()), kernels.new_zeros(())
    for i, j in product(range(size), repeat=2):
        around = (0, 0, j, size - 1 - j, i, size - 1 - i)
        picked = parts[i, j].index_select(0, places.flatten()).unflatten(0, places.shape)
        laid = laid + F.pad(picked, around)
        count = count + F.pad(once, around)
    return (laid / count).permute(2, 0, 1)[None]


def swap(content: Tensor, style: Tensor, size: int = 3, stride: int = 1) -> Tensor:
    """The content's features put together from the style's patches; overlaps are averaged.

    Equations 3 and 4, and figure 2: a convolution with the normalised patches, an argmax over the
    channels, a transposed convolution with the patches, divided by how many fell on each place.

    Args:
        content: features (1, C, H, W) float32, H and W at least ``size``.
        style: features (1, C, h, w) float32, h and w at least ``size``.
        size: of a patch.
        stride: between the style's patches; the content's lie at every place.

    Returns:
        (1, C, H, W) float32.
    """
    kernels = patches(style, size, stride)
    return put_together(kernels, nearest_patches(content, kernels))


class StyleSwap(torch.nn.Module):
    """Figure 1: encoded to relu3_1, swapped, decoded by the inverse network (section 4.2).

    Args:
        encoder: to relu3_1.
        decoder: the inverse network.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.multiple = 2 ** (encoder.level - 1)

    def _features(self, rgb: Tensor) -> Tensor:
        """At least one patch each way, however small the picture."""
        return self.encoder(even(rgb, self.multiple, 3))[0]

    @torch.no_grad()
    def style_statistics(self, style: Tensor) -> Tensor:
        """The patches of a style picture.

        (1, 3, H, W) float32, 0..1, RGB → (P, C, 3, 3) float32.
        """
        return patches(self._features(style))

    @torch.no_grad()
    def paint(
        self,
        rgb: Tensor,
        kernels: Tensor,
        strength: Tensor | float = 1.0,
        nearest: Nearest = nearest_patches,
    ) -> Tensor:
        """A picture made of a style's patches.

        Args:
            rgb: (1, 3, H, W), 0..1, RGB.
            kernels: (P, C, 3, 3), the style's patches.
            strength: 0..1, a scalar: weight of the swapped features against the picture's own.
            nearest: finds the nearest patches.

        Returns:
            (1, 3, H, W), about 0..1, RGB; not clamped.
        """
        height, width = rgb.shape[2:]
        features = self._features(rgb)
        swapped = put_together(kernels, nearest(features, kernels))
        mixed = strength * swapped + (1 - strength) * features
        return self.decoder(mixed)[..., :height, :width]

    def stylize(self, content: Tensor, style: Tensor, strength: float = 1.0) -> Tensor:
        """One picture in the style of another.

        Args:
            content: (1, 3, H, W) float32, 0..1, RGB.
            style: (1, 3, h, w) float32, 0..1, RGB.
            strength: 0..1; 0 changes no feature.

        Returns:
            (1, 3, H, W) float32, 0..1, RGB, clamped.
        """
        return self.paint(content, self.style_statistics(style), strength).clamp(0, 1)

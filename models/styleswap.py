"""Style-Swap: every patch of the content's features becomes the nearest patch of the style's.

Chen & Schmidt 2016, *Fast Patch-based Style Transfer of Arbitrary Style*.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

from .autoencoder import Decoder, Encoder
from .wavelet import even

LEVEL = 3
"""relu3_1 is where patches are swapped."""

_TILE = 1 << 24  # correlations held at once


def patches(features: Tensor, size: int = 3, stride: int = 1) -> Tensor:
    """(1, C, H, W) → all patches that lie inside, (P, C, size, size)."""
    found = features.unfold(2, size, stride).unfold(3, size, stride)
    return found[0].permute(1, 2, 0, 3, 4).flatten(0, 1)


def nearest_patches(content: Tensor, kernels: Tensor, padding: int = 0) -> Tensor:
    """Which of the patches K correlates best with the content's, at every place: equation 3.

    argmax_j ⟨φ_i(C), φ_j(S)⟩ / (‖φ_i(C)‖ ‖φ_j(S)‖); the content's norm moves no maximum.

    Args:
        content: (1, C, H, W).
        kernels: (P, C, k, k).
        padding: zeros around the content.

    Returns:
        (1, 1, h, w), int64.
    """
    unit = kernels / kernels.flatten(1).norm(dim=1).clamp(min=1e-8)[:, None, None, None]
    best = content.new_full((), -torch.inf)
    chosen = torch.zeros((), dtype=torch.int64, device=content.device)
    at_once = max(1, _TILE // max(1, content.shape[2] * content.shape[3]))
    for first in range(0, len(unit), at_once):
        found, place = F.conv2d(content, unit[first : first + at_once], padding=padding).max(
            1, True
        )
        chosen = torch.where(found > best, place + first, chosen)
        best = torch.maximum(best, found)
    return chosen


def swap(content: Tensor, style: Tensor, size: int = 3, stride: int = 1) -> Tensor:
    """The content's features put together from the style's patches; overlaps are averaged.

    Equations 3 and 4, and figure 2: a convolution with the normalised patches, an argmax over the
    channels, a transposed convolution with the patches, divided by how many fell on each place.

    Args:
        content: (1, C, H, W), H and W at least ``size``.
        style: (1, C, h, w), likewise.
        size: of a patch.
        stride: between the style's patches; the content's lie at every place.

    Returns:
        (1, C, H, W).
    """
    kernels = patches(style, size, stride)
    chosen = nearest_patches(content, kernels)[0, 0]  # h', w'
    columns = kernels[chosen.flatten()].flatten(1).T[None]  # 1, C·k·k, L
    target = content.shape[2:]
    laid = F.fold(columns, tuple(target), size)
    ones = torch.ones_like(columns[:, : size * size])
    return laid / F.fold(ones, tuple(target), size)


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

    @torch.no_grad()
    def stylize(self, content: Tensor, style: Tensor, strength: float = 1.0) -> Tensor:
        """One picture in the style of another, both (1, 3, H, W); 0..1."""
        height, width = content.shape[2:]
        features, _ = self.encoder(even(content, self.multiple))
        other, _ = self.encoder(even(style, self.multiple))
        mixed = strength * swap(features, other) + (1 - strength) * features
        return self.decoder(mixed)[..., :height, :width].clamp(0, 1)

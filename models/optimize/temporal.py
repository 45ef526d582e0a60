"""The temporal loss of a painted video (Ruder, Dosovitskiy, Brox 2016).

Pictures are (1, 3, H, W), RGB, 0–255.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .descent import Terms, resize

_UNIT = 2e4
"""The unit of γ: the other losses have the scale of ``gatys``, Ruder's have another."""


@dataclass(frozen=True)
class WarpedPicture:
    """An earlier painting, warped to the picture that is painted now."""

    picture: Tensor
    """(1, 3, H, W), 0–255, RGB."""
    confidence: Tensor
    """(1, 1, H, W), 0..1: 0 where it was hidden, and at edges of the motion."""


def temporal_loss(picture: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """1/D Σ c (x − ω)², D = H·W·C: equation 7; a scalar.

    Args:
        picture: x, (1, 3, H, W), 0–255.
        target: ω, the warped painting, (1, 3, H, W), 0–255.
        weights: c, (1, 1, H, W), 0..1.
    """
    return (weights * (picture - target).square()).sum() / picture.numel()


def long_term(confidences: Sequence[Tensor]) -> list[Tensor]:
    """c_long = max(c_j − Σ_{nearer k} c_k, 0): equation 9; the nearest painting decides.

    Args:
        confidences: of the warped paintings, (1, 1, H, W), 0..1, the nearest in time first.
    """
    weights: list[Tensor] = []
    nearer = torch.zeros_like(confidences[0])
    for c in confidences:
        weights.append((c - nearer).clamp(min=0))
        nearer = nearer + c
    return weights


def temporal_term(
    warped: Sequence[WarpedPicture], gamma: float
) -> Callable[[tuple[int, int]], Callable[[Tensor], Terms]]:
    """The term γ Σ over the warped paintings: equation 10.

    Args:
        warped: earlier paintings (1, 3, H, W) float32, 0–255, RGB, with their confidence, the
            nearest in time first.
        gamma: γ; 200 is the paper's.
    """
    weights = long_term([c.confidence for c in warped])

    def term(size: tuple[int, int]) -> Callable[[Tensor], Terms]:
        seen = [resize(w, size).clamp(0, 1) for w in weights]
        target = [resize(c.picture, size) for c in warped]

        def goal(picture: Tensor) -> Terms:
            parts = [temporal_loss(picture, w, c) for w, c in zip(target, seen, strict=True)]
            return {"temporal": _UNIT * gamma * torch.stack(parts).sum()}

        return goal

    return term


def begin_with(warped: WarpedPicture, content: Tensor) -> Tensor:
    """The warped painting, and the content where its confidence is low; (1, 3, H, W), 0–255."""
    return warped.confidence * warped.picture + (1 - warped.confidence) * content

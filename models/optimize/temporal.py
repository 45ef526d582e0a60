"""What holds a painted video still (Ruder, Dosovitskiy, Brox 2016).

Pictures are (1, 3, H, W), RGB, 0–255.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .descent import Terms, fitted

_UNIT = 2e4
"""What γ counts in: the losses beside it are on the scale of ``gatys``, Ruder's on another."""


@dataclass(frozen=True)
class Carried:
    """An earlier painting, warped to the picture that is painted now."""

    picture: Tensor
    confidence: Tensor
    """(1, 1, H, W), 0..1: 0 where it was hidden, and at edges of the motion."""


def temporal_loss(picture: Tensor, wanted: Tensor, weights: Tensor) -> Tensor:
    """1/D Σ c (x − ω)², D = H·W·C: equation 7."""
    return (weights * (picture - wanted).square()).sum() / picture.numel()


def long_term(confidences: Sequence[Tensor]) -> list[Tensor]:
    """c_long = max(c_j − Σ_{nearer k} c_k, 0): equation 9; each pixel is held by its nearest.

    Args:
        confidences: of the carried paintings, the nearest in time first.
    """
    found: list[Tensor] = []
    nearer = torch.zeros_like(confidences[0])
    for c in confidences:
        found.append((c - nearer).clamp(min=0))
        nearer = nearer + c
    return found


def held(
    carried: Sequence[Carried], gamma: float
) -> Callable[[tuple[int, int]], Callable[[Tensor], Terms]]:
    """The term γ Σ over the carried paintings: equation 10.

    Args:
        carried: the nearest in time first.
        gamma: γ; 200 is the paper's.
    """
    weights = long_term([c.confidence for c in carried])

    def term(size: tuple[int, int]) -> Callable[[Tensor], Terms]:
        seen = [fitted(w, size).clamp(0, 1) for w in weights]
        wanted = [fitted(c.picture, size) for c in carried]

        def goal(picture: Tensor) -> Terms:
            parts = [temporal_loss(picture, w, c) for w, c in zip(wanted, seen, strict=True)]
            return {"temporal": _UNIT * gamma * torch.stack(parts).sum()}

        return goal

    return term


def begin_with(carried: Carried, content: Tensor) -> Tensor:
    """The carried painting, and the content where there is none of it."""
    return carried.confidence * carried.picture + (1 - carried.confidence) * content

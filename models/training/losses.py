"""Parts of losses after Johnson, Alahi, Fei-Fei 2016, total variation, and steadiness.

Pictures are (N, 3, H, W) float32, 0..1, RGB; features are (N, C, H, W) float32, or bfloat16 under
autocast.
"""

from __future__ import annotations

import torch
from torch import Tensor


def gram(features: Tensor) -> Tensor:
    """Gram matrices G = F Fᵀ / (C·H·W): Johnson 2016, equation 3.

    (N, C, H, W), any float type → (N, C, C) float32.
    """
    n, c, h, w = features.shape
    f = features.float().reshape(n, c, h * w)
    return f @ f.transpose(1, 2) / (c * h * w)


def feature_loss(result: Tensor, target: Tensor) -> Tensor:
    """‖φ(ŷ) − φ(y)‖² / (C·H·W), averaged over the batch: Johnson 2016, equation 2; a scalar.

    Args:
        result: φ(ŷ), (N, C, H, W), any float type.
        target: φ(y), of the same shape.
    """
    return (result.float() - target.float()).square().mean()


def style_loss(result: Tensor, target: Tensor) -> Tensor:
    """‖G(ŷ) − G(y)‖²_F, averaged over the batch: Johnson 2016, equation 4; a scalar.

    Args:
        result: Gram matrices G(ŷ), (N, C, C) float32.
        target: Gram matrices G(y), of the same shape.
    """
    return (result - target).square().sum(dim=(1, 2)).mean()


def total_variation(rgb: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels in both directions: ℓ_TV of Johnson 2016.

    Pictures (N, 3, H, W) float32, 0..1, RGB → a scalar.
    """
    rows = (rgb[:, :, 1:] - rgb[:, :, :-1]).square().mean()
    columns = (rgb[:, :, :, 1:] - rgb[:, :, :, :-1]).square().mean()
    return rows + columns


def pixel_loss(result: Tensor, content: Tensor) -> Tensor:
    """Mean (ŷ − x)² over the variance of x: 0 for an equal picture, 1 for a flat one; a scalar.

    Args:
        result: ŷ, (N, 3, H, W), any float type, 0..1, RGB.
        content: x, (N, 3, H, W) float32, 0..1, RGB.
    """
    contrast = content.var(dim=(2, 3)).mean().clamp(min=1e-4)
    return (result.float() - content).square().mean() / contrast


def unsteadiness(result: Tensor, expected: Tensor, seen: Tensor) -> Tensor:
    """Mean of seen · (ŷ − w)² over the variance of w: the warping error as a relative error.

    It is relative so that a net can't become steady by a flat picture, and so that one weight
    serves any style.

    Args:
        result: ŷ, the result of the next frame, (N, 3, H, W) float32, 0..1, RGB.
        expected: w, the result of this frame, moved as the frame was, of the same shape and range.
        seen: where both show the same thing, (N, 1, H, W) float32, 0..1.

    Returns:
        A scalar.
    """
    with torch.no_grad():
        contrast = expected.var(dim=(2, 3)).mean()
    error = (seen * (result - expected).square()).sum() / (seen.sum() * result.shape[1])
    return error / contrast.clamp(min=1e-4)

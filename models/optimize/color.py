"""Colours kept while a style is taken over (Gatys, Bethge, Hertzmann, Shechtman 2016).

Pictures are (N, 3, H, W), RGB, 0–255.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)
_LEAST = 1e-2  # grey levels²: a colour that a picture lacks is not blown up from nothing


def matched(style: Tensor, content: Tensor) -> Tensor:
    """The style with the mean and covariance of the content's colours: the paper's section 3.

    x ↦ Σ_c^{1/2} Σ_s^{-1/2} (x − μ_s) + μ_c, by symmetric roots.

    Args:
        style: (N, 3, h, w) float32, 0–255, RGB.
        content: (N, 3, H, W) float32, 0–255, RGB.

    Returns:
        (N, 3, h, w) float32, RGB; not clamped to 0–255.
    """
    mean_c, cov_c = _statistics(content)
    mean_s, cov_s = _statistics(style)
    transform = _power(cov_c, 0.5) @ _power(cov_s, -0.5)
    moved = torch.einsum("ij,njhw->nihw", transform, style.double() - mean_s) + mean_c
    return moved.to(style.dtype)


def luma(picture: Tensor) -> Tensor:
    """Luma by Rec. 601: (N, 3, H, W) float32, 0–255, RGB → (N, 1, H, W) float32, 0–255."""
    return torch.einsum("c,nchw->nhw", picture.new_tensor(_LUMA), picture)[:, None]


def with_grey(picture: Tensor) -> Tensor:
    """Luma in three equal channels: (N, 3, H, W) float32, 0–255, RGB → the same shape."""
    return luma(picture).expand(-1, 3, -1, -1).contiguous()


def with_chroma(painted: Tensor, content: Tensor) -> Tensor:
    """The painting's luma with the content's colours: the paper's section 4, in RGB.

    Luma is linear, so a change of luma is the same change of all three channels.

    Args:
        painted: (N, 3, H, W) float32, 0–255, RGB.
        content: of the same shape and range.

    Returns:
        (N, 3, H, W) float32, 0–255, RGB, clamped.
    """
    return (content + luma(painted) - luma(content)).clamp(0, 255)


def _statistics(picture: Tensor) -> tuple[Tensor, Tensor]:
    flat = picture.double().transpose(0, 1).flatten(1)
    mean = flat.mean(dim=1)
    off = flat - mean[:, None]
    return mean[None, :, None, None], off @ off.T / off.shape[1]


def _power(covariance: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return vectors * values.clamp(min=_LEAST) ** exponent @ vectors.T

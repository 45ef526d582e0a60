"""Whitening and colouring: features given the mean and the covariance of others.

Whitening is f̂ = C^{-1/2} (f − m_c), colouring f̂_cs = S^{1/2} f̂ + m_s (Li et al. 2017, equations 1
and 2), C and S the covariances over positions. Both together are one affine map of the features,
which ``transfer`` returns: applying it is one small matrix product.

The roots are computed in one of three ways. ``eigen`` is the papers'. ``newton`` uses matrix
products alone, so that it can be a part of an ONNX graph. ``cholesky`` is the quickest; its L_s
L_c⁻¹ reaches the same covariance by another rotation of the features (Chiu 2019), so the picture
differs.

There are K labels, each with a weight at every position; K = 1 where there are no masks. Statistics
are float64, for ``newton`` float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Method = Literal["eigen", "newton", "cholesky"]

EMPTY = 1e-7
"""Directions with a smaller part of the greatest variance than this are left out."""

FEWEST = 10.0
"""A label with fewer positions has no usable covariance."""

_MOST = 100.0  # times as many positions on one side: PhotoWCT's authors do not match such labels
_DAMPING = 1e-5  # of the mean variance, added to every direction where nothing can be left out
_ITERATIONS = 24


@dataclass(frozen=True)
class Statistics:
    """Mean and covariance of features, of each label."""

    mean: Tensor
    """(K, C) float."""
    covariance: Tensor
    """(K, C, C) float, divided by the number of positions."""
    weight: Tensor
    """(K,) float: positions of the label, a sum of its fractions."""


@dataclass(frozen=True)
class Style:
    """The statistics of a style, of each label, with the root that colours whitened features."""

    mean: Tensor
    """(K, C) float."""
    root: Tensor
    """(K, C, C) float; times its transpose, it is the covariance."""
    weight: Tensor
    """(K,) float: see ``Statistics``."""


@dataclass(frozen=True)
class Affine:
    """f → matrix · f + shift, for each label."""

    matrix: Tensor
    """(K, C, C) float."""
    shift: Tensor
    """(K, C) float."""

    def __call__(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """The features changed by the map of each label.

        Args:
            features: (N, C, H, W) float32.
            labels: (N, K, H, W), 0..1, with sum 1 at each position; ``None`` where K is 1.

        Returns:
            (N, C, H, W) float32.
        """
        n, c, height, width = features.shape
        matrix, shift = self.matrix.to(features.dtype), self.shift.to(features.dtype)
        if labels is None:
            return torch.nn.functional.conv2d(features, matrix[0][:, :, None, None], shift[0])
        f = features.reshape(n, 1, c, height * width)
        changed = matrix[None] @ f + shift[None, :, :, None]
        fraction = labels.to(f).reshape(n, -1, 1, height * width)
        return (changed * fraction).sum(dim=1).reshape(n, c, height, width)


def statistics(
    features: Tensor, labels: Tensor | None = None, dtype: torch.dtype = torch.float64
) -> Statistics:
    """Mean and covariance over all positions of all pictures together.

    Args:
        features: (N, C, H, W) float32.
        labels: (N, K, H, W), 0..1: weight of each label at each position; ``None``: one label.
        dtype: of the sums.

    Returns:
        The statistics of the K labels, in ``dtype``.
    """
    f = features.to(dtype).transpose(0, 1).flatten(1)
    w = torch.ones_like(f[:1]) if labels is None else labels.to(f).transpose(0, 1).flatten(1)
    weight = w.sum(dim=1)
    fraction = w / weight.clamp(min=1e-6)[:, None]
    mean = fraction @ f.T
    off = f[None] - mean[:, :, None]
    return Statistics(mean, (off * fraction[:, None]) @ off.transpose(1, 2), weight)


def style_from(measured: Statistics, method: Method = "eigen") -> Style:
    """The style of some statistics: it has the root of their covariance."""
    return Style(measured.mean, roots(measured.covariance, method)[0], measured.weight)


def roots(covariance: Tensor, method: Method = "eigen") -> tuple[Tensor, Tensor]:
    """(R, R⁻¹) with R Rᵀ the covariance; R⁻¹ is the inverse where there is variance.

    ``eigen`` leaves out the directions without variance: R⁻¹ is 0 there. The others add a little
    variance to every direction, so that R⁻¹ is bounded.

    Args:
        covariance: (K, C, C) float, symmetric, no negative eigenvalue but by rounding.
        method: see the module.

    Returns:
        Two of (K, C, C), of the same type.
    """
    own = torch.eye(covariance.shape[-1]).to(covariance)
    if method == "eigen":
        values, vectors = torch.linalg.eigh(covariance)
        there = values > EMPTY * values[:, -1:].clamp(min=1e-12)
        root = torch.where(there, values, 0).sqrt()[:, None]
        inverse = torch.where(there, values, torch.inf).rsqrt()[:, None]
        back = vectors.transpose(1, 2)
        return (vectors * root) @ back, (vectors * inverse) @ back
    level = (covariance * own).sum(dim=(1, 2)) / covariance.shape[-1]
    damped = covariance + _DAMPING * level.clamp(min=1e-12)[:, None, None] * own
    if method == "cholesky":
        low = torch.linalg.cholesky(damped)
        return low, torch.linalg.solve_triangular(low, own.expand_as(low), upper=False)
    return newton_schulz(damped)


def newton_schulz(matrix: Tensor, iterations: int = _ITERATIONS) -> tuple[Tensor, Tensor]:
    """(A^{1/2}, A^{-1/2}) of positive definite matrices, by products alone (Higham 1997, eq. 2.6).

    Y₀ = A/‖A‖, Z₀ = I; T = (3I − ZY)/2; Y ← YT, Z ← TZ: coupled, so that rounding does not grow.
    Each step multiplies the smallest eigenvalue of ZY by 9/4 until it is near 1: 24 steps suffice
    for a ratio of eigenvalues of 10⁸.

    Args:
        matrix: A, (K, C, C) float.
        iterations: steps.

    Returns:
        Two of (K, C, C), of the same type.
    """
    own = torch.eye(matrix.shape[-1]).to(matrix)
    norm = matrix.square().sum(dim=(-2, -1), keepdim=True).sqrt()
    y, z = matrix / norm, own.expand_as(matrix)
    for _ in range(iterations):
        t = 1.5 * own - 0.5 * (z @ y)
        y, z = y @ t, t @ z
    return y * norm.sqrt(), z / norm.sqrt()


def transfer(
    content: Statistics, style: Style, strength: Tensor | float = 1.0, method: Method = "eigen"
) -> Affine:
    """The map that whitens the content's features and colours them as the style's.

    A label with too few positions on one side changes nothing.

    Args:
        content: of the frames.
        style: of one style; or of several, averaged (Li 2017, section 4: both of its terms enter
            the result as factors, so averaging styles averages results).
        strength: α of equation 3, 0..1, a scalar or (K,): weight of the changed features against
            the unchanged ones.
        method: of the content's root.

    Returns:
        The maps of the K labels, of the type of ``content``.
    """
    own = torch.eye(content.mean.shape[-1]).to(content.mean)
    _, whiten = roots(content.covariance, method)
    matrix = style.root.to(own) @ whiten
    shift = style.mean.to(own) - (matrix @ content.mean[:, :, None])[..., 0]
    ratio = style.weight.to(own) / content.weight.clamp(min=1e-6)
    enough = (content.weight > FEWEST) & (style.weight > FEWEST)
    fraction = strength * (enough & (ratio > 1 / _MOST) & (ratio < _MOST)).to(own)
    matrix = fraction[:, None, None] * matrix + (1 - fraction)[:, None, None] * own
    return Affine(matrix, fraction[:, None] * shift)

"""The matting Laplacian's affinities, and the smoothing that is solved with them.

Two pixels of one window are alike if their colours are close for that window (Levin, Lischinski,
Weiss 2008). This module needs SciPy, which the base install does not bring.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from ..core.frame import Rgb

ALPHA = 0.9999
"""Weight of smoothness: 1/(1 + λ) of PhotoWCT's equation 5 (Li 2018)."""


def matting_affinity(rgb: Rgb, epsilon: float = 1e-7, radius: int = 1) -> scipy.sparse.csr_array:
    """Compute the affinities w_ij of pixels within one window (Levin 2008, equation 12).

    w_ij = Σ_k 1/n (1 + (I_i − μ_k)ᵀ (Σ_k + ε/n)⁻¹ (I_j − μ_k)) over the windows k that hold both;
    the matting Laplacian is D − W.

    Args:
        rgb: (H, W, 3) uint8, 0–255, RGB; at least as large as a window.
        epsilon: the regularisation of the colours' covariance, for colours in 0..1.
        radius: the radius of a window, px: 1 is 3×3.

    Returns:
        (H·W, H·W), symmetric, sparse.
    """
    height, width = rgb.shape[:2]
    side = 2 * radius + 1
    count = side * side
    colours = rgb.astype(np.float64) / 255
    windows = np.lib.stride_tricks.sliding_window_view(colours, (side, side), axis=(0, 1))
    flat = windows.transpose(0, 1, 3, 4, 2).reshape(-1, count, 3)  # K, n, 3
    places = np.arange(height * width).reshape(height, width)
    index = np.lib.stride_tricks.sliding_window_view(places, (side, side)).reshape(-1, count)
    off = flat - flat.mean(axis=1, keepdims=True)
    covariance = off.transpose(0, 2, 1) @ off / count + epsilon / count * np.eye(3)
    weights = (1 + off @ np.linalg.solve(covariance, off.transpose(0, 2, 1))) / count
    rows = np.repeat(index, count, axis=1).ravel()
    columns = np.tile(index, (1, count)).ravel()
    shape = (height * width, height * width)
    return scipy.sparse.coo_array((weights.ravel(), (rows, columns)), shape=shape).tocsr()


def matting_laplacian(rgb: Rgb, epsilon: float = 1e-7) -> scipy.sparse.csr_array:
    """Compute D − W, D the sums of W's rows: (H·W, H·W), symmetric, sparse.

    Args:
        rgb: (H, W, 3) uint8, 0–255, RGB; at least 3×3.
        epsilon: see ``matting_affinity``.
    """
    affinity = matting_affinity(rgb, epsilon)
    degree = np.asarray(affinity.sum(axis=1)).ravel()
    diagonal = scipy.sparse.dia_array((degree[None], [0]), shape=affinity.shape)
    return (diagonal - affinity).tocsr()


def smooth_by_matting(painted: Rgb, content: Rgb, alpha: float = ALPHA) -> Rgb:
    """Smooth a painting along the edges of its content (PhotoWCT, Li 2018, equation 7).

    R* = (1 − α)(I − αS)⁻¹ Y for each colour, S = D^{-1/2} W D^{-1/2}. The affinities W are of the
    content, so R is smooth where the content is smooth, and keeps steps at the content's edges. The
    system is sparse and is solved directly.

    Args:
        painted: the painting Y, (H, W, 3) uint8, 0–255, RGB.
        content: the picture that was painted, (H, W, 3) uint8, 0–255, RGB.
        alpha: see ``ALPHA``.

    Returns:
        R*, (H, W, 3) uint8, 0–255, RGB.
    """
    affinity = matting_affinity(content)
    degree = np.asarray(affinity.sum(axis=1)).ravel()
    scale = scipy.sparse.dia_array((1 / np.sqrt(degree)[None], [0]), shape=affinity.shape)
    normalised = scale @ affinity @ scale
    system = (scipy.sparse.eye_array(len(degree)) - alpha * normalised).tocsc()
    solve = scipy.sparse.linalg.splu(system, permc_spec="MMD_AT_PLUS_A").solve
    y = painted.reshape(-1, 3).astype(np.float64)
    smooth = (1 - alpha) * solve(y)
    return np.clip(np.rint(smooth.reshape(painted.shape)), 0, 255).astype(np.uint8)

"""Whether a picture is painted by strokes or by clouds, and how sharp it is."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Rgb
from .colours import lab_of

WINDOW = 96
"""Side of the windows whose texture is measured, px."""

# A Gaussian of σ passes half of a wave of 5.34 σ px. So these are the waves of 4 to 16 px, which
# strokes and their edges are made of, and those of 32 to 128 px, which are soft spots.
_PERIOD_OF_SIGMA = 2 * np.pi / np.sqrt(2 * np.log(2))
_FINE = (4, 16)
_COARSE = (32, 128)
_PLAIN = 2.0  # energy of strokes, L*², below which a window is bare paper


def stroke_ratio(rgb: Rgb, windows: NDArray[np.bool_] | None = None) -> float:
    """Compute the energy of strokes, 4 to 16 px, over that of clouds, 32 to 128 px, in lightness.

    Args:
        rgb: (H, W, 3) uint8, 0–255, RGB, at least ``WINDOW`` px a side.
        windows: (H // 96, W // 96) bool: the windows that count; ``None``: all.

    Returns:
        The median over the windows; 0 and above.
    """
    light = lab_of(rgb)[..., 0]
    fine, coarse = (_window_energy(light, *band) for band in (_FINE, _COARSE))
    ratio = fine / (coarse + 1e-3)
    return float(np.median(ratio if windows is None else ratio[windows]))


def bare_paper(painting: Rgb) -> float:
    """Compute the fraction of a painting's windows that have hardly any strokes, 0..1.

    Prints and drawings on paper have 0.2 and more, other paintings less than 0.1.

    Args:
        painting: (H, W, 3) uint8, 0–255, RGB, at the size at which pictures are compared.
    """
    light = lab_of(painting)[..., 0]
    return float(np.mean(_window_energy(light, *_FINE) < _PLAIN))


def _window_energy(light: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """Mean square of the waves of ``low`` to ``high`` px in each window, (rows, columns)."""
    band = np.square(_smooth(light, low) - _smooth(light, high))
    rows, columns = light.shape[0] // WINDOW, light.shape[1] // WINDOW
    whole = band[: rows * WINDOW, : columns * WINDOW]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


def _smooth(light: NDArray[np.float32], period: float) -> NDArray[np.float32]:
    sigma = period / _PERIOD_OF_SIGMA
    return np.asarray(cv2.GaussianBlur(light, (0, 0), sigma), np.float32)


def sharpness(rgb: Rgb) -> float:
    """Compute the variance of the Laplacian of brightness, grey levels squared.

    Args:
        rgb: (H, W, 3) uint8, 0–255, RGB.
    """
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())

"""How different two pictures look: CIEDE2000 for colours, SSIM for structure."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Rgb

Lab = NDArray[np.floating]
"""(…, 3): L* 0..100, a* and b*."""

_TURN = 2 * np.pi


def mean_difference(one: Rgb, other: Rgb) -> float:
    """Compute the mean CIEDE2000 of two pictures over their pixels; 1 is just visible side by side.

    Args:
        one: (H, W, 3) uint8, 0–255, sRGB.
        other: (H, W, 3) uint8, 0–255, sRGB.
    """
    return float(ciede2000(_lab(one), _lab(other)).mean())


def _lab(rgb: Rgb) -> Lab:
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), np.float64)


def ciede2000(one: Lab, other: Lab) -> NDArray[np.floating]:
    """ΔE of each pair of colours (Sharma 2005): (…), 0 and above.

    Args:
        one: (…, 3), L* in 0..100, a* and b*.
        other: (…, 3), the same.
    """
    (l1, a1, b1), (l2, a2, b2) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    stretch = 1.5 - 0.5 * _saturated((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2)
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.arctan2(b1, a1), np.arctan2(b2, a2)
    grey = c1 * c2 == 0  # then one of them has no hue, and the other's counts
    turn = np.where(grey, 0, (h2 - h1 + np.pi) % _TURN - np.pi)
    hue = np.where(grey, h1 + h2, h1 + turn / 2) % _TURN
    light, chroma = ((l1 + l2) / 2 - 50) ** 2, (c1 + c2) / 2
    by_light = (l2 - l1) / (1 + 0.015 * light / np.sqrt(20 + light))
    by_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    by_hue = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2) / (1 + 0.015 * chroma * _weight(hue))
    blue = np.exp(-(((np.degrees(hue) - 275) / 25) ** 2))
    bend = -2 * np.sin(np.radians(60) * blue) * _saturated(chroma)
    squares = by_light**2 + by_chroma**2 + by_hue**2 + bend * by_chroma * by_hue
    return np.sqrt(np.maximum(squares, 0))


def _saturated(chroma: Any) -> Any:
    return np.sqrt(chroma**7 / (chroma**7 + 25.0**7))


def _weight(hue: Any) -> Any:
    """T: how much a change of hue counts, by the hue, radians."""
    waves = ((0.17, 1, 150), (0.24, 2, 0), (0.32, 3, 6), (0.20, 4, 117))  # of 30° and 63°, negated
    return 1 + sum(size * np.cos(n * hue + np.radians(at)) for size, n, at in waves)


_STRUCTURE = ((11, 11), 1.5)  # window and σ of SSIM, px
_GREY = 128


def structural_distance(one: Rgb, other: Rgb) -> float:
    """Compute 1 − SSIM (Wang 2004, equation 13), the mean over pixels, R, G and B; 0..2.

    Args:
        one: (H, W, 3) uint8, 0–255, RGB.
        other: (H, W, 3) uint8, 0–255, RGB.
    """
    # Mid-grey is taken off first: a variance is a difference of squares, and float32 rounds small
    # squares less.
    x, y = (np.asarray(rgb.astype(np.float32) - _GREY, np.float32) for rgb in (one, other))
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    var_x = _window_mean(x * x) - mean_x**2
    var_y = _window_mean(y * y) - mean_y**2
    both = _window_mean(x * y) - mean_x * mean_y
    mean_x, mean_y = mean_x + _GREY, mean_y + _GREY
    likeness = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    likeness /= (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return 1 - float(likeness.mean())


def _window_mean(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means under SSIM's Gaussian window, of the windows that lie wholly in the picture.

    A picture that is smaller than a window gives the means of all windows.
    """
    size, sigma = _STRUCTURE
    mean = np.asarray(cv2.GaussianBlur(picture, size, sigma), np.float32)
    edge = size[0] // 2
    inner = mean[edge:-edge, edge:-edge]
    return inner if inner.size else mean

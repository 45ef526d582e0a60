"""Bring a small, soft mask to a picture's own edges and size: the guided filter on one channel.

Around every pixel mask ≈ a · brightness + b (He, Sun, Tang 2010), fitted where both are small and
applied to the whole picture (He & Sun 2015, *Fast Guided Filter*).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Plane
from .resize import resize_linear

_RADIUS = 2  # px of the small mask. With 4, the mask takes the texture of what is behind it
_EPSILON = 1e-3 * 255**2  # variance of brightness up to which a change is no edge
_STEEP = 1.6  # the soft edge is made so much steeper: a net's map rises over several pixels

Floats = NDArray[np.float32]


def follow_edges(mask: Plane, small: Plane, whole: Plane) -> Plane:
    """Enlarge a mask along the edges of a picture.

    Args:
        mask: (h, w) uint8, 0–255.
        small: the picture's brightness at the mask's size, (h, w) uint8.
        whole: its brightness, (H, W) uint8.

    Returns:
        (H, W) uint8, 0–255.
    """
    m, guide = mask.astype(np.float32), small.astype(np.float32)
    if not m.any():
        return np.zeros_like(whole)
    mean_m, mean_guide = _mean(m), _mean(guide)
    variance = _mean(guide * guide) - mean_guide * mean_guide
    slope = (_mean(guide * m) - mean_guide * mean_m) / (variance + np.float32(_EPSILON))
    shift = mean_m - slope * mean_guide
    # Around the middle grey, so that the steeper edge stays where it is.
    a = _mean(slope) * np.float32(_STEEP)
    b = (_mean(shift) - 127.5) * np.float32(_STEEP) + 127.5
    size = (whole.shape[0], whole.shape[1])
    fitted = cv2.multiply(resize_linear(a, size), whole, dtype=cv2.CV_32F)
    return np.asarray(cv2.add(fitted, resize_linear(b, size), dtype=cv2.CV_8U), np.uint8)


def _mean(x: NDArray[np.floating[Any]]) -> Floats:
    side = 2 * _RADIUS + 1
    return np.asarray(cv2.blur(x, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)

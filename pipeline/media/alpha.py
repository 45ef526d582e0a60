"""Transparency: what it hides is never painted, and it is kept where the output can hold it.

Behind alpha 0 a file may have any colours: a net would paint them, and they would bleed into what
is visible. The colours around take their place. Alpha is straight: colours are not multiplied.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Opacity, Rgb8Or16, sixteen_bits

_UNSEEN = 0.03


def without_hidden(rgb: NDArray[Any], alpha: Opacity) -> NDArray[Any]:
    """Fill what is transparent from what is visible around it; where nothing is, with black.

    A lossy codec leaves a little opacity where there was none: up to ``_UNSEEN`` counts as none.

    Args:
        rgb: (H, W, 3), RGB of 8 or 16 bits.
        alpha: (H, W), its opacity, in the same bits.

    Returns:
        (H, W, 3), of the same type; visible pixels are as they were.
    """
    weight = np.multiply(alpha, 1 / np.iinfo(alpha.dtype).max, dtype=np.float32)
    hidden = weight <= _UNSEEN
    if not hidden.any():
        return rgb
    weight[hidden] = 0
    around = _pulled(rgb.astype(np.float32) * weight[..., None], weight)
    most = np.iinfo(rgb.dtype).max
    filled = np.clip(np.rint(around), 0, most).astype(rgb.dtype)
    return np.where(hidden[..., None], filled, rgb)


def _pulled(color: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean colour of what is visible, from the nearest neighbourhood that has any (pull-push).

    Args:
        color: (H, W, 3), multiplied by ``weight``.
        weight: (H, W), 0..1.
    """
    height, width = weight.shape
    if min(height, width) > 1:
        size = ((width + 1) // 2, (height + 1) // 2)
        smaller = [
            np.asarray(cv2.resize(x, size, interpolation=cv2.INTER_AREA), np.float32)
            for x in (color, weight)
        ]
        small = _pulled(smaller[0], smaller[1])
        coarse = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    else:
        total = float(weight.sum())
        mean = color.sum(axis=(0, 1)) / total if total else np.zeros(3, np.float32)
        coarse = np.broadcast_to(mean.astype(np.float32), color.shape)
    return np.asarray(color + (1 - weight[..., None]) * coarse, np.float32)


def with_opacity(
    rgb: Rgb8Or16, alpha: Opacity | None, keeps_alpha: bool
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """A picture as an output takes it: with alpha, or in front of black.

    Args:
        rgb: (H, W, 3), RGB of 8 or 16 bits.
        alpha: (H, W), its opacity, of 8 or 16 bits; ``None``: it is opaque.
        keeps_alpha: whether the output has alpha.

    Returns:
        (H, W, 3), RGB, or (H, W, 4), RGBA, contiguous, in the bits of the deeper of both.
    """
    if alpha is None:
        return np.ascontiguousarray(rgb)  # pyright: ignore[reportReturnType]
    if rgb.dtype != alpha.dtype:
        rgb, alpha = sixteen_bits(rgb), sixteen_bits(alpha)
    if keeps_alpha:
        return np.dstack([rgb, alpha])  # pyright: ignore[reportReturnType]
    most = np.iinfo(alpha.dtype).max
    return cv2.multiply(rgb, cv2.merge([alpha] * 3), scale=1 / most)  # pyright: ignore[reportReturnType]

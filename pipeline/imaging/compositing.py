"""Blend a painted picture with its source: strength, mask, colours."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from ..core.frame import Picture, Plane, Yuv, as_rgb


def brightness_only(painted: Picture, original: Picture) -> Picture:
    """The painting's brightness in the original's colours."""
    if isinstance(painted, Yuv) and isinstance(original, Yuv):
        return Yuv(painted.y, original.u, original.v, painted.coding)
    y, source = (cv2.cvtColor(p, cv2.COLOR_RGB2YCrCb) for p in (as_rgb(painted), as_rgb(original)))
    merged = cv2.merge([y[..., 0], source[..., 1], source[..., 2]])
    return np.asarray(cv2.cvtColor(merged, cv2.COLOR_YCrCb2RGB), np.uint8)


def fade(painted: Picture, original: Picture, share: float, inside: Plane | None) -> Picture:
    """``share`` of the painting where ``inside`` (H, W), 0–255, is white; the original elsewhere.

    Where the mask is black the original's pixels are kept to the bit; of colour at half size, where
    it is black on all four.
    """
    if isinstance(painted, Yuv) and isinstance(original, Yuv):
        y, u, v = (
            blend(p, o, share, inside) for p, o in zip(painted.planes, original.planes, strict=True)
        )
        return Yuv(y, u, v, painted.coding)
    return blend(as_rgb(painted), as_rgb(original), share, inside)


def blend(painted: Any, original: Any, share: float, inside: Plane | None) -> Any:
    """``share`` of one plane or picture over another, within ``inside``; see ``fade``."""
    if inside is None:
        return cv2.addWeighted(painted, share, original, 1 - share, 0)
    size = original.shape[1::-1]
    fitted = inside
    if inside.shape[::-1] != size:
        fitted = cv2.resize(inside, size, interpolation=cv2.INTER_AREA)
    weight = np.asarray(fitted, np.float32) * np.float32(share / 255)
    weight = weight if original.ndim == 2 else weight[..., None]
    mixed = original + weight * (painted.astype(np.float32) - original)
    return np.rint(mixed).astype(original.dtype)


def fit_mask(picture: Plane, shape: tuple[int, ...], feather: float, invert: bool) -> Plane:
    """The mask that a grey or RGB picture is, for pictures of a shape (H, W, …).

    Args:
        picture: 0–255.
        shape: of what is masked.
        feather: softness of its edge, px.
        invert: white and black are exchanged.
    """
    if picture.ndim == 3:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    how = cv2.INTER_AREA if picture.shape[0] > shape[0] else cv2.INTER_LINEAR
    fitted = cv2.resize(picture, (shape[1], shape[0]), interpolation=how)
    if feather:
        fitted = cv2.GaussianBlur(fitted, (0, 0), feather / 2)
    return np.asarray(255 - fitted if invert else fitted, np.uint8)

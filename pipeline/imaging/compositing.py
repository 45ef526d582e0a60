"""Blend a painted picture with its source: strength, mask, colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Picture, Plane, Rgb, Rgb8Or16, Yuv, rgb_8_or_16, sixteen_bits
from .resize import resize_area, resize_linear


def brightness_only(painted: Picture, original: Picture) -> Picture:
    """Keep the colours of the original and take only the brightness of the painting.

    Args:
        painted: (H, W, 3), RGB of 8 or 16 bits; or ``Yuv`` planes.
        original: the source, a picture of the same size.

    Returns:
        Planes if both pictures are planes: Y of the painting, U and V of the original. Else
        (H, W, 3), RGB, combined in YCrCb, in the bits of ``deeper``.
    """
    if isinstance(painted, Yuv) and isinstance(original, Yuv):
        return Yuv(painted.y, original.u, original.v, painted.coding)
    y, source = (cv2.cvtColor(p, cv2.COLOR_RGB2YCrCb) for p in deeper(painted, original))
    merged = cv2.merge([y[..., 0], source[..., 1], source[..., 2]])
    return cv2.cvtColor(merged, cv2.COLOR_YCrCb2RGB)  # pyright: ignore[reportReturnType]


def deeper(painted: Picture, original: Picture) -> tuple[Rgb8Or16, Rgb8Or16]:
    """Two pictures in RGB, (H, W, 3), in the bits of that which has more of them."""
    a, b = rgb_8_or_16(painted), rgb_8_or_16(original)
    if a.dtype == b.dtype:
        return a, b
    return sixteen_bits(a), sixteen_bits(b)


def fade(painted: Picture, original: Picture, weight: float, inside: Plane | None) -> Picture:
    """Blend the painting with the original, within a mask.

    Where the mask is black the original's pixels stay exact. A pixel of the half-size colour planes
    stays exact where the mask is black on all four pixels that it covers.

    Args:
        painted: (H, W, 3), RGB of 8 or 16 bits; or ``Yuv`` planes.
        original: a picture of the same size.
        weight: the weight of the painting, 0..1; the original has the rest.
        inside: (H, W) uint8, 0–255: the mask, white where the painting shows; ``None``: everywhere.

    Returns:
        Planes if both pictures are planes, else (H, W, 3), RGB, in the bits of ``deeper``.
    """
    if isinstance(painted, Yuv) and isinstance(original, Yuv):
        y, u, v = (
            blend(p, o, weight, inside)
            for p, o in zip(painted.planes, original.planes, strict=True)
        )
        return Yuv(y, u, v, painted.coding)
    return blend(*deeper(painted, original), weight, inside)


def blend(
    painted: NDArray[Any], original: NDArray[Any], weight: float, inside: Plane | None
) -> Any:
    """Blend one array of pixels with another, within a mask.

    Args:
        painted: (H, W) or (H, W, 3), of any range.
        original: an array of the same shape, type and range.
        weight: the weight of ``painted``, 0..1.
        inside: (h, w) uint8, 0–255, of any size: the mask; ``None``: everywhere.

    Returns:
        An array of the original's shape, type and range.
    """
    if inside is None:
        return cv2.addWeighted(painted, weight, original, 1 - weight, 0)
    size = (original.shape[0], original.shape[1])
    mask = inside if inside.shape == size else resize_area(inside, size)
    weights = np.asarray(mask, np.float32) * np.float32(weight / 255)
    weights = weights if original.ndim == 2 else weights[..., None]
    blended = original + weights * (painted.astype(np.float32) - original)
    return np.rint(blended).astype(original.dtype)


def fit_mask(picture: Plane | Rgb, shape: tuple[int, ...], feather: float, invert: bool) -> Plane:
    """Make a mask of a picture.

    Args:
        picture: (h, w) uint8, 0–255, grey; or (h, w, 3), RGB.
        shape: (H, W, …) of the pictures that are masked.
        feather: the width of the soft edge, px.
        invert: whether to exchange white and black.

    Returns:
        (H, W) uint8, 0–255.
    """
    if picture.ndim == 3:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    resize = resize_area if picture.shape[0] > shape[0] else resize_linear
    mask = resize(picture, (shape[0], shape[1]))
    if feather:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), feather / 2), np.uint8)
    return np.asarray(255 - mask if invert else mask, np.uint8)


def mirror(picture: Picture) -> Picture:
    """Left and right exchanged."""
    return each_plane(picture, lambda plane: cv2.flip(plane, 1))


def each_plane(picture: Picture, change: Callable[[Any], Any]) -> Picture:
    """Change every plane by itself, or an RGB picture as a whole."""
    if not isinstance(picture, Yuv):
        return change(picture)
    y, u, v = (np.asarray(change(p), np.uint8) for p in picture.planes)
    return Yuv(y, u, v, picture.coding)

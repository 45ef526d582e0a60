"""A painting as a local affine map of its source's colours: smoothed along edges, at any size.

Around every pixel result ≈ A · source + b, A 3×3, b 3, fitted by ridge regression in a window (He,
Sun, Tang 2010, section 3.4). Applied to the source that was painted, this is the guided filter.
Applied to a larger source, it brings a photographic style from 256 px to 4K.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Rgb, Rgb8Or16
from .resize import Size, resize_area
from .segmentation import Labels

RADIUS = 0.1
"""Radius of the window, as a fraction of the picture's short side."""

EPSILON = 1e-3
"""Variance of a colour, 0..1, up to which a change of colour is not treated as an edge."""

_SIDE = 128
"""Short side of the maps, px: they are smooth (He & Sun 2015, *Fast Guided Filter*)."""

_NO_WEIGHT = 1e-2  # of 255, added to every weight: where all are zero, all pixels count the same

_BAND = 64  # rows that are mapped at once: the maps of a whole 4K frame would take 400 MB

Floats = NDArray[np.float32]

AffineMaps = NDArray[np.float32]
"""(h, w, 12): at each place A row by row, then b; for colours in 0..1, RGB."""


def fit_affine_maps(
    painted: Rgb,
    source: Rgb,
    radius: float = RADIUS,
    epsilon: float = EPSILON,
    where: NDArray[np.uint8] | None = None,
) -> AffineMaps:
    """Fit the map from source to painting around every pixel (He 2010, section 3.4).

    Args:
        painted: (H, W, 3) uint8, 0–255, RGB.
        source: the picture that was painted, (H, W, 3) uint8, 0–255, RGB.
        radius: see ``RADIUS``.
        epsilon: see ``EPSILON``.
        where: (H, W) uint8, 0–255: weight of each pixel; ``None``: all the same.

    Returns:
        (h, w, 12) float32, see ``AffineMaps``.
    """
    every = max(1, round(min(painted.shape[:2]) / _SIDE))
    size = max(1, painted.shape[0] // every), max(1, painted.shape[1] // every)
    i, p = (np.multiply(resize_area(x, size), 1 / 255, dtype=np.float32) for x in (source, painted))
    mean = _window_mean(size, radius, where)

    def covariance(a: Floats, b: Floats) -> Floats:
        """Of every pair of colours, (h, w, 3, 3)."""
        rows = [mean(a[..., k : k + 1] * b) for k in range(3)]
        both = np.stack(rows, axis=-2) - mean(a)[..., :, None] * mean(b)[..., None, :]
        return np.asarray(both, np.float32)

    of_source = covariance(i, i) + epsilon * np.eye(3, dtype=np.float32)
    matrix = np.linalg.solve(of_source, covariance(i, p)).swapaxes(-1, -2)
    shift = mean(p) - np.einsum("hwjk,hwk->hwj", matrix, mean(i))
    flat = np.concatenate([matrix.reshape(*shift.shape[:2], 9), shift], axis=-1)
    parts = [mean(flat[..., k : k + 3]) for k in range(0, 12, 3)]
    return np.concatenate(parts, axis=-1).astype(np.float32, copy=False)


def _window_mean(
    size: Size, radius: float, where: NDArray[np.uint8] | None
) -> Callable[[Floats], Floats]:
    """The mean over the window around each pixel, of (h, w, C); weighted by ``where``."""
    side = 2 * round(radius * min(size)) + 1

    def blur(x: Floats) -> Floats:
        return np.asarray(cv2.blur(x, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)

    if where is None:
        return blur
    weights = np.add(resize_area(where, size)[..., None], _NO_WEIGHT, dtype=np.float32)
    total = blur(weights)[..., None]
    return lambda x: np.divide(blur(x * weights), total, dtype=np.float32)


def apply_affine_maps(
    source: Rgb8Or16, maps_by_label: Sequence[AffineMaps], labels: Labels | None = None
) -> Rgb8Or16:
    """Map every pixel of a source, of any size, by the map at its place.

    Args:
        source: (H, W, 3), RGB of 8 or 16 bits.
        maps_by_label: (h, w, 12) float32 for each label, or just one.
        labels: (H, W, K) uint8, 0–255: weight of each label's maps; ``None``: the first maps alone.

    Returns:
        (H, W, 3), RGB, in the source's bits.
    """
    result = np.empty_like(source)
    most = np.iinfo(source.dtype).max
    for top in range(0, source.shape[0], _BAND):
        rows = slice(top, top + _BAND)
        band = source[rows].astype(np.float32)
        if labels is None:
            y = _map_band(band, maps_by_label[0], top, source.shape, most)
        else:
            weights = labels[rows].astype(np.float32)
            weights /= np.maximum(weights.sum(axis=-1, keepdims=True), 1)
            y = np.zeros_like(band)
            for k, one in enumerate(maps_by_label):
                if weights[..., k].any():
                    y += weights[..., k, None] * _map_band(band, one, top, source.shape, most)
        result[rows] = np.clip(np.rint(y), 0, most)
    return result


def _map_band(
    band: Floats, affine: AffineMaps, top: int, shape: tuple[int, ...], most: int
) -> Floats:
    """Rows (h, W, 3), 0 to ``most``, of a picture of ``shape`` from row ``top`` on, mapped."""
    a = _enlarge_rows(affine, top, band.shape[0], shape)
    y = np.empty_like(band)
    for k in range(3):
        weighted = (a[..., 3 * k + j] * band[..., j] for j in range(3))
        y[..., k] = sum(weighted, np.float32(most) * a[..., 9 + k])
    return y


def _enlarge_rows(affine: AffineMaps, top: int, count: int, shape: tuple[int, ...]) -> Floats:
    """Rows ``top`` to ``top + count`` of the maps enlarged to ``shape``, bilinearly."""
    height, width = shape[:2]
    scale = affine.shape[0] / height
    y = (np.arange(top, top + count, dtype=np.float32) + 0.5) * scale - 0.5
    x = (np.arange(width, dtype=np.float32) + 0.5) * affine.shape[1] / width - 0.5
    first = max(0, int(np.floor(y[0])))
    rows = affine[first : int(np.ceil(y[-1])) + 2]
    across, down = np.tile(x, (count, 1)), np.tile((y - first)[:, None], (1, width))
    edge = cv2.BORDER_REPLICATE
    four = (np.ascontiguousarray(rows[..., k : k + 4]) for k in range(0, 12, 4))
    parts = [cv2.remap(part, across, down, cv2.INTER_LINEAR, borderMode=edge) for part in four]
    return np.concatenate(parts, axis=-1).astype(np.float32, copy=False)

"""A painting as a local affine map of its source's colours: smoothed along edges, at any size.

Around every pixel result ≈ A · source + b, A 3×3, b 3, fitted by ridge regression in a window (He,
Sun, Tang 2010, section 3.4). Applied to the source that was painted, this is the guided filter;
applied to a larger one, it carries a photographic style from 256 lines to 4K.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Rgb
from .segmentation import Labels

RADIUS = 0.1
"""Of a window, in the picture's short side."""

EPSILON = 1e-3
"""Variance of a colour, 0..1, that is not yet taken for an edge."""

_LINES = 128
"""Short side of the maps: they are smooth (He & Sun 2015, *Fast Guided Filter*)."""

_NOWHERE = 1e-2  # of 255: where nothing counts, all counts alike

_BAND = 64  # rows that are carried at once: the maps of a 4K frame would be 400 MB

AffineMaps = NDArray[np.float32]
"""(h, w, 12): A by rows, then b, all over the picture; colours in 0..1."""


def fit_affine_maps(
    painted: Rgb,
    source: Rgb,
    radius: float = RADIUS,
    epsilon: float = EPSILON,
    where: NDArray[np.uint8] | None = None,
) -> AffineMaps:
    """The map around every pixel.

    Args:
        painted: (H, W, 3).
        source: what was painted, of the same size.
        radius: see ``RADIUS``.
        epsilon: see ``EPSILON``.
        where: (H, W), how much each pixel counts; all the same without it.
    """
    every = max(1, round(min(painted.shape[:2]) / _LINES))
    size = max(1, painted.shape[1] // every), max(1, painted.shape[0] // every)
    both = (cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in (source, painted))
    i, p = (np.multiply(x, 1 / 255, dtype=np.float32) for x in both)
    side = 2 * round(radius * min(size)) + 1

    def blurred(x: AffineMaps) -> AffineMaps:
        return np.asarray(cv2.blur(x, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)

    mean = blurred
    if where is not None:
        fewer = cv2.resize(where, size, interpolation=cv2.INTER_AREA)
        shares = np.add(fewer[..., None], _NOWHERE, dtype=np.float32)
        total = blurred(shares)[..., None]

        def mean(x: AffineMaps) -> AffineMaps:
            return np.divide(blurred(x * shares), total, dtype=np.float32)

    def products(a: AffineMaps, b: AffineMaps) -> AffineMaps:
        """Covariance of every pair of colours, (H, W, 3, 3)."""
        rows = [mean(a[..., k : k + 1] * b) for k in range(3)]
        both = np.stack(rows, axis=-2) - mean(a)[..., :, None] * mean(b)[..., None, :]
        return np.asarray(both, np.float32)

    spread = products(i, i) + epsilon * np.eye(3, dtype=np.float32)
    matrix = np.linalg.solve(spread, products(i, p)).swapaxes(-1, -2)
    shift = mean(p) - np.einsum("hwjk,hwk->hwj", matrix, mean(i))
    flat = np.concatenate([matrix.reshape(*shift.shape[:2], 9), shift], axis=-1)
    parts = [mean(flat[..., k : k + 3]) for k in range(0, 12, 3)]
    return np.concatenate(parts, axis=-1).astype(np.float32, copy=False)


def apply_affine_maps(source: Rgb, maps: Sequence[AffineMaps], labels: Labels | None = None) -> Rgb:
    """Every pixel of a source of any size by the map of its place.

    Args:
        source: (H, W, 3).
        maps: one, or one for each label.
        labels: of the source.
    """
    shown = np.empty_like(source)
    for top in range(0, source.shape[0], _BAND):
        rows = slice(top, top + _BAND)
        band = source[rows].astype(np.float32)
        if labels is None:
            y = _mapped(band, maps[0], top, source.shape)
        else:
            shares = labels[rows].astype(np.float32)
            shares /= np.maximum(shares.sum(axis=-1, keepdims=True), 1)
            y = np.zeros_like(band)
            for k, one in enumerate(maps):
                if shares[..., k].any():
                    y += shares[..., k, None] * _mapped(band, one, top, source.shape)
        shown[rows] = np.clip(np.rint(y), 0, 255)
    return shown


def _mapped(band: AffineMaps, maps: AffineMaps, top: int, shape: tuple[int, ...]) -> AffineMaps:
    a = _rows(maps, top, band.shape[0], shape)
    y = np.empty_like(band)
    for k in range(3):
        weighted = (a[..., 3 * k + j] * band[..., j] for j in range(3))
        y[..., k] = sum(weighted, 255 * a[..., 9 + k])
    return y


def _rows(maps: AffineMaps, top: int, count: int, shape: tuple[int, ...]) -> AffineMaps:
    """Some rows of the maps at a larger size, bilinearly."""
    height, width = shape[:2]
    scale = maps.shape[0] / height
    y = (np.arange(top, top + count, dtype=np.float32) + 0.5) * scale - 0.5
    x = (np.arange(width, dtype=np.float32) + 0.5) * maps.shape[1] / width - 0.5
    first = max(0, int(np.floor(y[0])))
    rows = maps[first : int(np.ceil(y[-1])) + 2]
    across, down = np.tile(x, (count, 1)), np.tile((y - first)[:, None], (1, width))
    edge = cv2.BORDER_REPLICATE
    four = (np.ascontiguousarray(rows[..., k : k + 4]) for k in range(0, 12, 4))
    parts = [cv2.remap(part, across, down, cv2.INTER_LINEAR, borderMode=edge) for part in four]
    return np.concatenate(parts, axis=-1).astype(np.float32, copy=False)

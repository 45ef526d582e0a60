"""How near a result's colours are to a painting's, and how much they still follow the source.

All functions take pictures as ``Rgb``: (H, W, 3) uint8, 0–255. Their figures are compared at one
size only, so ``reduce_to_compare`` comes first. The distances are in units of CIE L*a*b*.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Rgb
from ..imaging.resize import resize_pixels

COMPARED_SIDE = 720
"""Short side of the pictures that are compared, px: strokes have a size."""

_MULTIPLE = 16  # px: VGG-19 halves a picture four times
_CELL = 32  # px, of the cells whose colours are the layout
_EVERY = 7  # one pixel in so many is compared
_DIRECTIONS, _QUANTILES = 64, 512

Values = NDArray[np.floating]


def reduce_to_compare(rgb: Rgb) -> Rgb:
    """Resize a picture to a short side of ``COMPARED_SIDE``, sides cropped to multiples of 16 px.

    Args:
        rgb: (H, W, 3) uint8, 0–255, RGB.

    Returns:
        (h, w, 3) uint8, 0–255, RGB.
    """
    height, width = rgb.shape[:2]
    scale = COMPARED_SIDE / min(height, width)
    resized = resize_pixels(rgb, (round(height * scale), round(width * scale)))
    height, width = (side // _MULTIPLE * _MULTIPLE for side in resized.shape[:2])
    return np.ascontiguousarray(resized[:height, :width])


def lab_of(rgb: Rgb) -> NDArray[np.float32]:
    """Convert (H, W, 3) uint8, 0–255, RGB to (H, W, 3) float32: L* 0..100, a* and b*."""
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def layout(source: Rgb, result: Rgb) -> float:
    """Compute how much of the result's colours the source's explain, by cells of 32 px; 0..1.

    The cells' colours are regressed on 1, L, a, b, their squares and products, and L³ of the
    source's cells. A tint has about 0.94, a camouflage 0.4.

    Args:
        source: (H, W, 3) uint8, 0–255, RGB.
        result: of the same shape and range.
    """
    x, y = _cell_colours(source), _cell_colours(result)
    x = (x - x.mean(0)) / (x.std(0) + 1e-3)
    light, a, b = x.T
    products = [light * a, light * b, a * b, light**3]
    terms = np.stack([np.ones(len(x)), *x.T, *np.square(x).T, *products], axis=1)
    rest = y - terms @ np.linalg.lstsq(terms, y, rcond=None)[0]
    return float(1 - rest.var(0).sum() / max(float(y.var(0).sum()), 1e-9))


def _cell_colours(rgb: Rgb) -> Values:
    rows, columns = rgb.shape[0] // _CELL, rgb.shape[1] // _CELL
    whole = lab_of(rgb[: rows * _CELL, : columns * _CELL])
    cells = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(cells, np.float64).reshape(-1, 3)


class Palette:
    """The colours of a painting, to which those of pictures are compared.

    Args:
        painting: (H, W, 3) uint8, 0–255, RGB.
    """

    def __init__(self, painting: Rgb) -> None:
        directions = np.random.default_rng(0).normal(size=(3, _DIRECTIONS))
        self._directions = directions / np.linalg.norm(directions, axis=0)
        colours = _some_colours(painting)
        self._quantiles = self._along_directions(colours)
        self._mean, self._covariance = colours.mean(0), np.cov(colours.T)

    def sliced_distance(self, rgb: Rgb) -> float:
        """Compute the sliced Wasserstein-1 distance of the colours of (H, W, 3) uint8, 0–255."""
        quantiles = self._along_directions(_some_colours(rgb))
        return float(np.abs(quantiles - self._quantiles).mean())

    def gaussian_distance(self, rgb: Rgb) -> float:
        """Compute the Wasserstein-2 distance of (H, W, 3) uint8, 0–255: mean and covariance."""
        colours = _some_colours(rgb)
        covariance = np.cov(colours.T)
        half = _root(covariance)
        both = _root(half @ self._covariance @ half)
        apart = float(np.square(colours.mean(0) - self._mean).sum())
        return float(np.sqrt(max(0, apart + np.trace(covariance + self._covariance - 2 * both))))

    def chroma(self, rgb: Rgb) -> float:
        """Compute how far a* and b* of (H, W, 3) uint8, 0–255, spread; 1 is as in the painting."""
        spread = np.trace(np.cov(_some_colours(rgb)[:, 1:].T))
        return float(np.sqrt(spread / max(float(np.trace(self._covariance[1:, 1:])), 1e-9)))

    def _along_directions(self, colours: Values) -> Values:
        places = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
        return np.quantile(colours @ self._directions, places, axis=0)


def _some_colours(rgb: Rgb) -> Values:
    return lab_of(rgb).reshape(-1, 3)[::_EVERY].astype(np.float64)


def _root(matrix: Values) -> Values:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T

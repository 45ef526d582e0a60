"""Move a picture along motion vectors."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Vectors
from .resize import resize_area, resize_linear

Mask = NDArray[np.bool_]
"""(H, W): a yes or no for every pixel."""


def resize_vectors(
    vectors: Vectors, width: int, height: int, out: Vectors | None = None
) -> Vectors:
    """Resize motion vectors, and scale them to the pixels of the new size.

    Args:
        vectors: (h, w, 2) float32, px, (x, y).
        width: the width of the result, px.
        height: the height of the result, px.
        out: (height, width, 2) float32; may be overwritten with the result.

    Returns:
        (height, width, 2) float32, px of the new size; ``vectors`` themselves at the same size.
    """
    h, w = vectors.shape[:2]
    if (h, w) == (height, width):
        return vectors
    by = (width / w, height / h)
    # A product with one number takes a tenth of the time of one with two by turns.
    scaled = vectors * np.float32(by[0]) if by[0] == by[1] else vectors * np.array(by, np.float32)
    if width < w:
        return resize_area(scaled, (height, width))
    return resize_linear(scaled, (height, width), out)


def resize_mask(mask: Mask, width: int, height: int) -> Mask:
    """Enlarge a mask: set wherever ``resize_vectors`` would use a part of a set pixel.

    Args:
        mask: (h, w) bool.
        width: the width of the result, px.
        height: the height of the result, px.

    Returns:
        (height, width) bool.
    """
    return resize_linear(mask.astype(np.float32), (height, width)) > 0


def moving(vectors: Vectors) -> Mask:
    """Find where there is motion, however little: (h, w) bool."""
    x, y = cv2.split(vectors)
    return np.logical_or(x, y)


_BANDS = 6  # of rows: in each, only the columns between which something moves are sampled


class Warper:
    """Samples pictures of one size at p + v[p]; beyond the border the last pixel repeats.

    Args:
        width: the width of the pictures, px.
        height: the height of the pictures, px.
    """

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
        self._still = np.stack(np.meshgrid(x, y), axis=-1)
        self._places = np.empty_like(self._still)

    def places(self, vectors: Vectors) -> Vectors:
        """Compute p + v[p]; the result is overwritten by the next call.

        Args:
            vectors: (h, w, 2) float32, px of their size, which may be any.

        Returns:
            (H, W, 2) float32, px, (x, y).
        """
        (h, w), (width, height) = vectors.shape[:2], self.size
        if w < width and h < height:
            return self._enlarged(vectors)
        vectors = resize_vectors(vectors, width, height, self._places)
        return np.add(vectors, self._still, out=self._places)

    def _enlarged(self, vectors: Vectors) -> Vectors:
        """The places of fewer vectors: theirs are enlarged, instead of the vectors alone."""
        (h, w), (width, height) = vectors.shape[:2], self.size
        x, y = _centres(w, width), _centres(h, height)
        places = vectors * np.array((width / w, height / h), np.float32)
        places[..., 0] += x
        places[..., 1] += y[:, None]
        resize_linear(places, (height, width), self._places)
        # Beyond the outermost vectors, they go on as they are, but their places don't stand.
        across, down = self._places[..., 0].T, self._places[..., 1]
        for lines, centres in ((across, x), (down, y)):
            rim, last = math.ceil(centres[0]), len(lines) - 1
            steps = np.arange(rim, dtype=np.float32)[:, None]
            lines[:rim] += steps - centres[0]
            lines[last - rim + 1 :] += last - steps[::-1] - centres[-1]
        return self._places

    def inside(self, vectors: Vectors) -> Mask:
        """Find where p + v[p] lies in the picture.

        Args:
            vectors: (h, w, 2) float32, px of their size.

        Returns:
            (H, W) bool.
        """
        low, high = (-0.5, -0.5, 0, 0), (self.size[0] - 0.5, self.size[1] - 0.5, 0, 0)
        return cv2.inRange(self.places(vectors), low, high) > 0

    def warp(
        self, picture: NDArray[Any], vectors: Vectors, how: int = cv2.INTER_LINEAR, out: Any = None
    ) -> Any:
        """Sample a picture at p + v[p].

        Args:
            picture: (H, W) or (H, W, C), any type and range.
            vectors: (h, w, 2) float32, px of their size.
            how: the interpolation, one of OpenCV's ``INTER_…``.
            out: an array like ``picture``, which is overwritten and returned.

        Returns:
            An array of the picture's shape, type and range.
        """
        parts = _moving_parts(vectors, self.size)
        if parts is None:
            return _sample(picture, self.places(vectors), how, out)
        out = np.empty_like(picture) if out is None else out
        np.copyto(out, picture)
        places = self.places(vectors) if parts else self._places
        for part in parts:
            _sample(picture, places[part], how, out[part])
        return out


def _moving_parts(vectors: Vectors, size: tuple[int, int]) -> list[tuple[slice, slice]] | None:
    """The parts of a picture of (width, height) px in which something moves; ``None``: all of it.

    Each is a band of rows, between the first and the last column that moves there.
    """
    (h, w), (width, height) = vectors.shape[:2], size
    moves = moving(vectors)
    parts: list[tuple[slice, slice]] = []
    for i in range(_BANDS):
        top, bottom = height * i // _BANDS, height * (i + 1) // _BANDS
        band = moves[max(0, top * h // height - 1) : -(-bottom * h // height) + 1]
        columns = np.flatnonzero(band.any(axis=0))
        if len(columns) and bottom > top:
            left, right = max(0, columns[0] - 1), min(w, columns[-1] + 2)
            parts.append((slice(top, bottom), slice(left * width // w, -(-right * width // w))))
    return None if len(parts) == _BANDS and all(c == slice(0, width) for _, c in parts) else parts


def _centres(count: int, length: int) -> Vectors:
    """The middles of ``count`` equal parts of a length, px; the first pixel's is 0."""
    return ((np.arange(count) + 0.5) * (length / count) - 0.5).astype(np.float32)


def _sample(picture: NDArray[Any], places: Vectors, how: int, out: Any) -> Any:
    return cv2.remap(picture, places, None, how, out, borderMode=cv2.BORDER_REPLICATE)  # pyright: ignore[reportCallIssue, reportArgumentType]

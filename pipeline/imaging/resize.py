"""Painting at another size than the frame's: strokes as large as wanted, edges as sharp as were.

A net's strokes are some pixels wide, whatever the picture's size. Painted at a size that is fixed
in lines, a film looks the same at 480p and at 4K; what the larger frame shows beyond that is given
back from the frame itself, as far as the painting follows it there.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Picture, Plane, Rgb, Yuv

LINES = 720
"""Short side of the picture that is painted at ``--style-scale 1``, px."""

_MOST = 16384  # px, of a side

_AROUND = (7, 7)  # px of the painted size, over which painting and source are compared
_FLAT = 25.0  # variance, grey levels squared, below which the source says nothing of the painting


def work_size(
    height: int, width: int, scale: float | None, most_pixels: int = 0
) -> tuple[int, int]:
    """(height, width) at which a picture is painted, both even; its own where nothing else is told.

    A picture that is very thin, or strokes that are very small, are painted at most ``_MOST`` long.

    Args:
        height: of the picture.
        width: likewise.
        scale: of the strokes, where 1 is as where the short side is ``LINES``.
        most_pixels: that are painted, about; 0: any number.
    """
    room = (most_pixels / (height * width)) ** 0.5 if most_pixels else math.inf
    if scale is None and room >= 1:
        return height, width
    wanted = 1.0 if scale is None else LINES / scale / min(height, width)
    share = min(wanted, room, _MOST / max(height, width))
    return scaled_size(height, width, share)


def scaled_size(height: int, width: int, share: float) -> tuple[int, int]:
    """(height, width) times ``share``, both even."""
    return max(2, round(height * share / 2) * 2), max(2, round(width * share / 2) * 2)


def resize_picture(picture: Picture, size: tuple[int, int]) -> Picture:
    """The picture at (height, width)."""
    if picture.shape[:2] == size:
        return picture
    if not isinstance(picture, Yuv):
        return resize_pixels(picture, size)
    half = (size[0] // 2, size[1] // 2)
    return Yuv(
        resize_pixels(picture.y, size),
        resize_pixels(picture.u, half),
        resize_pixels(picture.v, half),
        picture.coding,
    )


def restore_detail(painted: Picture, source: Picture, small: Picture) -> Picture:
    """The painting at its source's size, with the source's fine detail where it follows that.

    Brightness of the painting ≈ a · brightness of the source + b around every pixel, as in a guided
    filter (He 2013, equation 5), fitted where it was painted; a scales the detail that is added, so
    that strokes of their own stay as they are.

    Args:
        painted: of ``small``.
        source: the frame.
        small: the frame at the size at which it was painted.
    """
    if painted.shape == source.shape:
        return painted
    height, width = source.shape[:2]
    large = resize_picture(painted, (height, width))
    if small.shape[0] > height:
        return large
    detail = np.subtract(
        _brightness(source), resize_pixels(_brightness(small), (height, width)), dtype=np.float32
    )
    share = cv2.resize(_follows(_brightness(painted), _brightness(small)), (width, height))
    added = cv2.multiply(detail, share)
    if isinstance(large, Yuv):
        return Yuv(_sum(large.y, added), large.u, large.v, large.coding)
    return _sum(large, cv2.merge([added] * 3))


def _follows(painted: Plane, source: Plane) -> NDArray[np.float32]:
    """How far the painting's brightness follows the source's around every pixel, 0..1."""
    p, s = (np.asarray(x, np.float32) for x in (painted, source))
    mean_p, mean_s, product, square = (cv2.blur(x, _AROUND) for x in (p, s, p * s, s * s))
    slope = (product - mean_p * mean_s) / (square - mean_s * mean_s + _FLAT)
    return np.clip(slope, 0, 1, dtype=np.float32)


def _brightness(picture: Picture) -> Plane:
    if isinstance(picture, Yuv):
        return picture.y
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def resize_pixels(plane: NDArray[Any], size: tuple[int, int]) -> Any:
    """Pixels of any type and channels at (height, width); area down, cubic up."""
    if plane.shape[:2] == size:
        return plane
    how = cv2.INTER_AREA if size[0] < plane.shape[0] else cv2.INTER_CUBIC
    return cv2.resize(plane, size[::-1], interpolation=how)


def _sum(plane: NDArray[Any], added: Any) -> Any:
    return cv2.add(plane, added, dtype=cv2.CV_8U)  # pyright: ignore[reportCallIssue, reportArgumentType]


LONGEST = 480
"""Longest side of the pictures that flow is computed on, px."""


def reduce_for_flow(picture: Picture, longest: int = LONGEST) -> Rgb:
    """The picture in RGB, its longest side at most ``longest``, by an integer factor."""
    height, width = picture.shape[:2]
    factor = -(-max(height, width) // longest)
    size = (max(1, width // factor), max(1, height // factor))
    if isinstance(picture, Yuv):
        return picture.rgb(size, cv2.INTER_AREA)
    rgb = picture
    if factor == 1:
        return rgb
    whole = rgb[: size[1] * factor, : size[0] * factor] if min(size) > 1 else rgb
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.uint8)


def tile_spans(length: int, tile: int, rim: int) -> list[tuple[int, int, int]]:
    """Where tiles begin, and the stretch (begin, end) that is taken from each.

    Args:
        length: of the whole, at least ``tile``.
        tile: of a part, more than two rims.
        rim: what a part can't paint as the whole picture would be; its neighbour does.
    """
    starts = sorted({*range(0, length - tile, tile - 2 * rim), length - tile})
    begins = [0, *(s + rim for s in starts[1:])]
    ends = [*begins[1:], length]
    return list(zip(starts, begins, ends, strict=True))

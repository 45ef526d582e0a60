"""Resize pictures, and choose the size at which a frame is painted.

A net's strokes are some pixels wide, whatever the picture's size. Painted at a fixed size, a film
looks the same at 480p and at 4K. The detail that the larger frame has beyond that size is added
from the frame itself, as far as the painting follows the frame there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Frame, Picture, Plane, Rgb, SourcePicture, Yuv, as_rgb, eight_bits

Pixels = TypeVar("Pixels", bound=NDArray[Any])

Size = tuple[int, int]
"""(height, width), px."""

BASE_SIDE = 720
"""Short side of the picture that is painted at ``--style-scale 1``, px."""

FLOW_SIDE = 480
"""Longest side of the pictures that flow is computed on, px."""

_ABOUT = 0.8  # of a side: what is gained by painting fewer pixels is not worth what is lost
_LONGEST_SIDE = 16384  # px; a very thin picture is not painted longer

_WINDOW = (3, 3)  # px of half the painted size, in which painting and source are compared
_LITTLE = 1.6  # factor up to which bilinear weights, a fifth of the time, are about those of areas
_FLAT = 25.0  # variance, grey levels squared, below which the source says nothing of the painting


# ---- pixels ----


def resize_area(pixels: Pixels, size: Size) -> Pixels:
    """Resize by averaging the pixels that fall into each new one: the exact way to reduce.

    Args:
        pixels: (H, W) or (H, W, C), any type and range.
        size: (height, width) of the result.

    Returns:
        (height, width) or (height, width, C), of the same type and range.
    """
    return _resize(pixels, size, cv2.INTER_AREA)


def resize_linear(pixels: Pixels, size: Size, out: Pixels | None = None) -> Pixels:
    """Resize by bilinear interpolation.

    Args:
        pixels: (H, W) or (H, W, C), any type and range.
        size: (height, width) of the result.
        out: an array of the result's shape and type, which is overwritten and returned.

    Returns:
        (height, width) or (height, width, C), of the same type and range.
    """
    return _resize(pixels, size, cv2.INTER_LINEAR, out)


def resize_pixels(pixels: Pixels, size: Size) -> Pixels:
    """Resize a picture for display: by area when it shrinks, else by cubic interpolation.

    OpenCV is quick at areas of whole pixels only. So what is left after these is bilinear: shrunk
    by little, its weights are about the same.

    Args:
        pixels: (H, W) or (H, W, C), any type and range; returned as it is if it has the size.
        size: (height, width) of the result.

    Returns:
        (height, width) or (height, width, C), of the same type and range.
    """
    if pixels.shape[:2] == size:
        return pixels
    height, width = pixels.shape[:2]
    shrinks = max(height / size[0], width / size[1])
    whole = int(shrinks)
    if whole > 1 and not (height % whole or width % whole):
        pixels = resize_area(pixels, (height // whole, width // whole))
        shrinks /= whole
    if pixels.shape[:2] == size:
        return pixels
    if shrinks > _LITTLE:
        return _resize(pixels, size, cv2.INTER_AREA)
    return _resize(pixels, size, cv2.INTER_LINEAR if shrinks > 1 else cv2.INTER_CUBIC)


def _resize(pixels: NDArray[Any], size: Size, how: int, out: NDArray[Any] | None = None) -> Any:
    return cv2.resize(pixels, size[::-1], out, interpolation=how)


# ---- pictures ----


def resize_picture(picture: Picture, size: Size) -> Picture:
    """Resize a picture with ``resize_pixels``; planes stay planes.

    Args:
        picture: (H, W, 3) uint8, 0–255, RGB; or ``Yuv`` planes, (H, W) and twice (H/2, W/2).
        size: (height, width) of the result; even for planes.

    Returns:
        A picture of the same kind.
    """
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


def reduce_for_flow(picture: Picture, side: int = FLOW_SIDE) -> SourcePicture:
    """Reduce a picture, so that its longest side is at most ``side``; planes stay planes.

    Args:
        picture: (H, W, 3), RGB; or ``Yuv`` planes.
        side: the limit, px.

    Returns:
        (H // k, W // k, 3) uint8, 0–255, RGB; or ``Yuv`` planes of that size, made even.
    """
    size = _flow_size(picture.shape[0], picture.shape[1], side)
    if not isinstance(picture, Yuv):
        return eight_bits(reduce_pixels(picture, size))
    half = max(1, size[0] // 2), max(1, size[1] // 2)
    size = 2 * half[0], 2 * half[1]
    u, v = reduce_pixels(picture.u, half), reduce_pixels(picture.v, half)
    return Yuv(reduce_pixels(picture.y, size), u, v, picture.coding)


def reduced_of(frame: Frame) -> SourcePicture:
    """A frame's source, reduced for flow: as it was reduced before, if it was."""
    return frame.reduced if frame.reduced is not None else reduce_for_flow(frame.source)


def _flow_size(height: int, width: int, side: int) -> Size:
    """The size of a picture that is reduced for flow."""
    factor = -(-max(height, width) // side)
    return max(1, height // factor), max(1, width // factor)


def reduce_pixels(pixels: Pixels, size: Size) -> Pixels:
    """Halve pixels as often as they are twice as large; the rest is done by linear interpolation.

    An area of three by three, or of any but whole pixels, takes OpenCV seven times as long.
    """
    height, width = pixels.shape[:2]
    while height >= 2 * size[0] or width >= 2 * size[1]:
        height = height // 2 if height >= 2 * size[0] else height
        width = width // 2 if width >= 2 * size[1] else width
        pixels = resize_area(pixels, (height, width))
    return pixels if (height, width) == size else resize_linear(pixels, size)


def limit_side(rgb: Rgb, side: int) -> Rgb:
    """Reduce a picture, by any factor, so that its longest side is at most ``side`` px.

    Args:
        rgb: (H, W, 3) uint8, 0–255, RGB.
        side: the limit, px.

    Returns:
        (h, w, 3) uint8, 0–255, RGB; ``rgb`` itself if it is small enough.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return rgb if size == (height, width) else resize_area(rgb, size)


# ---- the size at which a frame is painted ----


@dataclass(frozen=True)
class StrokeScale:
    """How large the strokes are that a frame is painted with."""

    size: float
    """1: as in a frame with a short side of ``BASE_SIDE``; 2: twice as large."""
    enlarge: bool = True
    """Frames that are too small for it are enlarged; else they are painted as they are, and so are
    those of about its size."""


def work_size(height: int, width: int, scale: StrokeScale | None, most_pixels: int = 0) -> Size:
    """Choose the (height, width) at which a picture is painted.

    Both sides are even, unless the picture is painted at its own size. No side is longer than
    ``_LONGEST_SIDE``.

    Args:
        height: the height of the picture, px.
        width: the width of the picture, px.
        scale: the size of the strokes; ``None`` paints at the picture's own size.
        most_pixels: roughly the largest number of pixels to paint; 0 sets no limit.
    """
    room = (most_pixels / (height * width)) ** 0.5 if most_pixels else math.inf
    by_strokes = 1.0 if scale is None else BASE_SIDE / scale.size / min(height, width)
    as_it_is = scale is None or (not scale.enlarge and by_strokes >= _ABOUT)
    if as_it_is and room >= 1:
        return height, width
    factor = min(1.0 if as_it_is else by_strokes, room, _LONGEST_SIDE / max(height, width))
    return scaled_size(height, width, factor)


def scaled_size(height: int, width: int, factor: float) -> Size:
    """Multiply (height, width) by ``factor``, and round both to even numbers of at least 2."""
    return max(2, round(height * factor / 2) * 2), max(2, round(width * factor / 2) * 2)


def restore_detail(painted: Picture, source: Picture, small: Picture) -> Picture:
    """Enlarge a painting to its source's size and add the source's fine detail.

    Brightness of the painting ≈ a · brightness of the source + b around every pixel, as in a guided
    filter (He 2013, equation 5), fitted at the painted size. The detail is multiplied by a, so that
    strokes which the source does not have stay as they are.

    Args:
        painted: what ``small`` became: (h, w, 3) uint8, 0–255, RGB; or ``Yuv`` planes.
        source: the frame, (H, W, 3) uint8, 0–255, RGB; or ``Yuv`` planes.
        small: the frame at the painted size, of the source's kind.

    Returns:
        A picture of the painting's kind and the source's size.
    """
    if painted.shape == source.shape:
        return painted
    size = source.shape[:2]
    large = resize_picture(painted, size)
    if small.shape[0] > size[0]:
        return large
    blurred = resize_pixels(brightness(small), size)
    detail: Any = cv2.subtract(brightness(source), blurred, dtype=cv2.CV_32F)
    slope = resize_linear(_slope(brightness(painted), brightness(small)), size)
    added = cv2.multiply(detail, slope, dst=detail)
    if isinstance(large, Yuv):
        return Yuv(_add(large.y, added), large.u, large.v, large.coding)
    return _add(large, cv2.merge([added] * 3))


def _slope(painted: Plane, source: Plane) -> NDArray[np.float32]:
    """How far the painting's brightness follows the source's around every pixel, 0..1.

    Returns:
        (H / 2, W / 2): it is smooth.
    """
    height, width = painted.shape
    half = (max(1, height // 2), max(1, width // 2))
    p, s = (np.asarray(x, np.float32) for x in (painted, source))
    moments = (resize_area(x, half) for x in (p, s, cv2.multiply(p, s), cv2.multiply(s, s)))
    mean_p, mean_s, product, square = (cv2.blur(x, _WINDOW) for x in moments)
    slope = (product - mean_p * mean_s) / (square - mean_s * mean_s + _FLAT)
    return np.clip(slope, 0, 1, dtype=np.float32)


def brightness(picture: Picture) -> Plane:
    """A picture's brightness, (H, W) uint8, 0–255; of planes the Y plane."""
    if isinstance(picture, Yuv):
        return picture.y
    return np.asarray(cv2.cvtColor(as_rgb(picture), cv2.COLOR_RGB2GRAY), np.uint8)


def _add(plane: NDArray[Any], added: Any) -> Any:
    return cv2.add(plane, added, dtype=cv2.CV_8U)  # pyright: ignore[reportCallIssue, reportArgumentType]


# ---- tiles ----


def tile_spans(length: int, tile: int, rim: int) -> list[tuple[int, int, int]]:
    """Cut a length into overlapping tiles: where each begins, and the part that is used of it.

    Args:
        length: the whole length, px; at least ``tile``.
        tile: the length of a tile, px; more than two rims.
        rim: px at a tile's edge that differ from the painting of the whole picture; they are taken
            from the neighbour.

    Returns:
        (start of the tile, begin and end of the part) for each tile, px of the whole.
    """
    if length == tile:  # a rim may then be half of it
        return [(0, 0, length)]
    starts = sorted({*range(0, length - tile, tile - 2 * rim), length - tile})
    begins = [0, *(s + rim for s in starts[1:])]
    ends = [*begins[1:], length]
    return list(zip(starts, begins, ends, strict=True))

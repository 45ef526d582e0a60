"""Pictures with alpha, upright: OpenCV follows the EXIF tag only where it drops alpha."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .adapters import Orientation

Decode = Callable[[int], NDArray[Any]]
"""Decodes a picture, given OpenCV's flags."""

COLOR = cv2.IMREAD_COLOR_BGR | cv2.IMREAD_ANYDEPTH
"""Upright, 3 channels, in the file's own bits. (IMREAD_COLOR_RGB gives wrong pixels for TIFFs of 16
bits, OpenCV 5.0.0.)"""

_TIFF = (b"II*\0", b"MM\0*")
_EXIF = (b"eXIf", b"EXIF", b"Exif\0\0")  # before the TIFF header in PNG, WebP and AVIF

# EXIF's orientation → how the picture is turned upright.
_TURNS = {
    2: Orientation(0, flip=True),
    3: Orientation(2),
    4: Orientation(2, flip=True),
    5: Orientation(3, flip=True),
    6: Orientation(1),
    7: Orientation(1, flip=True),
    8: Orientation(3),
}
_ORIENTATION, _SHORT = 0x0112, 3


def may_have_alpha(encoded: bytes) -> bool:
    """Whether a picture file can hold transparent pixels, by its first bytes."""
    if encoded.startswith(b"\x89PNG"):
        return encoded[25:26] in (b"\x04", b"\x06") or has_transparent_color(encoded)
    if encoded[8:12] == b"WEBP":
        flags = {b"VP8X": encoded[20:21], b"VP8L": encoded[24:25]}.get(encoded[12:16], b"")
        return any(byte & 0x10 for byte in flags)
    return is_tiff(encoded) or encoded[4:12] == b"ftypavif"


def is_tiff(encoded: bytes) -> bool:
    """Whether a file is a TIFF."""
    return encoded[:4] in _TIFF


def has_transparent_color(encoded: bytes) -> bool:
    """Whether a PNG names colours that are transparent; OpenCV does not read those of greys."""
    head = encoded[: max(0, encoded.find(b"IDAT"))]
    return encoded.startswith(b"\x89PNG") and b"tRNS" in head


def decode_with_alpha(color: NDArray[Any], decode: Decode, encoded: bytes) -> NDArray[Any]:
    """Decode a picture that may have alpha, upright.

    Args:
        color: the picture decoded as ``COLOR``.
        decode: of the picture.
        encoded: the file.

    Returns:
        (H, W, 4), BGRA, or (H, W, 3), BGR, if it has none; in the file's own bits.
    """
    stored = decode(cv2.IMREAD_UNCHANGED)
    if stored.ndim != 3 or stored.shape[2] != 4 or stored.dtype != color.dtype:
        return color
    is_turned = is_tiff(encoded) and np.array_equal(stored[..., :3], color)  # by libtiff
    turned = stored if is_turned else upright(stored, encoded)
    return turned if turned.shape[:2] == color.shape[:2] else color


def upright(pixels: NDArray[Any], encoded: bytes) -> NDArray[Any]:
    """Pixels as they are stored, turned by the EXIF orientation of their file."""
    return _TURNS.get(_orientation(encoded), Orientation())(pixels)


def _orientation(encoded: bytes) -> int:
    """EXIF's orientation, 1 to 8; 1 where there is none."""
    start = 0 if is_tiff(encoded) else _tiff_header(encoded)
    if start < 0:
        return 1
    order = "<" if encoded[start : start + 2] == b"II" else ">"
    try:
        (place,) = struct.unpack_from(order + "I", encoded, start + 4)
        (count,) = struct.unpack_from(order + "H", encoded, start + place)
        for entry in range(start + place + 2, start + place + 2 + 12 * min(count, 512), 12):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", encoded, entry)
            if (tag, kind) == (_ORIENTATION, _SHORT):
                return value
    except struct.error:  # it ends too early
        pass
    return 1


def _tiff_header(encoded: bytes) -> int:
    """Where EXIF begins in a file of another kind; −1: it has none."""
    for mark in _EXIF:
        place = encoded.find(mark)
        found = [encoded.find(magic, place, place + 20) for magic in _TIFF] if place >= 0 else []
        if any(start >= 0 for start in found):
            return max(found)
    return -1

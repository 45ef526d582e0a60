"""Pictures with alpha, upright: OpenCV follows the EXIF tag only where it drops alpha."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Decode = Callable[[int], NDArray[Any]]
"""Decodes a picture, given OpenCV's flags."""

COLOR = cv2.IMREAD_COLOR_BGR | cv2.IMREAD_ANYDEPTH
"""Upright, 3 channels, in the file's own bits. (IMREAD_COLOR_RGB gives wrong pixels for TIFFs of 16
bits, OpenCV 5.0.0.)"""


def may_have_alpha(encoded: bytes) -> bool:
    """Whether a picture file can hold transparent pixels, by its first bytes."""
    if encoded.startswith(b"\x89PNG"):
        head = encoded[: max(0, encoded.find(b"IDAT"))]
        return encoded[25:26] in (b"\x04", b"\x06") or b"tRNS" in head
    if encoded[8:12] == b"WEBP":
        flags = {b"VP8X": encoded[20:21], b"VP8L": encoded[24:25]}.get(encoded[12:16], b"")
        return any(byte & 0x10 for byte in flags)
    return encoded[:4] in (b"II*\0", b"MM\0*") or encoded[4:12] == b"ftypavif"


def decode_with_alpha(decode: Decode) -> NDArray[Any]:
    """Decode a picture that may have alpha, upright.

    Returns:
        (H, W, 4), BGRA, or (H, W, 3), BGR, if it has none; in the file's own bits.
    """
    color, stored = decode(COLOR), decode(cv2.IMREAD_UNCHANGED)
    if stored.ndim != 3 or stored.shape[2] != 4 or stored.dtype != color.dtype:
        return color
    for quarters, flip in product(range(4), (False, True)):
        turned = np.rot90(stored[:, ::-1] if flip else stored, quarters)
        if turned.shape[:2] == color.shape[:2] and np.array_equal(turned[..., :3], color):
            return np.ascontiguousarray(turned)
    return color

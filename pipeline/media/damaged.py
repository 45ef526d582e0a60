"""Decode pictures that are damaged, as far as that can be done."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.library_messages import complaints
from .declared_size import MOST_BYTES, declared_size

# Warnings of libraries are about harmless things, as a colour profile; these are about pixels.
_DAMAGE = re.compile(rb"Corrupt JPEG data|Premature end|TIFF_Error|\[ERROR")

_END_OF_JPEG = b"\xff\xd9" * 2


def decode_picture(encoded: bytes, how: int) -> tuple[NDArray[Any] | None, bool]:
    """Decode a picture with OpenCV, a damaged one as far as it goes.

    Args:
        encoded: the file's bytes.
        how: OpenCV's flags.

    Returns:
        The pixels, ``None`` if nothing can be decoded; and whether the picture is damaged, as far
        as that can be known.
    """
    with complaints() as lines:
        pixels = _imdecode(encoded, how)
        is_whole = pixels is not None
        if pixels is None and (padding := _padding(encoded)):
            pixels = _imdecode(encoded + padding, how)
    return pixels, not is_whole or any(map(_DAMAGE.search, lines))


def _imdecode(encoded: bytes, how: int) -> NDArray[Any] | None:
    try:
        return cv2.imdecode(np.frombuffer(encoded, np.uint8), how) if encoded else None
    except cv2.error:  # more pixels than OpenCV takes, or a header that contradicts itself
        return None


def _padding(encoded: bytes) -> bytes:
    """What a file that was cut off lacks, for a decoder that refuses a short one."""
    if encoded.startswith(b"\xff\xd8"):
        return _END_OF_JPEG
    if encoded.startswith((b"BM", b"II", b"MM")):
        width, height = declared_size(BytesIO(encoded)) or (0, 0)
        return bytes(min(8 * width * height, MOST_BYTES))
    return b""

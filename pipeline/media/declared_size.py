"""Sizes as headers declare them: a picture of a billion pixels is refused before it is decoded.

A file of 200 bytes can declare 32,000 × 32,000 pixels, and a decoder takes memory for them at once.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from ..core.errors import SourceError, reason

MOST_PIXELS = 2**28
"""Of a frame or picture: 16,384 × 16,384. Painting one takes about 4 GB."""

MOST_BYTES = 8 * MOST_PIXELS
"""Of a picture's file: 16 bits for each of four channels, not compressed."""

_MOST_SEGMENTS = 10_000  # before the picture in a JPEG

Size = tuple[int, int]
"""Width and height, px."""


def refuse_pixels(name: str, width: int, height: int) -> None:
    """Refuse what is too large to be painted.

    Args:
        name: what has that size, for the message.
        width: px.
        height: px.

    Raises:
        SourceError: it has more than ``MOST_PIXELS``.
    """
    if width * height > MOST_PIXELS:
        raise SourceError(
            f"{name} is {width}x{height}, {width * height / 1e6:.0f} million pixels; at most "
            f"{MOST_PIXELS / 1e6:.0f} million are painted: make it smaller"
        )


def refuse_large_picture(path: Path) -> None:
    """Refuse a picture by what its header declares.

    Raises:
        SourceError: it declares too many pixels, its file is too long, or can't be read.
    """
    try:
        with path.open("rb") as file:
            size = declared_size(file)
            length = file.seek(0, 2)
    except (OSError, ValueError) as error:
        raise SourceError(f"picture {path} can't be read: {reason(error)}") from error
    if size is not None:
        refuse_pixels(f"picture {path}", *size)
    if length > MOST_BYTES:
        raise SourceError(
            f"picture {path} has {length / 1e9:.1f} GB; at most {MOST_BYTES / 1e9:.1f} are read"
        )


def declared_size(file: BinaryIO) -> Size | None:
    """The size in the header of a PNG, JPEG, TIFF, WebP or BMP; ``None`` where there is none."""
    head = file.read(32)
    for magic, read in _READERS.items():
        if head.startswith(magic):
            try:
                return read(file, head)
            except (struct.error, IndexError):  # it ends too early
                return None
    return None


def _png(file: BinaryIO, head: bytes) -> Size:
    width, height = struct.unpack_from(">II", head, 16)
    return width, height


def _bmp(file: BinaryIO, head: bytes) -> Size:
    (kind,) = struct.unpack_from("<I", head, 14)
    width, height = struct.unpack_from("<HH" if kind == 12 else "<ii", head, 18)
    return abs(width), abs(height)  # a negative height: from top to bottom


def _webp(file: BinaryIO, head: bytes) -> Size | None:
    kind = head[12:16]
    if len(head) < 30:
        return None
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", head, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg(file: BinaryIO, head: bytes) -> Size | None:
    """The first frame header (SOF) in the chain of segments."""
    place = 2
    for _ in range(_MOST_SEGMENTS):
        file.seek(place)
        segment = file.read(9)
        mark, code = segment[0], segment[1]
        if mark != 0xFF:
            return None
        if code == 0xFF or code == 0x01 or 0xD0 <= code <= 0xD8:  # fill, or no length
            place += 1 if code == 0xFF else 2
            continue
        length, height, width = struct.unpack_from(">HxHH", segment, 2)
        if 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC):
            return width, height
        if code in (0xD9, 0xDA):
            return None
        place += 2 + length
    return None


def _tiff(file: BinaryIO, head: bytes) -> Size | None:
    """Tags 256 and 257 of the first directory; BigTIFF has wider numbers."""
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", head, 2)[0] == 43
    (place,) = struct.unpack_from(order + ("Q" if big else "I"), head, 8 if big else 4)
    file.seek(place)
    wide, entry_size = ("Q", 20) if big else ("H", 12)
    (count,) = struct.unpack(order + wide, file.read(struct.calcsize(wide)))
    sides: dict[int, int] = {}
    for _ in range(min(count, 4096)):
        entry = file.read(entry_size)
        tag, kind = struct.unpack_from(order + "HH", entry)
        if tag in (256, 257) and kind in _INTEGERS:
            (sides[tag],) = struct.unpack_from(order + _INTEGERS[kind], entry, 12 if big else 8)
    return (sides[256], sides[257]) if len(sides) == 2 else None


_INTEGERS = {3: "H", 4: "I", 16: "Q"}

_READERS: dict[bytes, Callable[[BinaryIO, bytes], Size | None]] = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"\xff\xd8": _jpeg,
    b"BM": _bmp,
    b"RIFF": _webp,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
    b"II+\0": _tiff,
    b"MM\0+": _tiff,
}

"""How long an animation's last picture is displayed: FFmpeg's muxers of APNG and WebP guess."""

from __future__ import annotations

import zlib
from fractions import Fraction
from io import BufferedRandom
from pathlib import Path

_PNG_HEADER = 8
_RIFF_HEADER = 12
_MOST = 0xFFFF


def set_last_delay(path: Path, container: str, delay: Fraction) -> None:
    """Write the duration of the last frame into a finished file.

    Args:
        path: the file.
        container: ``apng`` or ``webp``; others are left as they are.
        delay: seconds.
    """
    with path.open("r+b") as file:
        if container == "apng":
            _set_in_apng(file, delay)
        elif container == "webp":
            _set_in_webp(file, min(round(delay * 1000), 0xFFFFFF))


def _set_in_apng(file: BufferedRandom, delay: Fraction) -> None:
    """Its last fcTL: at byte 20 the delay's numerator and denominator, 16 bits each."""
    place, last = _PNG_HEADER, None
    while head := _read_at(file, place, 8):
        size = int.from_bytes(head[:4], "big")
        last = (place, size) if head[4:] == b"fcTL" else last
        place += 12 + size  # length, name, check sum
    if last is None:
        return
    start, size = last
    chunk = bytearray(_read_at(file, start + 4, 4 + size))
    parts = next((n for n in (1000, 100, 10) if delay * n <= _MOST), 1)  # of a second
    count = min(_MOST, round(delay * parts))
    chunk[24:28] = count.to_bytes(2, "big") + parts.to_bytes(2, "big")
    file.seek(start + 4)
    file.write(chunk + zlib.crc32(chunk).to_bytes(4, "big"))


def _set_in_webp(file: BufferedRandom, milliseconds: int) -> None:
    """Its last ANMF: at byte 12 the duration, 24 bits."""
    place, last = _RIFF_HEADER, None
    while head := _read_at(file, place, 8):
        size = int.from_bytes(head[4:], "little")
        last = place if head[:4] == b"ANMF" else last
        place += 8 + size + size % 2
    if last is not None:
        file.seek(last + 8 + 12)
        file.write(milliseconds.to_bytes(3, "little"))


def _read_at(file: BufferedRandom, place: int, count: int) -> bytes:
    """So many bytes; none where the file ends before."""
    file.seek(place)
    data = file.read(count)
    return data if len(data) == count else b""

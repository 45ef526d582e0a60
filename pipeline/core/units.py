"""Parse sizes, times, weights and bit rates as users type them."""

from __future__ import annotations

import math
import re
from fractions import Fraction

_LARGEST = 65535
_MOST_BITS = 1e10  # a second


def parse_time(text: str) -> Fraction:
    """Parse ``"75"``, ``"75.5"``, ``"1:15.5"`` or ``"0:01:15.5"`` into seconds, exactly.

    Raises:
        ValueError: the text is not a time, or is negative.
    """
    if not re.fullmatch(r"(\d{1,9}:){0,2}\d{1,9}(\.\d{1,99})?", text.strip()):
        raise ValueError(f"'{text}' is not a time; write seconds (75.5) or [HH:]MM:SS (1:15.5)")
    first, *others = (Fraction(part) for part in text.strip().split(":"))
    if any(part >= 60 for part in others):
        raise ValueError(f"'{text}' is not a time; minutes and seconds after a colon are below 60")
    seconds = first
    for part in others:
        seconds = seconds * 60 + part
    return seconds


def parse_rate(text: str) -> Fraction:
    """Parse ``"25"``, ``"30000/1001"`` or ``"29.97"`` into frames per second, exactly.

    23.976, 29.97 and 59.94 are what television means by them: 24000/1001 and so on.

    Raises:
        ValueError: the text is not a rate from 0.01 to 1000.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/(\d+))?", text.strip())
    rate = Fraction(match[1]) / int(match[2] or 1) if match and match[2] != "0" else Fraction(0)
    if not Fraction(1, 100) <= rate <= 1000:
        raise ValueError(f"'{text}' is not a frame rate; write 25, 29.97 or 30000/1001")
    television = Fraction(math.ceil(rate) * 1000, 1001)
    is_rounded = rate.denominator > 1 and abs(rate - television) < Fraction(1, 1000)
    return television if is_rounded and match and not match[2] else rate


def parse_size(text: str) -> tuple[int | None, int]:
    """Parse ``"1280x720"`` into (width, height), and ``"720p"`` into (None, height), px.

    Raises:
        ValueError: the text is not a size, or a side is below 1 or above 65535.
    """
    match = re.fullmatch(r"(?:(-?\d+)[xX×](-?\d+))|(-?\d+)p", text.strip())
    if match is None:
        raise ValueError(f"'{text}' is not a size; write 1280x720 or 720p")
    width, height, height_alone = match.groups()
    sides = [int(side) for side in (width, height, height_alone) if side is not None]
    if min(sides) < 1:
        raise ValueError(f"'{text}' has a side below 1; write 1280x720 or 720p")
    if max(sides) > _LARGEST:
        raise ValueError(f"'{text}' has a side above {_LARGEST}, more than any codec holds")
    return (None, sides[0]) if height_alone is not None else (sides[0], sides[1])


def split_weight(text: str) -> tuple[str, float]:
    """Split ``NAME:WEIGHT``; without a weight it is 1. A path may contain colons of its own."""
    name, colon, tail = text.rpartition(":")
    try:
        return (name, float(tail)) if colon and name else (text, 1.0)
    except ValueError:
        return text, 1.0


def parse_bits(text: str | None) -> int | None:
    """Parse ``4M``, ``800k`` or ``2500000`` into bits per second; ``None`` stays ``None``.

    Raises:
        ValueError: the text is not a bit rate.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([kM]?)", text)
    bits = float(match[1]) * {"": 1, "k": 1000, "M": 1_000_000}[match[2]] if match else 0.0
    if not 1 <= bits <= _MOST_BITS:
        raise ValueError("write bits per second, as 4M or 800k")
    return round(bits)


def duration_text(seconds: float) -> str:
    """``40 s``, ``3:20 min`` or ``1:05 h``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02d} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


def clock_text(seconds: Fraction) -> str:
    """A time as ``parse_time`` reads it: ``0:03.2``, ``1:15.04``, ``1:00:00``."""
    minutes, rest = divmod(round(seconds * 100), 6000)
    hours, minutes = divmod(minutes, 60)
    fine = (
        f"{rest // 100:02d}.{rest % 100:02d}".rstrip("0").rstrip(".")
        if rest % 100
        else f"{rest // 100:02d}"
    )
    return f"{hours}:{minutes:02d}:{fine}" if hours else f"{minutes}:{fine}"

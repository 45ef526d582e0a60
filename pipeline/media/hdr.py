"""What an HDR10 film says of the display it was graded on, for an encoder that keeps it.

SMPTE ST 2086 (the display) and CTA-861.3 (the brightest pixel and frame).
"""

from __future__ import annotations

import struct
from fractions import Fraction

import av

_CHROMATICITY, _LUMINANCE = 50_000, 10_000  # steps in a unit, as HEVC stores them


def hdr10_parameters(frame: av.VideoFrame) -> str:
    """The frame's HDR10 metadata as libx265 takes it: ``master-display=…:max-cll=…``; or empty."""
    parameters: list[str] = []
    try:
        display = frame.side_data.get("MASTERING_DISPLAY_METADATA")
        light = frame.side_data.get("CONTENT_LIGHT_LEVEL")
    except (KeyError, ValueError):  # side data that PyAV has no name for
        return ""
    if display is not None and len(bytes(display)) >= 88:
        parameters.append(f"master-display={_display(bytes(display))}")
    if light is not None and len(bytes(light)) >= 8:
        brightest, average = struct.unpack("<2I", bytes(light)[:8])
        parameters.append(f"max-cll={brightest},{average}")
    return ":".join(parameters)


def _display(data: bytes) -> str:
    """FFmpeg's AVMasteringDisplayMetadata: red, green, blue, white, darkest, brightest."""
    numbers = struct.unpack("<20i", data[:80])
    red, green, blue, white, (darkest, brightest) = (
        [Fraction(n, d or 1) for n, d in zip(part[::2], part[1::2], strict=True)]
        for part in (numbers[i : i + 4] for i in range(0, 20, 4))
    )
    points = (("G", green), ("B", blue), ("R", red), ("WP", white))
    text = "".join(
        f"{name}({round(x * _CHROMATICITY)},{round(y * _CHROMATICITY)})" for name, (x, y) in points
    )
    return f"{text}L({round(brightest * _LUMINANCE)},{round(darkest * _LUMINANCE)})"

"""How large an output will be, roughly, and whether it fits on its disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from .encoding import Encoding

# Encoder → bits a pixel of painted frames at its default quality, and that quality. Measured on
# two built-in styles at 640x360, and doubled: films with more motion are larger.
_BITS: dict[str, tuple[float, float | None]] = {
    "libx264": (0.24, 18),
    "libx265": (0.2, 20),
    "libvpx-vp9": (0.2, None),
    "libsvtav1": (0.2, None),
    "gif": (6, None),
    "ffv1": (8, None),
    "prores_ks": (7, None),
}
_OTHER = 0.3
_PICTURES = 13.0  # PNG
_HALF = 6  # steps of --crf that halve a file


def estimate_bytes(width: int, height: int, frames: int, encoding: Encoding | None) -> int:
    """Estimate the size of an output, within a factor of two to three.

    Args:
        width: of the frames, px.
        height: of the frames, px.
        frames: how many.
        encoding: of a film; ``None``: pictures are written.
    """
    bits = _PICTURES
    if encoding is not None:
        bits, default = _BITS.get(encoding.codec, (_OTHER, None))
        if default is not None and "crf" in encoding.options:
            bits *= 2 ** ((default - float(encoding.options["crf"])) / _HALF)
    return round(width * height * frames * min(bits, 32) / 8)


def free_bytes(folder: Path) -> int | None:
    """Bytes that are free on the disk of a folder; ``None`` where nobody knows."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def estimate_memory(width: int, height: int) -> int:
    """Bytes of memory that a process needs to render frames of this size, about.

    Measured with a fast style: 0.5 GB at 720p, 1.5 GB at 4K, which is painted at 720p.
    """
    return round(0.4e9 + 140 * width * height)


def free_memory() -> int | None:
    """Bytes of memory that are free; ``None`` where nobody knows."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        return int(text.split("MemAvailable:")[1].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        return None


def bytes_text(count: int) -> str:
    """``940 kB``, ``1.2 GB``."""
    value, units = float(count), ["B", "kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.2g} {units[0]}" if value < 100 else f"{value:.0f} {units[0]}"

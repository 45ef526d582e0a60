"""Read and write pictures; a picture, a folder or a pattern of them as a source of frames."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.errors import SinkError, SourceError
from ..core.files import PICTURE_SUFFIXES, atomic_write
from ..core.frame import ALL, Frame, Plane, Rgb, Rgb8Or16, Span, eight_bits, resized
from .color import BT709
from .damaged import decode_picture
from .declared_size import refuse_large_picture
from .source import SourceInfo, fit_size

log = logging.getLogger(__name__)


class PictureSource:
    """Pictures as frames of a constant rate, all resized to the size of the first.

    Args:
        name: the source as the user typed it.
        paths: the pictures, in order.
        size: see ``fit_size``.
        fps: frames per second.

    Raises:
        SourceError: there is no picture, one is too large, or the first can't be decoded.
    """

    def __init__(self, name: str, paths: list[Path], size: str | None, fps: Fraction) -> None:
        if not paths:
            kinds = " ".join(sorted(PICTURE_SUFFIXES))
            raise SourceError(f"{name} holds no pictures ({kinds})")
        self.paths = paths
        for path in paths:
            refuse_large_picture(path)
        height, width = read_picture(paths[0]).shape[:2]
        width, height = fit_size(size, width, height, Fraction(1))
        self.info = SourceInfo(
            name=name,
            width=width,
            height=height,
            time_base=1 / fps,
            rate=fps,
            frames=len(paths),
            start=Fraction(0),
            duration=len(paths) / fps,
            color=BT709,
            sample_aspect=Fraction(1),
            files=tuple(paths),
            container=None,
        )

    def frames(self, span: Span = ALL, planar: bool = False) -> Generator[Frame]:
        """See ``Source.frames``."""
        size = (self.info.width, self.info.height)
        others = 0
        for number, path in enumerate(self.paths):
            if not span.holds(number * self.info.time_base):
                continue
            rgb = read_picture(path)
            if rgb.shape[1::-1] != size:
                others += 1
                rgb = resized(rgb, size, cv2.INTER_AREA)
            yield Frame(rgb, number, self.info.time_base, 1)
        if others and len(self.paths) > 1:
            log.warning("%d pictures were resized to %dx%d", others, *size)

    def count_before(self, time: Fraction) -> int:
        """See ``Source.count_before``."""
        return sum(number * self.info.time_base < time for number in range(len(self.paths)))

    def alphas(self) -> Generator[tuple[Fraction, Plane]]:
        """See ``Source.alphas``."""
        for number, path in enumerate(self.paths):
            rgba = _decode(path, cv2.IMREAD_UNCHANGED)
            if rgba.ndim != 3 or rgba.shape[2] != 4:
                raise SourceError(f"{path} has no alpha channel")
            alpha = rgba[..., 3] if rgba.dtype == np.uint8 else rgba[..., 3] // 257
            yield number * self.info.time_base, np.asarray(alpha, np.uint8)


# ---- reading ----

_noted = set[Path]()  # damaged pictures: each is said once, however often it is read


def read_picture(path: Path) -> Rgb:
    """Read a picture in 8 bits: (H, W, 3) uint8, 0–255, RGB.

    Raises:
        SourceError: the file can't be read or decoded.
    """
    return np.asarray(_decode(path, cv2.IMREAD_COLOR_RGB), np.uint8)


def picture_size(path: Path) -> tuple[int, int]:
    """Read the (width, height) of a picture, px.

    Raises:
        SourceError: the file can't be read or decoded.
    """
    height, width = read_picture(path).shape[:2]
    return width, height


def read_8_or_16_bit(path: Path) -> Rgb8Or16:
    """Read a picture in its own bits: (H, W, 3) uint8, 0–255, or uint16, 0–65535, RGB.

    Transparent parts are black.

    Raises:
        SourceError: the file can't be read or decoded, or has other numbers.
    """
    # IMREAD_COLOR_RGB gives wrong pixels for TIFFs of 16 bits (OpenCV 5.0.0).
    bgr = _decode(path, cv2.IMREAD_COLOR_BGR | cv2.IMREAD_ANYDEPTH)
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    if rgb.dtype == np.uint16:
        return np.asarray(rgb, np.uint16)
    if rgb.dtype != np.uint8:
        raise SourceError(f"picture {path} holds {rgb.dtype}; 8 and 16 bits are read")
    return np.asarray(rgb, np.uint8)


def _decode(path: Path, how: int) -> NDArray[Any]:
    """Read a file and decode it, ``how`` being OpenCV's flags."""
    refuse_large_picture(path)
    try:
        encoded = path.read_bytes()
    except OSError as error:
        raise SourceError(f"picture {path} can't be read: {error.strerror}") from error
    pixels, is_damaged = decode_picture(encoded, how)
    if pixels is None:
        raise SourceError(f"picture {path} can't be decoded")
    if is_damaged and path not in _noted:
        _noted.add(path)
        log.warning("picture %s is damaged; what can be decoded of it is used", path)
    return pixels


# ---- names ----


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """A sort key that compares numbers as numbers."""
    parts = re.split(r"(\d+)", str(path).lower())
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]


def pictures_in(folder: Path) -> list[Path]:
    """List the pictures of a folder, ``2.png`` before ``10.png``."""
    pictures = (p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    return sorted(pictures, key=_natural)


def pictures_like(pattern: str) -> list[Path]:
    """List the pictures of ``frames/*.png`` or, with a printf number, ``frames/%05d.png``."""
    path = Path(pattern)
    number = re.search(r"%0?\d*d", path.name)
    if number is None:
        files = path.parent.glob(path.name)
        return sorted((p for p in files if p.suffix.lower() in PICTURE_SUFFIXES), key=_natural)
    before, after = (re.escape(part) for part in re.split(r"%0?\d*d", path.name, maxsplit=1))
    name = re.compile(rf"{before}\d+{after}")
    if not path.parent.is_dir():
        return []
    return sorted((p for p in path.parent.iterdir() if name.fullmatch(p.name)), key=_natural)


# ---- writing ----

SIXTEEN_BIT_SUFFIXES = frozenset({".png", ".tif", ".tiff"})
"""Endings of the picture files that can have 16 bits."""


def picture_bytes(rgb: Rgb8Or16, name: str, *options: int) -> bytes:
    """Encode a picture in the format of its file name; in 8 bits if that can't have 16.

    Args:
        rgb: (H, W, 3) uint8, 0–255, or uint16, 0–65535, RGB.
        name: the name of the file; its ending names the format.
        options: pairs of OpenCV's ``IMWRITE_…`` and its value.

    Raises:
        SinkError: the picture can't be encoded.
    """
    suffix = Path(name).suffix
    if rgb.dtype == np.uint16 and suffix.lower() not in SIXTEEN_BIT_SUFFIXES:
        rgb = eight_bits(rgb)
    done, encoded = cv2.imencode(suffix, rgb[..., ::-1], list(options))
    if not done:
        raise SinkError(f"picture {name} can't be encoded")
    return encoded.tobytes()


def write_picture(path: Path, rgb: Rgb8Or16) -> None:
    """Write a picture completely or not at all; see ``picture_bytes``.

    Args:
        path: the file; replaced if it exists.
        rgb: (H, W, 3) uint8, 0–255, or uint16, 0–65535, RGB.

    Raises:
        SinkError: the picture can't be encoded or written.
    """
    with atomic_write(path) as part:
        part.write_bytes(picture_bytes(rgb, path.name))

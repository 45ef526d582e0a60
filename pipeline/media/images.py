"""Frames of pictures: one, a folder of them, or a pattern."""

from __future__ import annotations

import logging
import re
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.errors import SinkError, SourceError
from ..core.files import PICTURE_SUFFIXES, atomic_write
from ..core.frame import ALL, Frame, Plane, Rgb, Rgb8Or16, Span, eight_bits
from .color import BT709
from .source import SourceInfo, fit_size

log = logging.getLogger(__name__)


class PictureSource:
    """Pictures as frames of a constant rate, in natural order, all of the first one's size.

    Raises:
        SourceError: there is no picture, or the first can't be decoded.
    """

    def __init__(self, name: str, paths: list[Path], size: str | None, fps: Fraction) -> None:
        if not paths:
            kinds = " ".join(sorted(PICTURE_SUFFIXES))
            raise SourceError(f"{name} holds no pictures ({kinds})")
        self.paths = paths
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
        odd_ones = 0
        for number, path in enumerate(self.paths):
            if not span.holds(number * self.info.time_base):
                continue
            rgb = read_picture(path)
            if rgb.shape[1::-1] != size:
                odd_ones += 1
                rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
            yield Frame(rgb, number, self.info.time_base, 1)
        if odd_ones and len(self.paths) > 1:
            log.warning("%d pictures were resized to %dx%d", odd_ones, *size)

    def count_before(self, time: Fraction) -> int:
        """See ``Source.count_before``."""
        return sum(number * self.info.time_base < time for number in range(len(self.paths)))

    def alphas(self) -> Generator[tuple[Fraction, Plane]]:
        """See ``Source.alphas``."""
        for number, path in enumerate(self.paths):
            encoded = _encoded(path)
            rgba = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED) if encoded.size else None
            if rgba is None:
                raise SourceError(f"picture {path} can't be decoded")
            if rgba.ndim != 3 or rgba.shape[2] != 4:
                raise SourceError(f"{path} has no alpha channel")
            alpha = rgba[..., 3] if rgba.dtype == np.uint8 else rgba[..., 3] // 257
            yield number * self.info.time_base, np.asarray(alpha, np.uint8)


def _encoded(path: Path) -> NDArray[np.uint8]:
    try:
        return np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise SourceError(f"picture {path} can't be read: {error.strerror}") from error


def read_picture(path: Path) -> Rgb:
    """A picture in 8 bits.

    Raises:
        SourceError: it can't be read.
    """
    encoded = _encoded(path)
    rgb = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB) if encoded.size else None
    if rgb is None:
        raise SourceError(f"picture {path} can't be decoded")
    return np.asarray(rgb, dtype=np.uint8)


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) of a picture, px.

    Raises:
        SourceError: it can't be read.
    """
    height, width = read_picture(path).shape[:2]
    return width, height


def read_8_or_16_bit(path: Path) -> Rgb8Or16:
    """A picture in the bits that it has, 8 or 16; what is transparent is on black.

    Raises:
        SourceError: it can't be read.
    """
    encoded = _encoded(path)
    # IMREAD_COLOR_RGB answers nonsense for TIFFs of 16 bits (OpenCV 5.0.0).
    how = cv2.IMREAD_COLOR_BGR | cv2.IMREAD_ANYDEPTH
    bgr = cv2.imdecode(encoded, how) if encoded.size else None
    if bgr is None:
        raise SourceError(f"picture {path} can't be decoded")
    rgb = np.ascontiguousarray(bgr[..., ::-1])
    if rgb.dtype == np.uint16:
        return np.asarray(rgb, np.uint16)
    if rgb.dtype != np.uint8:
        raise SourceError(f"picture {path} holds {rgb.dtype}; 8 and 16 bits are read")
    return np.asarray(rgb, np.uint8)


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """A key that compares numbers as numbers."""
    parts = re.split(r"(\d+)", str(path).lower())
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, ``2.png`` before ``10.png``."""
    found = (p for p in folder.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    return sorted(found, key=_natural)


def pictures_like(pattern: str) -> list[Path]:
    """Pictures named by ``frames/*.png`` or, with a printf number, ``frames/%05d.png``."""
    path = Path(pattern)
    number = re.search(r"%0?\d*d", path.name)
    if number is None:
        found = path.parent.glob(path.name)
        return sorted((p for p in found if p.suffix.lower() in PICTURE_SUFFIXES), key=_natural)
    before, after = (re.escape(part) for part in re.split(r"%0?\d*d", path.name, maxsplit=1))
    wanted = re.compile(rf"{before}\d+{after}")
    if not path.parent.is_dir():
        return []
    return sorted((p for p in path.parent.iterdir() if wanted.fullmatch(p.name)), key=_natural)


def write_png(path: Path, rgb: Rgb) -> None:
    """Write a picture, whole or not at all.

    Raises:
        SinkError: it can't be written.
    """
    _, encoded = cv2.imencode(".png", rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    with atomic_write(path) as aside:
        aside.write_bytes(encoded.tobytes())


SIXTEEN_BIT_SUFFIXES = frozenset({".png", ".tif", ".tiff"})
"""Pictures that can hold 16 bits."""


def picture_bytes(rgb: Rgb8Or16, name: str) -> bytes:
    """A picture, encoded as its file's name ends; in 8 bits where it can't hold 16.

    Raises:
        SinkError: it can't be.
    """
    if rgb.dtype == np.uint16 and Path(name).suffix.lower() not in SIXTEEN_BIT_SUFFIXES:
        rgb = eight_bits(rgb)
    done, encoded = cv2.imencode(Path(name).suffix, rgb[..., ::-1])
    if not done:
        raise SinkError(f"picture {name} can't be encoded")
    return encoded.tobytes()

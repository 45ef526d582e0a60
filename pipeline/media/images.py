"""Read and write pictures; a picture, a folder or a pattern of them as a source of frames."""

from __future__ import annotations

import logging
from collections.abc import Generator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.errors import SinkError, SourceError
from ..core.files import PICTURE_SUFFIXES, atomic_write
from ..core.frame import ALL, Frame, Layout, Plane, Rgb, Rgb8Or16, Span, eight_bits
from .adapters import Decoded
from .alpha import with_opacity, without_hidden
from .color import BT709
from .damaged import decode_picture
from .declared_size import refuse_large_picture
from .film_pictures import EXR, HEIC_SUFFIXES, exr_bytes, read_film_picture
from .picture_alpha import (
    COLOR,
    decode_with_alpha,
    has_transparent_color,
    is_tiff,
    may_have_alpha,
    upright,
)
from .source import SourceInfo, fit_size

log = logging.getLogger(__name__)

_HEAD = 1 << 20  # bytes before the pixels of a PNG, colour profiles among them


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
        first = read_pixels(paths[0])
        height, width = first.shape[:2]
        width, height = fit_size(size, width, height, Fraction(1))
        alpha = any(_is_transparent(paths[n]) for n in {0, len(paths) // 2, len(paths) - 1})
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
            bits=8 * first.itemsize,
            alpha=alpha,
        )

    seeks = True

    def frames(self, span: Span = ALL, layout: Layout = "rgb") -> Generator[Frame]:
        """See ``Source.frames``."""
        size = (self.info.width, self.info.height)
        others = 0
        for number, path in enumerate(self.paths):
            if not span.holds(number * self.info.time_base):
                continue
            pixels = read_pixels(path)
            if pixels.shape[1::-1] != size:
                others += 1
                pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
            one = Decoded.of(pixels, layout in ("deep", "coded"))
            yield Frame(one.source, number, self.info.time_base, 1, deep=one.deep, alpha=one.alpha)
        if others and len(self.paths) > 1:
            log.warning("%d pictures were resized to %dx%d", others, *size)

    def count_before(self, time: Fraction) -> int:
        """See ``Source.count_before``."""
        return sum(number * self.info.time_base < time for number in range(len(self.paths)))

    def alphas(self, since: Fraction = Fraction(0)) -> Generator[tuple[Fraction, Plane]]:
        """See ``Source.alphas``."""
        for number, path in enumerate(self.paths):
            if (number + 1) * self.info.time_base <= since:
                continue
            rgba = read_pixels(path)
            if rgba.shape[2] != 4:
                raise SourceError(f"{path} has no alpha channel")
            alpha = np.ascontiguousarray(rgba[..., 3])
            yield number * self.info.time_base, eight_bits(alpha)


def _is_transparent(path: Path) -> bool:
    """Whether a picture has a pixel that is not opaque; ``False`` if it can't be read."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        if path.suffix.lower() not in {EXR, *HEIC_SUFFIXES} and not may_have_alpha(head):
            return False  # without decoding it
        pixels = read_pixels(path)
    except (SourceError, OSError):
        return False
    return pixels.shape[2] == 4 and int(pixels[..., 3].min()) < np.iinfo(pixels.dtype).max


# ---- reading ----

_noted = set[Path]()  # damaged pictures: each is said once, however often it is read


def read_pixels(path: Path) -> NDArray[Any]:
    """Read a picture upright: (H, W, 3), RGB, or (H, W, 4), RGBA, uint8 or uint16.

    Raises:
        SourceError: the file can't be read or decoded, or has other numbers.
    """
    if path.suffix.lower() in {EXR, *HEIC_SUFFIXES}:
        return read_film_picture(path)
    encoded = _read(path)
    decode = partial(_decode, encoded, path)
    bgr = decode(COLOR)
    if may_have_alpha(encoded):
        bgr = decode_with_alpha(bgr, decode, encoded)
        # OpenCV multiplies the colours of TIFFs by alpha, and reads no transparent greys.
        multiplied = is_tiff(encoded) and bgr.shape[2] == 4 and bgr.dtype == np.uint8
        if multiplied or (bgr.shape[2] == 3 and has_transparent_color(encoded)):
            rgba = upright(read_film_picture(path), encoded)
            return rgba if rgba.shape[:2] == bgr.shape[:2] else cv2.cvtColor(bgr, _to_rgb(bgr))
    if str(bgr.dtype) not in ("uint8", "uint16"):
        raise SourceError(f"picture {path} holds {bgr.dtype}; 8 and 16 bits are read")
    return cv2.cvtColor(bgr, _to_rgb(bgr))


def is_whole(path: Path) -> bool:
    """Whether a picture can be decoded, and nothing of its file is missing.

    Raises:
        SourceError, OSError: it can't be read.
    """
    if path.suffix.lower() in {EXR, *HEIC_SUFFIXES}:
        return read_film_picture(path).size > 0
    pixels, is_damaged = decode_picture(_read(path), COLOR)
    return pixels is not None and not is_damaged


def _to_rgb(bgr: NDArray[Any]) -> int:
    """OpenCV's code for the conversion."""
    return cv2.COLOR_BGRA2RGBA if bgr.shape[2] == 4 else cv2.COLOR_BGR2RGB


def read_picture(path: Path) -> Rgb:
    """Read a picture in 8 bits: (H, W, 3) uint8, 0–255, RGB; see ``read_8_or_16_bit``.

    Raises:
        SourceError: the file can't be read or decoded.
    """
    return eight_bits(read_8_or_16_bit(path))


def picture_size(path: Path) -> tuple[int, int]:
    """Read the (width, height) of a picture, px.

    Raises:
        SourceError: the file can't be read or decoded.
    """
    height, width = read_picture(path).shape[:2]
    return width, height


def read_mask(path: Path) -> Rgb:
    """Read a picture in 8 bits, (H, W, 3) uint8, 0–255, RGB; what is transparent is black."""
    pixels = read_pixels(path)
    rgb = np.ascontiguousarray(pixels[..., :3])
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
    return eight_bits(with_opacity(rgb, alpha, keeps_alpha=False))


def read_8_or_16_bit(path: Path) -> Rgb8Or16:
    """Read a picture in its own bits: (H, W, 3) uint8, 0–255, or uint16, 0–65535, RGB.

    What is fully transparent has the colours around it.

    Raises:
        SourceError: the file can't be read or decoded, or has other numbers.
    """
    pixels = read_pixels(path)
    rgb = pixels[..., :3]
    if pixels.shape[2] == 4:
        rgb = without_hidden(rgb, np.ascontiguousarray(pixels[..., 3]))
    return np.ascontiguousarray(rgb)


def _read(path: Path) -> bytes:
    refuse_large_picture(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"picture {path} can't be read: {error.strerror}") from error


def _decode(encoded: bytes, path: Path, how: int) -> NDArray[Any]:
    """Decode a file's bytes, ``how`` being OpenCV's flags."""
    pixels, is_damaged = decode_picture(encoded, how)
    if pixels is None:
        raise SourceError(f"picture {path} can't be decoded")
    if is_damaged and path not in _noted:
        _noted.add(path)
        log.warning("picture %s is damaged; what can be decoded of it is used", path)
    return pixels


# ---- writing ----

SIXTEEN_BIT_SUFFIXES = frozenset({".png", ".tif", ".tiff"})
"""Endings of the picture files that OpenCV writes in 16 bits."""

ALPHA_SUFFIXES = frozenset({".png", ".tif", ".tiff", ".webp", ".avif", EXR})
"""Endings of the picture files that can have an alpha channel."""


def picture_bytes(rgb: NDArray[Any], name: str, *options: int) -> bytes:
    """Encode a picture in the format of its file name; in 8 bits if that can't have 16.

    Args:
        rgb: (H, W, 3), RGB, or (H, W, 4), RGBA; uint8, 0–255, or uint16, 0–65535.
        name: the name of the file; its ending names the format.
        options: pairs of OpenCV's ``IMWRITE_…`` and its value.

    Raises:
        SinkError: the picture can't be encoded.
    """
    suffix = Path(name).suffix
    if suffix.lower() == EXR:
        return exr_bytes(rgb, name)
    if rgb.dtype == np.uint16 and suffix.lower() not in SIXTEEN_BIT_SUFFIXES:
        rgb = eight_bits(rgb)
    how = cv2.COLOR_RGBA2BGRA if rgb.shape[2] == 4 else cv2.COLOR_RGB2BGR
    try:
        done, encoded = cv2.imencode(suffix, cv2.cvtColor(rgb, how), list(options))
    except cv2.error as error:  # a kind that this OpenCV does not write
        raise SinkError(f"picture {name} can't be encoded: no {suffix} here") from error
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

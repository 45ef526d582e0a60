"""Pictures that OpenCV knows nothing of: EXR by FFmpeg, HEIC by Pillow's plug-in or FFmpeg."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from ..core.errors import SinkError, SourceError, reason
from ..core.files import PICTURE_SUFFIXES
from .color import bits_of, has_alpha

EXR = ".exr"
"""OpenEXR: floats of linear light."""

HEIC_SUFFIXES = frozenset({".heic", ".heif"})
"""Endings of the pictures of phones."""

READ_SUFFIXES = PICTURE_SUFFIXES | HEIC_SUFFIXES | {".ppm", ".pgm", ".pnm", ".jp2"}
"""Endings of all pictures that are read; some of them are not written."""

_SRGB = "iec61966_2_1"


def read_film_picture(path: Path) -> NDArray[Any]:
    """Read an EXR or HEIC file: (H, W, 3), RGB, or (H, W, 4), RGBA, uint8 or uint16.

    Raises:
        SourceError: it can't be decoded here.
    """
    if path.suffix.lower() in HEIC_SUFFIXES:
        by_pillow = _by_pillow(path)
        if by_pillow is not None:
            return by_pillow
    return _by_ffmpeg(path)


def _by_pillow(path: Path) -> NDArray[Any] | None:
    """By pillow-heif, where it is installed; it turns the picture upright."""
    try:
        import pillow_heif  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    try:
        picture: Any = pillow_heif.open_heif(path)  # pyright: ignore[reportUnknownMemberType]
        return np.asarray(picture)
    except (OSError, ValueError) as error:
        raise SourceError(f"picture {path} can't be decoded: {reason(error)}") from error


def _by_ffmpeg(path: Path) -> NDArray[Any]:
    try:
        with av.open(path.absolute()) as container:
            streams = container.streams.video
            if len(streams) != 1:  # the tiles of one picture, which FFmpeg does not put together
                raise SourceError(
                    f"picture {path} is stored in {len(streams)} tiles: pip install pillow-heif, "
                    "or save it as JPEG"
                )
            if path.suffix.lower() == EXR:
                streams[0].codec_context.options = {"apply_trc": _SRGB}
            frame = next(container.decode(streams[0]))
    except (av.FFmpegError, OSError, StopIteration) as error:
        raise SourceError(f"picture {path} can't be decoded: {reason(error)}") from error
    pixel_format = {(0, 0): "rgb24", (1, 0): "rgba", (0, 1): "rgb48le", (1, 1): "rgba64le"}
    return frame.to_ndarray(format=pixel_format[int(has_alpha(frame)), int(bits_of(frame) > 8)])


def exr_bytes(rgb: NDArray[Any], name: str) -> bytes:
    """Encode a picture as OpenEXR: half floats of linear light, BT.709's colours.

    Args:
        rgb: (H, W, 3), RGB, or (H, W, 4), RGBA; uint8, 0–255, or uint16, 0–65535.
        name: of the file, for messages.

    Raises:
        SinkError: this FFmpeg can't encode it.
    """
    values = np.multiply(rgb, 1 / np.iinfo(rgb.dtype).max, dtype=np.float32)
    colors = values[..., :3]
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    pixels = np.dstack([linear, values[..., 3:]]).astype(np.float32)
    pixel_format = "gbrpf32le" if pixels.shape[2] == 3 else "gbrapf32le"
    try:
        encoder = av.CodecContext.create("exr", "w")
        assert isinstance(encoder, VideoCodecContext)
        encoder.width, encoder.height = rgb.shape[1], rgb.shape[0]
        encoder.pix_fmt, encoder.time_base = pixel_format, Fraction(1)
        encoder.options = {"compression": "zip16", "format": "half"}
        frame = av.VideoFrame.from_ndarray(pixels, pixel_format)
        frame.pts = 0
        packets = [*encoder.encode(frame), *encoder.encode(None)]
    except (av.FFmpegError, ValueError) as error:
        raise SinkError(f"picture {name} can't be encoded: {reason(error)}") from error
    return b"".join(bytes(packet) for packet in packets)

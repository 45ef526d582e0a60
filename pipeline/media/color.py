"""Convert a decoded frame's colours to RGB, and back to the colours of the output.

The matrix and range are the frame's own tags. An untagged frame follows FFmpeg's convention
(BT.601, limited) both ways and stays untagged, so that it looks like the source in any player. A
style paints in the colours of its painting, which are not high dynamic range: PQ and HLG are
tone-mapped to BT.709, unless they are to be kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.video.frame import PictureType
from av.video.plane import VideoPlane
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    Colorspace,
    ColorTrc,
    Interpolation,
    VideoReformatter,
)
from numpy.typing import NDArray

from ..core.frame import Plane, Rgb, Rgb16, Yuv, YuvMatrix

# AVColorSpace → swscale's matrix. Absent ones have no YUV matrix (RGB) or are unknown.
_MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.SMPTE170M,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
# Without these, swscale's quick path makes every picture darker by 1 to 1.5 of 255.
_EXACT = Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND
# With the first of them, bright parts of HDR overflow to blue and pink, and 4:2:0 of 10 bits is
# noise in 16 (libswscale 9.5).
_EXACT_DEEP = Interpolation.ACCURATE_RND
_MATRIX_RGB = 0
_UNKNOWN = 2
_HDR = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)
_RGB_FORMATS = ("rgb", "bgr", "gbr", "pal8", "argb", "abgr", "0rgb", "0bgr", "x2rgb", "x2bgr")
# Channels and type of an array → FFmpeg's name.
_FORMATS = {
    (3, "uint8"): "rgb24",
    (3, "uint16"): "rgb48le",
    (4, "uint8"): "rgba",
    (4, "uint16"): "rgba64le",
}


@dataclass(frozen=True)
class ColorTags:
    """A stream's colour tags, in FFmpeg's numbers; the defaults mean "unknown"."""

    matrix: int = _UNKNOWN
    primaries: int = _UNKNOWN
    transfer: int = _UNKNOWN
    range: int = 0

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer is PQ or HLG."""
        return self.transfer in _HDR

    def for_output(self, keep_hdr: bool = False) -> ColorTags:
        """Choose the output's tags for a source of these tags.

        RGB sources and pictures become BT.709, and so does HDR that is not kept; all others keep
        their tags.
        """
        if self.is_hdr and keep_hdr:
            return ColorTags(9, self.primaries, self.transfer, self.range or ColorRange.MPEG)
        if self.matrix == _MATRIX_RGB or self.is_hdr:
            return BT709
        # A plain matrix can't write constant luminance (10); the non-constant one (9) is used.
        matrix = 9 if self.matrix == 10 else self.matrix
        if matrix not in _MATRICES:
            matrix = _UNKNOWN
        return ColorTags(matrix, self.primaries, self.transfer, self.range)


BT709 = ColorTags(matrix=1, primaries=1, transfer=1, range=1)


def is_rgb(pixel_format: str) -> bool:
    """Whether FFmpeg's pixel format holds R, G and B, and no planes of brightness and colour."""
    return pixel_format.startswith(_RGB_FORMATS)


def bits_of(frame: av.VideoFrame) -> int:
    """How many bits each channel of a frame has, 1 to 32."""
    return max(component.bits for component in frame.format.components)


def has_alpha(frame: av.VideoFrame) -> bool:
    """Whether a frame has an alpha channel, or a palette with transparent colours in it."""
    if any(component.is_alpha for component in frame.format.components):
        return True
    return frame.format.name == "pal8"


def tags_of(frame: av.VideoFrame) -> ColorTags:
    """Read the tags of a decoded frame; RGB needs none to be known."""
    return ColorTags(
        _MATRIX_RGB if is_rgb(frame.format.name) else int(frame.colorspace),
        int(frame.color_primaries),
        int(frame.color_trc),
        int(frame.color_range),
    )


class ToRgb:
    """Converts decoded frames to RGB at one size. Use one per stream: it stores swscale's tables.

    Args:
        width: the width of the pictures, px.
        height: the height of the pictures, px.
        keep_hdr: leave PQ and HLG as they are; else they are tone-mapped to BT.709.
    """

    def __init__(self, width: int, height: int, keep_hdr: bool = False) -> None:
        self.width = width
        self.height = height
        self._keep_hdr = keep_hdr
        self._scaler = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> Rgb:
        """Convert one frame: (height, width, 3) uint8, 0–255, RGB."""
        return np.ascontiguousarray(self._convert(frame, "rgb24"), dtype=np.uint8)

    def in_16_bits(self, frame: av.VideoFrame) -> Rgb16:
        """Convert one frame: (height, width, 3) uint16, 0–65535, RGB."""
        return np.ascontiguousarray(self._convert(frame, "rgb48le"), dtype=np.uint16)

    def with_alpha(self, frame: av.VideoFrame, deep: bool) -> NDArray[Any]:
        """Convert one frame: (height, width, 4) RGBA, uint8, 0–255, or uint16, 0–65535."""
        if not deep:
            return self._convert(frame, "rgba")
        rgba = self._convert(frame, "rgba64le")
        rgba[..., 3] |= rgba[..., 3] >> bits_of(
            frame
        )  # swscale's full opacity has zeros at the end
        return rgba

    def _convert(self, frame: av.VideoFrame, pixel_format: str) -> NDArray[Any]:
        tone_map = tags_of(frame).is_hdr and not self._keep_hdr
        deep = tone_map or bits_of(frame) > 8
        resized = (frame.width, frame.height) != (self.width, self.height)
        converted = self._scaler.reformat(
            frame,
            width=self.width,
            height=self.height,
            format=pixel_format,
            interpolation=(Interpolation.BICUBIC if resized else Interpolation.BILINEAR)
            | (_EXACT_DEEP if deep else _EXACT),
            dst_color_trc=ColorTrc.BT709 if tone_map else None,
            dst_color_primaries=ColorPrimaries.BT709 if tone_map else None,
            threads=1,  # the net and the codecs need the other cores
        )
        return converted.to_ndarray()


def planes_of(frame: av.VideoFrame) -> Yuv | None:
    """Read a frame's own Y, U and V planes, without copying them.

    Returns:
        Y (H, W), U and V (H/2, W/2), uint8, 0–255; they share the frame's memory. ``None`` if the
        frame is not 8-bit 4:2:0 of even size, or if it is HDR, which must be tone-mapped.
    """
    tags = tags_of(frame)
    plain = frame.format.name in ("yuv420p", "yuvj420p") and not tags.is_hdr
    if not plain or frame.width % 2 or frame.height % 2 or tags.matrix == _MATRIX_RGB:
        return None
    full = frame.format.name == "yuvj420p"
    y, u, v = map(_view, frame.planes)
    return Yuv(y, u, v, YuvMatrix(tags.matrix, ColorRange.JPEG if full else tags.range))


def _view(plane: VideoPlane) -> Plane:
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def frame_of(picture: Yuv, tags: ColorTags) -> av.VideoFrame:
    """Copy planes into a new frame and set its tags.

    Args:
        picture: the planes Y (H, W), U and V (H/2, W/2), uint8, 0–255.
        tags: the output's colour tags.
    """
    height, width = picture.y.shape
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, values in zip(frame.planes, picture.planes, strict=True):
        _view(plane)[:] = values
    return _tagged(frame, tags)


def _tagged(frame: av.VideoFrame, tags: ColorTags) -> av.VideoFrame:
    """The frame with its tags: some encoders read them there, not in their context.

    The source's type of each picture would be forced on the encoder.
    """
    frame.pict_type = PictureType.NONE
    frame.colorspace = tags.matrix
    frame.color_range = tags.range
    frame.color_primaries = tags.primaries
    frame.color_trc = tags.transfer
    return frame


class FromRgb:
    """Converts RGB pictures to frames for an encoder. Use one per stream.

    Args:
        pixel_format: FFmpeg's name.
        tags: the colours to convert to.
    """

    def __init__(self, pixel_format: str, tags: ColorTags) -> None:
        self.pixel_format = pixel_format
        self.tags = tags
        self._scaler = VideoReformatter()

    def __call__(self, pixels: NDArray[Any]) -> av.VideoFrame:
        """Convert a picture to a new frame with the tags set.

        Args:
            pixels: (H, W, 3), RGB, or (H, W, 4), RGBA, uint8 or uint16, contiguous.
        """
        kind = _FORMATS[pixels.shape[2], str(pixels.dtype)]
        frame = av.VideoFrame.from_numpy_buffer(pixels, kind)
        return self.convert(frame, (frame.width, frame.height))

    def convert(self, frame: av.VideoFrame, size: tuple[int, int]) -> av.VideoFrame:
        """Convert any frame, and set the tags.

        Args:
            frame: with its own tags, or of RGB.
            size: (width, height) of the result, px.
        """
        resized = (frame.width, frame.height) != size
        frame = self._scaler.reformat(
            frame,
            *size,
            format=self.pixel_format,
            interpolation=Interpolation.BICUBIC if resized else None,
            dst_colorspace=_MATRICES.get(self.tags.matrix),
            # Unknown means limited, by FFmpeg's convention: converted so, and left untagged.
            dst_color_range=self.tags.range or ColorRange.MPEG,
            threads=1,
        )
        return _tagged(frame, self.tags)

"""Convert a decoded frame's colours to RGB, and back to the colours of the output.

The matrix and range are the frame's own tags. An untagged frame follows FFmpeg's convention
(BT.601, limited) both ways and stays untagged, so that it looks like the source in any player. A
style paints in the colours of its painting, which are not high dynamic range: PQ and HLG are
tone-mapped to BT.709.
"""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from av.video.plane import VideoPlane
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    Colorspace,
    ColorTrc,
    Interpolation,
    VideoReformatter,
)

from ..core.frame import Plane, Rgb, Yuv, YuvMatrix

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
# With the first of them, bright parts of HDR overflow to blue and pink (libswscale 9.5).
_EXACT_HDR = Interpolation.ACCURATE_RND
_MATRIX_RGB = 0
_UNKNOWN = 2
_HDR = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)


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

    def for_output(self) -> ColorTags:
        """Choose the output's tags for a source of these tags.

        RGB sources, pictures and HDR become BT.709; all others keep their tags.
        """
        if self.matrix == _MATRIX_RGB or self.is_hdr:
            return BT709
        # A plain matrix can't write constant luminance (10); the non-constant one (9) is used.
        matrix = 9 if self.matrix == 10 else self.matrix
        if matrix not in _MATRICES:
            matrix = _UNKNOWN
        return ColorTags(matrix, self.primaries, self.transfer, self.range)


BT709 = ColorTags(matrix=1, primaries=1, transfer=1, range=1)


def tags_of(frame: av.VideoFrame) -> ColorTags:
    """Read the tags of a decoded frame."""
    return ColorTags(
        int(frame.colorspace),
        int(frame.color_primaries),
        int(frame.color_trc),
        int(frame.color_range),
    )


class ToRgb:
    """Converts decoded frames to RGB at one size. Use one per stream: it stores swscale's tables.

    Args:
        width: the width of the pictures, px.
        height: the height of the pictures, px.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._scaler = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> Rgb:
        """Convert one frame: (height, width, 3) uint8, 0–255, RGB."""
        hdr = tags_of(frame).is_hdr
        resized = (frame.width, frame.height) != (self.width, self.height)
        converted = self._scaler.reformat(
            frame,
            width=self.width,
            height=self.height,
            format="rgb24",
            interpolation=(Interpolation.BICUBIC if resized else Interpolation.BILINEAR)
            | (_EXACT_HDR if hdr else _EXACT),
            dst_color_trc=ColorTrc.BT709 if hdr else None,
            dst_color_primaries=ColorPrimaries.BT709 if hdr else None,
            threads=1,  # the net and the codecs need the other cores
        )
        return np.ascontiguousarray(converted.to_ndarray(), dtype=np.uint8)


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
    frame.colorspace = tags.matrix
    frame.color_range = tags.range
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

    def __call__(self, rgb: Rgb) -> av.VideoFrame:
        """Convert a picture, (H, W, 3) uint8, 0–255, RGB, to a new frame with the tags set."""
        frame = self._scaler.reformat(
            av.VideoFrame.from_numpy_buffer(rgb, "rgb24"),
            format=self.pixel_format,
            dst_colorspace=_MATRICES.get(self.tags.matrix),
            # Unknown means limited, by FFmpeg's convention: converted so, and left untagged.
            dst_color_range=self.tags.range or ColorRange.MPEG,
            threads=1,
        )
        frame.colorspace = self.tags.matrix
        frame.color_range = self.tags.range
        return frame

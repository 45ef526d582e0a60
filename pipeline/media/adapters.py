"""Between FFmpeg's frames and our pictures, for files and live: one object each way."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeVar

import av
import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.format import VideoFormat
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from ..core.frame import Opacity, Picture, Rgb, Rgb16, SourcePicture, Yuv, YuvMatrix, eight_bits
from .alpha import with_opacity, without_hidden
from .color import ColorTags, FromRgb, ToRgb, bits_of, frame_of, has_alpha, planes_of, tags_of

_PLANAR = ("yuv420", "yuvj420")
_SAME_SHAPE = 0.02  # of the shape of a frame: cropped to whole blocks, it still counts as the same


def _unknown_kind(cls: type[SideDataType], value: int) -> SideDataType:
    member = object.__new__(cls)
    member._name_, member._value_ = f"UNKNOWN_{value}", value
    return member


# FFmpeg knows more kinds of side data than PyAV, which could then read none of a frame's: EXIF in
# JPEG and PNG, the views of spatial video.
SideDataType._missing_ = classmethod(_unknown_kind)  # pyright: ignore[reportAttributeAccessIssue]

Pixels = TypeVar("Pixels", bound=NDArray[Any])


@dataclass(frozen=True)
class Orientation:
    """How a stored picture is turned upright: ``flip`` left–right, then ``quarters`` clockwise."""

    quarters: int = 0
    flip: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """Read the frame's display matrix, to the nearest quarter."""
        data = frame.side_data.get("DISPLAYMATRIX")
        if data is None:
            return cls()
        a, b, _, c, d, *_ = struct.unpack("<9i", bytes(data)[:36])
        # (x, y) is displayed at (a x + c y, b x + d y), y down. A negative determinant mirrors.
        flip = a * d - b * c < 0
        if flip:
            a, b = -a, -b
        quarters = round(np.degrees(np.arctan2(b, a)) / 90) % 4
        return cls(quarters, flip)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Compute (height, width) after the turn, or before it: the rule is its own inverse."""
        return (width, height) if self.quarters % 2 else (height, width)

    def aspect(self, sample_aspect: Fraction) -> Fraction:
        """Width of a pixel divided by its height, after the turn."""
        return 1 / sample_aspect if self.quarters % 2 else sample_aspect

    def __call__(self, picture: Pixels) -> Pixels:
        """Turn a picture, (H, W) or (H, W, C), of any type, upright."""
        if self == Orientation():
            return picture
        flipped = picture[:, ::-1] if self.flip else picture
        return np.ascontiguousarray(np.rot90(flipped, -self.quarters))  # pyright: ignore[reportReturnType]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A decoded frame as pictures of one size; see ``Frame``."""

    source: SourcePicture
    deep: Rgb16 | None = None
    alpha: Opacity | None = None

    @classmethod
    def of(cls, pixels: NDArray[Any], deep: bool) -> Decoded:
        """From an array (H, W, 3) or (H, W, 4) of 8 or 16 bits; what it hides is not in it.

        Args:
            pixels: RGB or RGBA.
            deep: keep 16 bits too.
        """
        rgb, alpha = pixels[..., :3], None
        if pixels.shape[2] == 4:
            alpha = np.ascontiguousarray(pixels[..., 3])
            rgb = without_hidden(rgb, alpha)
            alpha = None if alpha.min() == np.iinfo(alpha.dtype).max else alpha
        rgb = np.ascontiguousarray(rgb)
        if rgb.dtype == np.uint8:
            return cls(rgb, None, alpha)
        return cls(eight_bits(rgb), rgb if deep else None, alpha)


class ToPicture:
    """Converts decoded frames to upright pictures of one size. Use one per stream.

    Args:
        width: the width of the pictures, px.
        height: the height of the pictures, px.
        orientation: the rotation and mirroring of the stored frames.
        planar: whether to give Y, U and V planes where the frame has them.
        rescale: whether to give resized planes of frames of another size or layout, too.
        deep: whether to give frames of more than 8 bits in 16 bits too.
        keep_hdr: leave PQ and HLG as they are.
    """

    def __init__(
        self,
        width: int,
        height: int,
        orientation: Orientation,
        planar: bool = False,
        rescale: bool = False,
        deep: bool = False,
        keep_hdr: bool = False,
    ) -> None:
        self._size = width, height
        self._orientation = orientation
        self._planar = planar and orientation == Orientation()
        self._rescale = rescale and not (width % 2 or height % 2)
        stored = orientation.size(height, width)
        self._to_rgb = ToRgb(stored[1], stored[0], keep_hdr)
        self._deep = deep
        self._scaler = VideoReformatter()
        self._ratio: Fraction | None = None
        self._inside: ToRgb | None = None

    def __call__(self, frame: av.VideoFrame, aspect: Fraction = Fraction(1)) -> SourcePicture:
        """The frame as planes where possible, else as (H, W, 3) uint8, 0–255, RGB.

        A frame of another shape than the first one has black bars.

        Args:
            frame: decoded.
            aspect: the width of its pixels divided by their height.
        """
        if not self.fits(frame, aspect):
            return self._orientation(self._with_bars(frame, self._wider(frame, aspect)))
        planes = self._planes(frame) if self._planar else None
        return self._orientation(self._to_rgb(frame)) if planes is None else planes

    def decoded(self, frame: av.VideoFrame, aspect: Fraction = Fraction(1)) -> Decoded:
        """The same with 16 bits and the opacity, where the frame has more than 8, or alpha."""
        deep = self._deep and bits_of(frame) > 8
        if not self.fits(frame, aspect) or not (deep or has_alpha(frame)):
            return Decoded(self(frame, aspect))
        if has_alpha(frame):
            pixels = self._to_rgb.with_alpha(frame, deep)
        else:
            pixels = self._to_rgb.in_16_bits(frame)
        return Decoded.of(self._orientation(pixels), deep)

    def fits(self, frame: av.VideoFrame, aspect: Fraction) -> bool:
        """Whether a frame has the shape of the first one, and needs no bars."""
        return abs(self._wider(frame, aspect) - 1) <= _SAME_SHAPE

    def _wider(self, frame: av.VideoFrame, aspect: Fraction) -> Fraction:
        ratio = frame.width * aspect / frame.height
        self._ratio = self._ratio or ratio
        return ratio / self._ratio

    def _with_bars(self, frame: av.VideoFrame, wider: Fraction) -> Rgb:
        """A frame that is ``wider`` times as wide as the others, or less, in the middle of one."""
        width, height = self._to_rgb.width, self._to_rgb.height
        size = min(width, round(width * wider)), min(height, round(height / wider))
        size = max(1, size[0]), max(1, size[1])
        if self._inside is None or (self._inside.width, self._inside.height) != size:
            self._inside = ToRgb(*size)
        picture = np.zeros((height, width, 3), np.uint8)
        x, y = (width - size[0]) // 2, (height - size[1]) // 2
        picture[y : y + size[1], x : x + size[0]] = self._inside(frame)
        return picture

    def _planes(self, frame: av.VideoFrame) -> Yuv | None:
        fits = (frame.width, frame.height) == self._size
        if not self._rescale:
            return planes_of(frame) if fits else None
        if not frame.format.name.startswith("yuv") or tags_of(frame).is_hdr:
            return None
        if not fits or not frame.format.name.startswith(_PLANAR):
            frame = self._scaler.reformat(
                frame, *self._size, "yuv420p", interpolation=Interpolation.BICUBIC, threads=1
            )
        return planes_of(frame)


class ToFrame:
    """Converts pictures to frames for an encoder. Use one per stream.

    Args:
        pixel_format: FFmpeg's name.
        tags: the colours to convert to.
    """

    def __init__(self, pixel_format: str, tags: ColorTags) -> None:
        self._tags = tags
        self._matrix = YuvMatrix(tags.matrix, tags.range)
        self._accepts_planes = pixel_format == "yuv420p"
        self._alpha = any(c.is_alpha for c in VideoFormat(pixel_format).components)
        self._from_rgb = FromRgb(pixel_format, tags)

    def __call__(self, picture: Picture, alpha: Opacity | None = None) -> av.VideoFrame:
        """Planes with the output's matrix are copied unchanged; everything else goes by RGB.

        Args:
            picture: the frame's picture.
            alpha: its opacity; in a format that has none, what is transparent is black.
        """
        if isinstance(picture, Yuv):
            if self._accepts_planes and picture.coding == self._matrix and alpha is None:
                return frame_of(picture, self._tags)
            picture = picture.rgb()
        return self._from_rgb(with_opacity(picture, alpha, self._alpha))

    def again(self, frame: av.VideoFrame, size: tuple[int, int]) -> av.VideoFrame:
        """A decoder's frame for the encoder; one of the same format and size is only tagged.

        Args:
            frame: as decoded.
            size: (width, height) of the output, px.
        """
        if has_alpha(frame) and not self._alpha:
            one = ToPicture(*size, Orientation(), deep=True).decoded(frame)
            return self(one.source if one.deep is None else one.deep, one.alpha)
        return self._from_rgb.convert(frame, size)

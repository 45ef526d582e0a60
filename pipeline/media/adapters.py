"""Between FFmpeg's frames and our pictures, for files and live: one object each way."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from ..core.frame import Picture, Rgb, Yuv, YuvMatrix
from .color import ColorTags, FromRgb, ToRgb, frame_of, planes_of, tags_of

_PLANAR = ("yuv420", "yuvj420")
_SAME_SHAPE = 0.02  # of the shape of a frame: cropped to whole blocks, it still counts as the same


def _unknown_kind(cls: type[SideDataType], value: int) -> SideDataType:
    member = object.__new__(cls)
    member._name_, member._value_ = f"UNKNOWN_{value}", value
    return member


# FFmpeg knows more kinds of side data than PyAV, which could then read none of a frame's: EXIF in
# JPEG and PNG, the views of spatial video.
SideDataType._missing_ = classmethod(_unknown_kind)  # pyright: ignore[reportAttributeAccessIssue]


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

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn a picture, (H, W) or (H, W, 3) uint8, 0–255, upright."""
        if self == Orientation():
            return picture
        flipped = picture[:, ::-1] if self.flip else picture
        return np.ascontiguousarray(np.rot90(flipped, -self.quarters))


class ToPicture:
    """Converts decoded frames to upright pictures of one size. Use one per stream.

    Args:
        width: the width of the pictures, px.
        height: the height of the pictures, px.
        orientation: the rotation and mirroring of the stored frames.
        planar: whether to give Y, U and V planes where the frame has them.
        rescale: whether to give resized planes of frames of another size or layout, too.
    """

    def __init__(
        self,
        width: int,
        height: int,
        orientation: Orientation,
        planar: bool = False,
        rescale: bool = False,
    ) -> None:
        self._size = width, height
        self._orientation = orientation
        self._planar = planar and orientation == Orientation()
        self._rescale = rescale and not (width % 2 or height % 2)
        stored = orientation.size(height, width)
        self._to_rgb = ToRgb(stored[1], stored[0])
        self._scaler = VideoReformatter()
        self._ratio: Fraction | None = None
        self._inside: ToRgb | None = None

    def __call__(self, frame: av.VideoFrame, aspect: Fraction = Fraction(1)) -> Picture:
        """The frame as planes where possible, else as (H, W, 3) uint8, 0–255, RGB.

        A frame of another shape than the first one has black bars.

        Args:
            frame: decoded.
            aspect: the width of its pixels divided by their height.
        """
        ratio = frame.width * aspect / frame.height
        self._ratio = self._ratio or ratio
        if abs(ratio / self._ratio - 1) > _SAME_SHAPE:
            return self._orientation(self._with_bars(frame, ratio / self._ratio))
        planes = self._planes(frame) if self._planar else None
        return self._orientation(self._to_rgb(frame)) if planes is None else planes

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
        self._from_rgb = FromRgb(pixel_format, tags)

    def __call__(self, picture: Picture) -> av.VideoFrame:
        """Planes with the output's matrix are copied unchanged; everything else goes by RGB."""
        if isinstance(picture, Yuv):
            if self._accepts_planes and picture.coding == self._matrix:
                return frame_of(picture, self._tags)
            picture = picture.rgb()
        return self._from_rgb(np.ascontiguousarray(picture))

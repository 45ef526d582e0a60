"""The value that every stage takes and gives, and the pictures in it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Rgb: TypeAlias = NDArray[np.uint8]
"""A picture: (H, W, 3), uint8, RGB, 0–255, C-contiguous."""


Rgb16: TypeAlias = NDArray[np.uint16]
"""A picture of 16 bits (0–65535), else as ``Rgb``."""


Rgb8Or16: TypeAlias = Rgb | Rgb16
"""A picture of 8 or of 16 bits."""


Plane: TypeAlias = NDArray[np.uint8]
"""One channel of a picture, (H, W)."""


Opacity: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""How opaque a picture is, (H, W): uint8, 0–255, or uint16, 0–65535."""


# AVColorSpace → (K_R, K_B): the weights of red and blue in brightness. Unknown is BT.601, FFmpeg's
# convention.
_LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
    10: (0.2627, 0.0593),
}


_BT601 = (0.299, 0.114)


_FULL = 2

# A frame stands that lasts so many times as long as is usual, or so many seconds.
_STANDS, _LONG = Fraction(3, 2), Fraction(1, 2)


# Colour planes are soft and half as large already; a mean over odd areas takes three times as long.
_COLOUR = cv2.INTER_LINEAR


@dataclass(frozen=True, slots=True)
class YuvMatrix:
    """The matrix between RGB and Y, U, V, all in 0–255: yuv = matrix · rgb + offset.

    Args:
        matrix: FFmpeg's number of the colour space.
        range: FFmpeg's number; 0, unspecified, means limited.
    """

    matrix: int = 2
    range: int = 0

    @property
    def limits(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """(lowest, highest) value of Y, and of U and V."""
        return ((0, 255), (0, 255)) if self.range == _FULL else ((16, 235), (16, 240))

    def to_yuv(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The matrix (3, 3) and the offset (3,) from RGB to YUV, float64, for values of 0–255."""
        red, blue = _LUMA_WEIGHTS.get(self.matrix, _BT601)
        luma = np.array([red, 1 - red - blue, blue])
        differences = [
            (np.array([0, 0, 1]) - luma) / (2 * (1 - blue)),
            (np.array([1, 0, 0]) - luma) / (2 * (1 - red)),
        ]
        (low, high), (least, most) = self.limits
        colour = (most - least) / 255
        rows = [luma * (high - low) / 255, *(d * colour for d in differences)]
        return np.asarray(np.stack(rows), np.float64), np.array([low, 128.0, 128.0])

    def to_rgb(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The matrix (3, 3) and the offset (3,) from YUV to RGB, float64, for values of 0–255."""
        matrix, offset = self.to_yuv()
        inverse = np.asarray(np.linalg.inv(matrix), np.float64)
        return inverse, -inverse @ offset


@dataclass(frozen=True, slots=True)
class Yuv:
    """A picture as planes, uint8, of even width and height; colour at half size.

    Raises:
        ValueError: the planes do not fit together.
    """

    y: Plane
    """(H, W)."""
    u: Plane
    """(H/2, W/2)."""
    v: Plane
    """(H/2, W/2)."""
    coding: YuvMatrix = YuvMatrix()

    def __post_init__(self) -> None:
        height, width = self.y.shape
        if not self.u.shape == self.v.shape == (height / 2, width / 2):
            raise ValueError(f"planes of {self.y.shape}, {self.u.shape} and {self.v.shape}")

    @property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        """Y (H, W), U and V (H/2, W/2), uint8, 0–255."""
        return self.y, self.u, self.v

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, 3), as the picture's in RGB."""
        return (*self.y.shape, 3)

    def rgb(self, size: tuple[int, int] | None = None, how: int = cv2.INTER_LINEAR) -> Rgb:
        """The picture as (H, W, 3) uint8, 0–255, RGB.

        Args:
            size: (width, height) to resize it to; ``None``: its own.
            how: OpenCV's interpolation.
        """
        size = size or (self.y.shape[1], self.y.shape[0])
        planes = (
            p if p.shape[::-1] == size else cv2.resize(p, size, interpolation=means)
            for p, means in zip(self.planes, (how, _COLOUR, _COLOUR), strict=True)
        )
        matrix, offset = self.coding.to_rgb()
        affine = np.column_stack([matrix, offset])
        return np.asarray(cv2.transform(cv2.merge(list(planes)), affine), np.uint8)


SourcePicture: TypeAlias = Rgb | Yuv
"""What is painted: RGB of 8 bits, or planes."""


Picture: TypeAlias = Rgb | Rgb16 | Yuv
"""A picture: RGB of 8 or 16 bits, or planes."""


def coding_of(picture: Picture) -> YuvMatrix | None:
    """The matrix of a picture's planes; ``None`` for RGB."""
    return picture.coding if isinstance(picture, Yuv) else None


def black_of(picture: Picture) -> int:
    """The level of black in a picture's brightness, 0–255."""
    return picture.coding.limits[0][0] if isinstance(picture, Yuv) else 0


WIDER = 257
"""65535 / 255: what a level of 8 bits is in 16."""


def eight_bits(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Pixels (H, W) or (H, W, 3) of 8 or 16 bits in 8 bits, 0–255, rounded."""
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    return np.asarray(cv2.convertScaleAbs(pixels, alpha=1 / WIDER), np.uint8)


def sixteen_bits(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Pixels (H, W) or (H, W, 3) of 8 or 16 bits in 16 bits, 0–65535."""
    if pixels.dtype == np.uint16:
        return np.asarray(pixels, np.uint16)
    return np.multiply(pixels, np.uint16(WIDER), dtype=np.uint16)


def as_rgb(picture: Picture) -> Rgb:
    """The picture as (H, W, 3) uint8, 0–255, RGB: itself, or converted from planes or 16 bits."""
    return picture.rgb() if isinstance(picture, Yuv) else eight_bits(picture)


def rgb_8_or_16(picture: Picture) -> Rgb8Or16:
    """The picture as (H, W, 3) RGB in the bits that it has."""
    return picture.rgb() if isinstance(picture, Yuv) else picture


def resized(picture: Picture, size: tuple[int, int], how: int) -> Rgb:
    """The picture as (H, W, 3) uint8, 0–255, RGB.

    Args:
        picture: RGB or planes.
        size: (width, height) to resize it to.
        how: OpenCV's interpolation.
    """
    if isinstance(picture, Yuv):
        return picture.rgb(size, how)
    small: Rgb8Or16 = cv2.resize(picture, size, interpolation=how)  # pyright: ignore[reportAssignmentType]
    return eight_bits(small)


Vectors = NDArray[np.float32]
"""Motion: (H, W, 2), px, (x, y); pixel p of one picture is at p + v[p] of another."""


@dataclass(frozen=True, slots=True)
class Motion:
    """Where the pixels of a frame were in the frame before; at a reduced size, in its pixels."""

    vectors: Vectors
    """(h, w, 2): from this frame to the one before."""
    confidence: NDArray[np.float32]
    """(h, w), 0..1: how sure it is that they were visible there."""


@dataclass(frozen=True, slots=True)
class CanvasLayer:
    """A layer of the canvas: where its texture has moved to."""

    displacement: Vectors
    """(h, w, 2), px of its own size: pixel p displays the texture's place p + displacement[p]."""
    weight: float
    """0..1; the squares of all weights sum to 1."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """Noise that a net paints flat areas with; ``temporal.canvas`` makes bytes of it.

    It does not depend on the size at which a frame is painted.
    """

    layers: tuple[CanvasLayer, ...]
    """They display one texture; one or two."""
    strength: NDArray[np.float32]
    """(h, w), of any size, 0 and above: how strong the noise is; 1 is what nets are trained on."""
    common: NDArray[np.float32] = field(default_factory=lambda: np.ones((1, 1), np.float32))
    """(h, w), of any size, 0..1: how far a place moves as most of the picture does."""
    visible: float = 1.0
    """0..1: how far the frame is not faded to black."""


Levels = tuple[Plane, Plane, Plane]
"""Tables (256,) uint8, one for each channel of a picture: R, G, B, or Y, U, V."""


@dataclass(frozen=True, slots=True)
class TemporalState:
    """What a net may be given of the past."""

    previous: Rgb
    """(H, W, 3) uint8, 0–255, RGB: the previous output, warped to the present frame."""
    confidence: NDArray[np.uint8]
    """(H, W), 0–255: how far that can be trusted."""


Layout = Literal["rgb", "planes", "deep", "coded"]
"""How frames are read: as RGB of 8 bits; as Y, U and V planes where they are stored so; with what
they have beyond 8 bits (``deep``); or with the decoder's own frame, for what is not painted."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture, its painting, and its place in time.

    Raises:
        ValueError: ``source`` is not a picture as ``Rgb`` or ``Yuv`` says.
    """

    source: SourcePicture
    """(H, W, 3) uint8, 0–255, RGB; or Y, U, V planes, from a source that was asked for them."""
    pts: int
    """When it is displayed, in units of ``time_base``."""
    time_base: Fraction
    """Seconds per unit."""
    duration: int = 0
    """How long it is displayed, in units of ``time_base``; 0 where unknown."""
    cut: bool = False
    """It is the first of a shot."""
    handover: float | None = None
    """0..1: how far it is on the way to the next chunk of the film, where that begins soon, inside
    the shot."""
    canvas_anew: bool = False
    """From here on, the canvas depends on nothing before: the next chunk begins here as well."""
    painting_anew: bool = False
    """From here on, what is painted depends on no painting before, for the same reason."""
    restyled: bool = False
    """What it is painted with differs from that of the frame before: the painting begins anew, as
    in a new shot, and so does the blend with the past."""
    reduced: SourcePicture | None = None
    """``source``, reduced, where cuts or motion are measured; see ``reduce_for_flow``."""
    motion: Motion | None = None
    """Of the source since the frame before, where the flow stage ran and the shot goes on."""
    canvas: Canvas | None = None
    """Noise for a net that takes it, where the canvas stage ran."""
    levels: Levels | None = None
    """What takes the flicker out of the source's light, where there is any."""
    whole: SourcePicture | None = None
    """The film's own picture, where ``source`` is a smaller one that is painted."""
    deep: Rgb16 | None = None
    """``source`` in 16 bits, (H, W, 3), 0–65535, RGB, where it has more than 8 and that counts."""
    alpha: Opacity | None = None
    """(H, W) uint8, 0–255, or uint16, 0–65535: opacity of a source that has it. What it hides has
    the colours around it in ``source``."""
    coded: Any = None
    """The decoder's frame (``av.VideoFrame``), upright, of a film that is not painted."""
    painted: Picture | None = None
    """The painting of ``source``, of the same size."""
    carried: NDArray[np.float32] | None = None
    """(h, w), 0..1, of any size: where ``painted`` is old, and the output before, moved along the
    motion, takes its place."""
    opacity: float = 1.0
    """Weight of the painting over its source that is still to be applied, 0..1."""
    labels: NDArray[np.uint8] | None = None
    """(h, w, K), 0–255: weights of the labels of a segmentation mask, of any size."""
    people: Plane | None = None
    """(h, w), 0–255, of any size: how far a place belongs to a person, where that was asked for."""
    faces: Plane | None = None
    """The same of faces."""
    shown: tuple[tuple[int, int], ...] = ()
    """(pts, duration) of the frames after it in whose place it is displayed, too."""
    captured: float = 0.0
    """When it arrived, live: seconds of ``time.monotonic``; 0: it was read from a file."""

    def __post_init__(self) -> None:
        rgb = self.source
        if isinstance(rgb, Yuv):
            return
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
            raise ValueError(f"a frame is (H, W, 3) uint8, not {rgb.shape} {rgb.dtype}")
        if not rgb.flags.c_contiguous:
            raise ValueError(f"a frame is C-contiguous, not strided by {rgb.strides}")

    @property
    def original(self) -> Picture:
        """The source in all the bits that are known of it."""
        return self.source if self.deep is None else self.deep

    @property
    def picture(self) -> Picture:
        """The output so far: the painting, or the source where nothing was painted."""
        return self.original if self.painted is None else self.painted

    @property
    def rgb(self) -> Rgb:
        """``picture`` in RGB of 8 bits; others are converted at every call."""
        return as_rgb(self.picture)

    @property
    def time(self) -> Fraction:
        """Seconds since the clock's zero."""
        return self.pts * self.time_base


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of time, [start, end), seconds; ``None`` is the source's own bound."""

    start: Fraction | None = None
    end: Fraction | None = None

    def holds(self, time: Fraction) -> bool:
        """Whether ``time`` lies in it."""
        return (self.start is None or time >= self.start) and (self.end is None or time < self.end)


ALL = Span()


def clipped(frame: Frame, span: Span, usual: Fraction) -> Frame | None:
    """The frame as far as it is displayed within a span; ``None``: it is not.

    A film cut between two frames begins with the next one. But a picture that stands longer than
    usual, as in a slide show, is displayed from the cut on.

    Args:
        frame: the frame.
        span: seconds on the source's clock.
        usual: seconds for which a frame is displayed in this film.
    """
    base = frame.time_base
    begin, end = frame.pts, frame.pts + frame.duration
    if span.start is not None and frame.time < span.start:
        stands = frame.duration * base > min(_STANDS * usual, _LONG)
        begin = math.ceil(span.start / base)
        if not stands or begin >= end:
            return None
    if span.end is not None:
        if begin * base >= span.end:
            return None
        end = min(end, math.ceil(span.end / base))
    return replace(frame, pts=begin, duration=max(0, end - begin))

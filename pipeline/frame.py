"""The one value that every stage takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .yuv import Picture, Rgb, Yuv, as_rgb

Vectors = NDArray[np.float32]
"""Motion: (H, W, 2), px, (x, y); pixel p of one picture is at p + v[p] of another."""


@dataclass(frozen=True, slots=True)
class Motion:
    """Where the pixels of a frame were in the frame before; at a reduced size, in its pixels."""

    vectors: Vectors
    """(h, w, 2): from this frame to the one before."""
    confidence: NDArray[np.float32]
    """(h, w), 0..1: that they were there."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a recurrent net is told of the frame before."""

    previous: Rgb
    """(H, W, 3): what was shown, moved to where its parts are now."""
    confidence: NDArray[np.uint8]
    """(H, W), 0–255: how far that can be trusted."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture and its place in time.

    Raises:
        ValueError: ``picture`` is not one as ``Rgb`` or ``Yuv`` says.
    """

    picture: Picture
    """HWC uint8, RGB, 0–255; or planes, from a source that was asked for them."""
    pts: int
    """When it is shown, in units of ``time_base``."""
    time_base: Fraction
    """Seconds per unit."""
    duration: int = 0
    """How long it is shown, in units of ``time_base``; 0 where unknown."""
    cut: bool = False
    """It is the first of a shot."""
    motion: Motion | None = None
    """Of the source since the frame before, where the flow stage ran and the shot goes on."""
    original: Picture | None = None
    """The source's picture, where ``finish`` wants it beside the painted one."""
    labels: NDArray[np.uint8] | None = None
    """(h, w, K): of a segmentation mask, of any size; see ``segments``."""
    captured: float = 0.0
    """When it came in, live: seconds of ``time.monotonic``; 0: it did not."""

    def __post_init__(self) -> None:
        rgb = self.picture
        if isinstance(rgb, Yuv):
            return
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
            raise ValueError(f"a frame is (H, W, 3) uint8, not {rgb.shape} {rgb.dtype}")
        if not rgb.flags.c_contiguous:
            raise ValueError(f"a frame is C-contiguous, not strided by {rgb.strides}")

    @property
    def rgb(self) -> Rgb:
        """The picture in RGB; of planes it is made anew at every call."""
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

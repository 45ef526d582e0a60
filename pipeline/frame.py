"""The one value that every stage takes and gives."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
"""A picture: (H, W, 3), uint8, RGB, 0–255, C-contiguous."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture and its place in time.

    Raises:
        ValueError: ``rgb`` is not a picture as ``Rgb`` says.
    """

    rgb: Rgb
    """HWC uint8, RGB, 0–255."""
    pts: int
    """When it is shown, in units of ``time_base``."""
    time_base: Fraction
    """Seconds per unit."""
    duration: int = 0
    """How long it is shown, in units of ``time_base``; 0 where unknown."""
    cut: bool = False
    """It is the first of a shot."""

    def __post_init__(self) -> None:
        rgb = self.rgb
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
            raise ValueError(f"a frame is (H, W, 3) uint8, not {rgb.shape} {rgb.dtype}")
        if not rgb.flags.c_contiguous:
            raise ValueError(f"a frame is C-contiguous, not strided by {rgb.strides}")

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

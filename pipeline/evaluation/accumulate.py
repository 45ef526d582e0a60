"""Sums over the frames of a clip: warping errors, flicker, drift of colours."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Rgb, Vectors
from ..imaging.warp import Mask, Warper

# A pixel stands still if it moves less than this, px, and its colour changes less than this, of
# 0..255, in the mean over a window. That mean removes a sensor's noise, but not a change of light:
# pixels are not selected by their noise, and the source's own flicker is measured without bias.
_STILL_MOTION = 0.25
_STILL_CHANGE = 2.0
_STILL_WINDOW = (9, 9)
_STILL_FRACTION = 0.01  # of all pixels, below which a figure of them would be chance


@dataclass
class PairErrors:
    """The warping errors of all pairs of one interval."""

    count: int = 0
    valid: list[float] = field(default_factory=list[float])
    errors: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    _sums: dict[str, NDArray[np.float32]] = field(default_factory=dict[str, NDArray[np.float32]])
    _seen: NDArray[np.float32] | None = None
    _warper: Warper | None = None

    def add(
        self, one: Mapping[str, Rgb], other: Mapping[str, Rgb], vectors: Vectors, seen: Mask
    ) -> None:
        """Add a pair (Lai 2018): E = Σ M |O_t − Ô_{t+i}|² / Σ M, and the mean over the channels.

        Args:
            one: name → O_t, (H, W, 3) uint8, 0–255, RGB.
            other: name → O_{t+i}, (H, W, 3) uint8, 0–255, RGB; Ô is this at p + v.
            vectors: the motion v, (H, W, 2) float32, px, from ``one`` to ``other``.
            seen: the mask M, (H, W) bool: true where the pixels are compared.
        """
        self.count += 1
        self.valid.append(float(seen.mean()))
        if not seen.any():
            return
        if self._warper is None:
            self._warper = Warper(seen.shape[1], seen.shape[0])
        for name, rgb in one.items():
            # uint8 would round the samples, which is an error of its own
            moved = self._warper.warp(other[name].astype(np.float32), vectors)
            difference = np.square((rgb - moved) / 255).mean(axis=-1)
            difference[~seen] = 0
            self.errors.setdefault(name, []).append(float(difference.sum() / seen.sum()))
            total = self._sums.setdefault(name, np.zeros(seen.shape, np.float32))
            total += difference
        self._seen = seen.astype(np.float32) + (0 if self._seen is None else self._seen)

    def error_map(self, name: str) -> NDArray[np.float32]:
        """See ``Evaluation.error_map``."""
        if self._seen is None:
            return np.zeros((0, 0), np.float32)
        never = np.float32(np.nan)
        return np.where(self._seen > 0, self._sums[name] / np.maximum(self._seen, 1), never)


@dataclass
class Flicker:
    """Differences of successive frames where the source stands still."""

    source: str
    """Name of the source."""
    fractions: list[float] = field(default_factory=list[float])
    _squares: dict[str, float] = field(default_factory=dict[str, float])
    _count: int = 0

    def add(
        self, one: Mapping[str, Rgb], other: Mapping[str, Rgb], vectors: Vectors, seen: Mask
    ) -> None:
        """Add a pair of successive frames.

        Args:
            one: name → picture, (H, W, 3) uint8, 0–255, RGB.
            other: name → the next picture, of the same kind.
            vectors: (H, W, 2) float32, px, from ``one`` to ``other``.
            seen: (H, W): the pixels that are compared.
        """
        still = seen & (np.square(vectors).sum(axis=-1) < _STILL_MOTION**2)
        change = _smooth_change(one[self.source], other[self.source])
        still &= np.abs(change).max(axis=-1) < _STILL_CHANGE
        self.fractions.append(float(still.mean()))
        self._count += 3 * int(still.sum())
        for name, rgb in one.items():
            change = rgb[still].astype(np.float32) - other[name][still]
            self._squares[name] = self._squares.get(name, 0.0) + float(np.square(change).sum())

    def of(self, name: str) -> float | None:
        """Return the RMS difference of a result, of 0..255; ``None`` if too little stands still."""
        if not self.fractions or np.mean(self.fractions) < _STILL_FRACTION:
            return None
        return float(np.sqrt(self._squares[name] / self._count))


def _smooth_change(one: Rgb, other: Rgb) -> NDArray[np.float32]:
    change = other.astype(np.float32) - one
    return np.asarray(cv2.blur(change, _STILL_WINDOW), np.float32)


class Drift:
    """Change of the mean colour from the first to the last frames of each shot.

    Shots that are shorter than both ends together are left out.

    Args:
        frames: the number of frames at each end of a shot.
    """

    def __init__(self, frames: int) -> None:
        self.changes: list[NDArray[np.float64]] = []
        """Of each shot, (3,), of 0..255, RGB."""
        self._first: list[NDArray[np.float64]] = []
        self._last: deque[NDArray[np.float64]] = deque(maxlen=frames)
        self._frames = frames
        self._count = 0

    def add(self, colour: NDArray[np.float64]) -> None:
        """Add the mean colour of the next frame, (3,), 0..255, RGB."""
        if len(self._first) < self._frames:
            self._first.append(colour)
        self._last.append(colour)
        self._count += 1

    def end_shot(self) -> None:
        """End a shot: the next frame begins another."""
        if self._count >= 2 * self._frames:
            first, last = (np.mean(np.stack(list(c)), axis=0) for c in (self._first, self._last))
            self.changes.append(last - first)
        self._first, self._count = [], 0
        self._last.clear()

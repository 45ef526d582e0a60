"""Colours as statistics: mean and covariance, and the linear map from one palette to another.

The map is the one that moves Gaussian colours with the least change (Pitié 2007, *The linear
Monge-Kantorovitch colour mapping*): symmetric, so that hues are not exchanged.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import WIDER, Rgb, Rgb8Or16

_PIXELS = 1_000_000  # of a picture that are counted, about

# Grey levels² that are added to both covariances: a colour that a painting lacks is its noise, and
# is not amplified.
_NOISE = 4.0

# The least and the most by which the map scales a direction of colour. Below, a painting turns
# grey; above, its noise and the steps of 8 bits show, and much is clipped.
_GAIN = (0.25, 3.0)


@dataclass(frozen=True, eq=False)
class Palette:
    """Mean and covariance of colours, RGB, 0–255."""

    mean: NDArray[np.float64]
    """(3,), grey levels."""
    covariance: NDArray[np.float64]
    """(3, 3), grey levels²."""

    @classmethod
    def of(cls, pictures: Sequence[Rgb]) -> Palette:
        """The palette of pictures (H, W, 3) uint8, 0–255, RGB, taken together."""
        pixels = np.concatenate([_sampled(rgb) for rgb in pictures]).astype(np.float64)
        return cls(pixels.mean(axis=0), np.cov(pixels.T, bias=True))

    @classmethod
    def mix(cls, parts: Sequence[tuple[Palette, float]]) -> Palette:
        """The weighted average of palettes; the weights sum to 1."""
        palettes, weights = zip(*parts, strict=True)
        return cls(
            np.average([p.mean for p in palettes], axis=0, weights=weights),
            np.average([p.covariance for p in palettes], axis=0, weights=weights),
        )

    def map(self, matrix: NDArray[np.float64], offset: NDArray[np.float64]) -> Palette:
        """The palette of the colours matrix (3, 3) · color + offset (3,)."""
        return Palette(matrix @ self.mean + offset, matrix @ self.covariance @ matrix.T)

    def to_json(self) -> str:
        """The text of a style file's field ``palette``."""
        mean, covariance = self.mean.round(2).tolist(), self.covariance.round(2).tolist()
        return json.dumps({"mean": mean, "covariance": covariance})

    @classmethod
    def from_json(cls, text: str) -> Palette:
        """Read what ``to_json`` wrote.

        Raises:
            ValueError: it is no such text.
        """
        try:
            values = json.loads(text)
            mean, covariance = (np.array(values[k], float) for k in ("mean", "covariance"))
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"'{text[:80]}' is no palette") from error
        numbers = [*mean.ravel(), *covariance.ravel()]
        if mean.shape != (3,) or covariance.shape != (3, 3) or not np.isfinite(numbers).all():
            raise ValueError(f"'{text[:80]}' is no palette")
        return cls(mean, covariance)


def _sampled(rgb: Rgb) -> NDArray[np.uint8]:
    """Pixels at equal distances, (N, 3)."""
    step = ceil(sqrt(max(1.0, rgb.shape[0] * rgb.shape[1] / _PIXELS)))
    return rgb[::step, ::step].reshape(-1, 3)


@dataclass(frozen=True, eq=False)
class ColorMap:
    """A linear map of colours: matrix · rgb + offset."""

    matrix: NDArray[np.float64]
    """(3, 3)."""
    offset: NDArray[np.float64]
    """(3,), grey levels."""

    @classmethod
    def between(cls, painted: Palette, goal: Palette) -> ColorMap:
        """From one palette to another; its gains are limited."""
        noise = _NOISE * np.eye(3)
        root = _power(painted.covariance + noise, 0.5)
        inverse = _power(painted.covariance + noise, -0.5)
        middle = _power(root @ (goal.covariance + noise) @ root, 0.5)
        values, vectors = np.linalg.eigh(inverse @ middle @ inverse)
        matrix = (vectors * values.clip(*_GAIN)) @ vectors.T
        return cls(matrix, goal.mean - matrix @ painted.mean)

    def __call__(self, rgb: Rgb8Or16) -> Rgb8Or16:
        """The picture (H, W, 3), RGB of 8 or 16 bits, mapped, rounded and clamped."""
        scale = 1 if rgb.dtype == np.uint8 else WIDER
        affine = np.column_stack([self.matrix, scale * self.offset])
        return cv2.transform(rgb, affine)  # pyright: ignore[reportReturnType]


def _power(covariance: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * values.clip(1e-6) ** exponent) @ vectors.T


@dataclass(frozen=True, eq=False)
class ColorGoal:
    """Whose colours a painting gets: some of the source's, the rest from a palette or its own."""

    source: float = 0.0
    """Weight of the source's palette, 0..1."""
    palette: Palette | None = None
    """Has the rest of the weight; ``None``: the painting as it is has it."""

    @property
    def is_plain(self) -> bool:
        """The painting keeps its own colours."""
        return self.source == 0 and self.palette is None

    def at(self, strength: float) -> ColorGoal:
        """The goal of a style at a strength, 0 (the source) to 1."""
        return replace(self, source=1 - strength * (1 - self.source))

    def map(self, painted: Palette, source: Palette) -> ColorMap:
        """The map that brings ``painted``, the colours of paintings of ``source``, to the goal."""
        rest = self.palette or painted
        goal = Palette.mix([(source, self.source), (rest, 1 - self.source)])
        return ColorMap.between(painted, goal)


OWN_COLORS = ColorGoal()
"""Of a painting that keeps its own colours."""

"""What a film is painted on and shot with: the texture of paper, and film grain.

Both change brightness alone. Each is a texture times a weight, which depends on how bright a pixel
is: so blacks stay black, and clipped whites stay clean.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import closing_source
from ..core.files import digest
from ..core.frame import WIDER, Frame, Picture, Yuv, eight_bits

Texture = NDArray[np.int16]
"""(H, W): standard deviations × 256."""

_FINE = 256  # a texture's standard deviation
_WEIGHT = 16  # the integer of a weight of one grey level
_SIZE = 720.0  # px of height, at which the sizes below hold
_PAPER, _GRAIN = 11.0, 10.0  # grey levels of their standard deviations, at most
_ROOM = 256  # px by which the grain's texture is larger than the frame: it begins elsewhere in each


class Surface:
    """Paper and grain, laid over finished pictures. File and live use it.

    Args:
        paper: how much of the paper's texture is seen, 0..1. It stands still.
        grain: how much film grain there is, 0..1. It is another one at every time.
    """

    def __init__(self, paper: float, grain: float) -> None:
        self._paper = paper
        self._grain = grain

    def __str__(self) -> str:
        """For the user: ``paper 0.5, grain 0.4``."""
        parts = {"paper": self._paper, "grain": self._grain}
        return ", ".join(f"{name} {part:g}" for name, part in parts.items() if part)

    def __call__(self, picture: Picture, time: Fraction) -> Picture:
        """The picture with its surface, of the same size and kind.

        Args:
            picture: the output.
            time: when it is displayed, seconds: the same time has the same grain.
        """
        if isinstance(picture, Yuv):
            change = self._change(picture.y, time, picture.coding.limits[0])
            return replace(picture, y=_added(picture.y, change))
        grey = cv2.cvtColor(eight_bits(picture), cv2.COLOR_RGB2GRAY)
        return _added(picture, cv2.merge([self._change(grey, time, (0, 255))] * 3))

    def _change(self, grey: Any, time: Fraction, limits: tuple[int, int]) -> Any:
        """What is added to the brightness (H, W): int16, grey levels."""
        height, width = grey.shape
        parts: list[Any] = []
        if self._paper:
            table = _weights("paper", _PAPER * self._paper, limits)
            parts.append(_product(cv2.LUT(grey, table), paper_texture(height, width)))
        if self._grain:
            table = _weights("grain", _GRAIN * self._grain, limits)
            tile = grain_texture(height, width)
            place = int(digest([str(time).encode()])[:8], 16)
            top, left = place % _ROOM, place // _ROOM % _ROOM
            here = tile[top : top + height, left : left + width]
            parts.append(_product(cv2.LUT(grey, table), here))
        return parts[0] if len(parts) == 1 else cv2.add(*parts)


def _product(weights: Any, texture: Any) -> Any:
    return cv2.multiply(weights, texture, scale=1 / (_FINE * _WEIGHT))


def _added(pixels: Any, change: Any) -> Any:
    if pixels.dtype == np.uint8:
        return cv2.add(pixels, change, dtype=cv2.CV_8U)
    wider = cv2.addWeighted(change, WIDER, change, 0, 0, dtype=cv2.CV_32F)
    return cv2.add(pixels, wider, dtype=cv2.CV_16U)


@lru_cache(8)
def _weights(kind: str, most: float, limits: tuple[int, int]) -> NDArray[np.int16]:
    """(256,): how much of a texture a grey level gets, in ``_WEIGHT`` of a grey level.

    Paper shows where the paint is thin, in the light; grain in the middle tones.
    """
    low, high = limits
    x = np.clip((np.arange(256) - low) / (high - low), 0, 1)
    shape = x**0.8 * (1.15 - 0.4 * x) if kind == "paper" else 0.12 + 3.4 * x * (1 - x)
    scale = most * _WEIGHT * (high - low) / 255
    return np.rint(scale * np.minimum(shape, 1)).astype(np.int16)


@lru_cache(2)
def paper_texture(height: int, width: int) -> Texture:
    """Cold-pressed paper, lit from the upper left.

    Args:
        height: of the picture, px.
        width: of the picture, px.
    """
    unit = max(0.5, height / _SIZE)
    bumps = sum(
        weight * _noise(height, width, size * unit, seed)
        for seed, (weight, size) in enumerate(((1.0, 1.3), (1.3, 2.6), (1.0, 6.0)))
    )
    step = max(1, round(unit))
    lit = bumps - np.roll(bumps, (step, step), (0, 1))
    return _texture(lit / lit.std() + 0.35 * bumps / np.std(bumps))


@lru_cache(2)
def grain_texture(height: int, width: int) -> Texture:
    """The grain of film, larger than a frame of that height and width by ``_ROOM`` px."""
    unit = max(0.5, height / _SIZE)
    size = (height + _ROOM, width + _ROOM)
    fine, coarse = _noise(*size, 0.75 * unit, 11), _noise(*size, 1.6 * unit, 12)
    return _texture(fine + 0.45 * coarse)


def _noise(height: int, width: int, sigma: float, seed: int) -> NDArray[np.float32]:
    """Gaussian noise of features of one size, with a mean of 0 and a deviation of 1."""
    noise = np.random.default_rng(seed).standard_normal((height, width), np.float32)
    soft = np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma, borderType=cv2.BORDER_REFLECT))
    return np.asarray((soft - soft.mean()) / soft.std(), np.float32)


def _texture(field: Any) -> Texture:
    """A field with a mean of 0 as a texture; what is far off its mean is cut."""
    normal = (field - field.mean()) / field.std()
    return np.rint(np.clip(normal, -3, 3) * _FINE).astype(np.int16)


def open_surface(paper: float, grain: float) -> Surface | None:
    """The surface of these settings; ``None``: there is none. See ``Surface``."""
    return Surface(paper, grain) if paper or grain else None


def lay_surface(frames: Iterable[Frame], surface: Surface) -> Generator[Frame]:
    """Stage: every frame with its surface."""
    with closing_source(frames):
        for frame in frames:
            yield replace(frame, painted=surface(frame.picture, frame.time))

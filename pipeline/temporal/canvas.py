"""The canvas: noise that travels with the scene, so that a net can paint what is flat.

A net that takes a canvas receives four channels of noise besides the picture, at a quarter of its
size. Flat areas, such as walls and skies, get their strokes from it. The noise is a fixed texture.
It moves along the scene's motion. Errors of the motion add up, so there are two layers, renewed in
turn: while one is renewed, the other one is displayed. Where the source has structure of its own,
the canvas is weaker.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Canvas, CanvasLayer, Picture, Vectors
from ..imaging.resize import reduce_for_flow, resize_area, resize_linear
from ..imaging.warp import resize_vectors

CHANNELS = 4
"""Channels of the canvas: channel k has features of 2^k cells."""
CELL = 4
"""Side of a cell, px of the picture that is painted."""

_SIDE = 512  # of a texture, cells: 2048 px of a painted picture; then it repeats
_MEAN, _STEPS = 128, 127 / 3  # byte of 0; steps per standard deviation
# Standard deviation of channel 0; that of a bicubic enlargement, by which others are divided. Nets
# are trained with these.
_FINE, _ENLARGED = 0.9, 0.68

# Squared gradient, grey levels per px of the reduced picture, at which structure halves the flat.
_STRUCTURE = 30.0
_LEAST = 0.15  # strength where there is structure
_SMOOTH = 2.0  # standard deviation of the strength's blur, px of half the reduced picture


def canvas_bytes(canvas: Canvas, cells: tuple[int, int]) -> NDArray[np.uint8]:
    """Sample a canvas for a net.

    Args:
        canvas: the frame's.
        cells: (rows, columns): the painted picture's (height, width) / ``CELL``, rounded up.

    Returns:
        (rows, columns, 4) uint8: 128 is 0, and 127 steps are 3 standard deviations.
    """
    noise = np.zeros((*cells, CHANNELS), np.float32)
    for texture, layer in zip(_textures(), canvas.layers, strict=False):
        vectors = resize_vectors(layer.displacement, cells[1], cells[0])
        places = vectors + _places(cells)
        moved = cv2.remap(texture, places, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)  # pyright: ignore[reportCallIssue, reportArgumentType]
        noise += np.float32(layer.weight) * (moved - np.float32(_MEAN))
    strength = resize_linear(canvas.strength, cells)
    noise *= strength[..., None]
    return np.asarray(np.clip(np.rint(noise + _MEAN), 0, 255), np.uint8)


def still_canvas(picture: Picture, strength: float = 1.0) -> Canvas:
    """The canvas of a picture that has no past, its strength by flatness.

    Args:
        picture: what is painted, of any size.
        strength: of the canvas, 0..2.
    """
    return Canvas((CanvasLayer(_no_displacement(), 1.0),), strength * flatness(picture))


def flatness(picture: Picture) -> NDArray[np.float32]:
    """How flat a picture is around every pixel: ``_LEAST`` where it has structure, 1 where none.

    Args:
        picture: of any size.

    Returns:
        (h, w) float32, 0.15..1, of a reduced size.
    """
    grey = cv2.cvtColor(reduce_for_flow(picture), cv2.COLOR_RGB2GRAY)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, x, 1 - x, scale=1 / 8) for x in (1, 0))
    energy = cv2.add(cv2.multiply(across, across), cv2.multiply(down, down))
    half = (max(1, grey.shape[0] // 2), max(1, grey.shape[1] // 2))
    energy = cv2.GaussianBlur(resize_area(energy, half), (0, 0), _SMOOTH)
    flat = _STRUCTURE / (energy + _STRUCTURE)
    return np.asarray(_LEAST + (1 - _LEAST) * flat * flat, np.float32)


def _no_displacement() -> Vectors:
    return np.zeros((1, 1, 2), np.float32)


@lru_cache(maxsize=4)
def _places(cells: tuple[int, int]) -> Vectors:
    """(rows, columns, 2) float32: the (x, y) of each cell."""
    rows, columns = (np.arange(n, dtype=np.float32) for n in cells)
    return np.stack(np.meshgrid(columns, rows), axis=-1)


@lru_cache(maxsize=1)
def _textures() -> tuple[NDArray[np.uint8], ...]:
    """The layers' textures, each (512, 512, 4) uint8; their edges fit together."""
    return tuple(_texture(seed) for seed in (5, 6))


def _texture(seed: int) -> NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    channels = [_channel(random, 2**k) for k in range(CHANNELS)]
    noise = _MEAN + _STEPS * np.dstack(channels)
    return np.asarray(np.clip(np.rint(noise), 0, 255), np.uint8)


def _channel(random: np.random.Generator, feature: int) -> NDArray[np.float32]:
    """Gaussian noise (512, 512) with features of so many cells, of about unit variance."""
    side = _SIDE // feature
    noise = random.standard_normal((side, side), np.float32)
    if feature == 1:
        pairs = noise + np.roll(noise, 1, 0)
        return np.asarray(_FINE / 2 * (pairs + np.roll(pairs, 1, 1)), np.float32)
    large = cv2.resize(
        np.pad(noise, 2, mode="wrap"), None, fx=feature, fy=feature, interpolation=cv2.INTER_CUBIC
    )
    rim = 2 * feature
    return np.asarray(large[rim:-rim, rim:-rim] / _ENLARGED, np.float32)

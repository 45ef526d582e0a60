"""The canvas's texture: fine noise, and facets of three widths; one for all films.

Polygons of one value each give strokes with edges; from soft noise alone, nets painted clouds.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Vectors
from ..imaging.resize import resize_pixels

SIDE = 512
"""Of the texture, cells: 2048 px of a painted picture; then it repeats."""

# A texture is stored enlarged: bilinear samples of that are as good as bicubic ones of the cells,
# and take a fifth of the time.
_FINER = 2
_RIM = 4 * _FINER  # around what repeats, while it is made
_MEAN, _STEPS = 128, 127 / 3  # byte of 0; steps per standard deviation
_DEVIATIONS = (0.9, 1.0, 1.0, 1.0)  # of each channel; nets are trained with these
# Standard deviations of blurs of the noise and of the facets, px of the texture. Sharper, they jump
# from cell to cell as they move, and what is painted from them with them: a moved wall was three
# times as unsteady at half of this. Nets must be trained with it, or their strokes fade.
_SOFT_NOISE, _SOFT_EDGES = 1.0, 1.5
_FACETS = (4, 8, 16)  # widths of the facets, cells


def steps_at(places: Vectors) -> NDArray[np.float32]:
    """The texture, in steps from 0, at places (h, w, 2) float32, (x, y) in cells, 0 and above.

    Returns:
        (h, w, 4) float32, −128..127.
    """
    at = _FINER * places
    values = cv2.remap(_texture(), at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return values.astype(np.float32) - _MEAN


@lru_cache(maxsize=1)
def _texture() -> NDArray[np.uint8]:
    """The texture, four times side by side: (2048, 2048, 4) uint8; its edges fit together."""
    random = np.random.default_rng(5)
    channels = [_noise(random), *(_facets(random, size) for size in _FACETS)]
    one = cv2.merge(channels)[_RIM:-_RIM, _RIM:-_RIM]
    _, spread = cv2.meanStdDev(one)  # a tenth of NumPy's time
    steps = np.asarray(_STEPS * np.array(_DEVIATIONS) / spread[:, 0], np.float32)
    return np.tile(as_bytes(one * steps), (2, 2, 1))


def _noise(random: np.random.Generator) -> NDArray[np.float32]:
    """Gaussian noise, a value a cell; enlarged to (1024, 1024), with a rim."""
    noise = random.standard_normal((SIDE, SIDE), np.float32)
    pairs = noise + np.roll(noise, 1, 0)
    cells = np.pad(pairs + np.roll(pairs, 1, 1), _RIM // _FINER, mode="wrap")
    height, width = cells.shape
    large = resize_pixels(cells, (_FINER * height, _FINER * width))
    return np.asarray(cv2.GaussianBlur(large, (0, 0), _SOFT_NOISE), np.float32)


def _facets(random: np.random.Generator, size: int) -> NDArray[np.float32]:
    """Polygons of one value each: (1024, 1024), with a rim; see ``models.nets.canvas``."""
    side = _FINER * SIDE
    step = _FINER * size
    count = (side // step) ** 2
    values = random.uniform(-1, 1, (side, side)).astype(np.float32)
    centres = np.ones((side, side), np.uint8)
    centres[random.integers(side, size=count), random.integers(side, size=count)] = 0
    around = np.pad(centres, 2 * step, mode="wrap")
    value = np.pad(values, 2 * step, mode="wrap")
    _, found = cv2.distanceTransformWithLabels(
        around, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    labels = np.asarray(found, np.int32)
    value_of = np.zeros(labels.max() + 1, np.float32)
    value_of[labels[around == 0]] = value[around == 0]
    rim = slice(2 * step - _RIM, _RIM - 2 * step)
    return np.asarray(cv2.GaussianBlur(value_of[labels[rim, rim]], (0, 0), _SOFT_EDGES), np.float32)


def as_bytes(noise: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Steps from 0, (h, w, 4) float32, rounded, with 128 for 0, and clamped to 0–255."""
    return np.asarray(cv2.add(noise, (_MEAN,) * 4, dtype=cv2.CV_8U), np.uint8)  # pyright: ignore[reportCallIssue, reportArgumentType]

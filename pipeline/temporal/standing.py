"""Where a film stands still: there its motion is exactly 0.

Flow gives a tenth of a pixel where nothing moves, and other tenths in every frame: the output would
be resampled by them, softer and less steady. A place stands still if its picture changes by no more
than noise, and if it has not drifted from where it was some frames ago: a slow pan changes a
picture by less than noise, but goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Plane
from ..imaging.resize import resize_area, resize_linear

Floats = NDArray[np.float32]

# Changes are judged at half the reduced picture's size, drift at a quarter: a quarter's pixel is
# the mean of some hundred of the film, and noise is small in it.
_WINDOW = (5, 5)  # px, in which changes count together
_LIGHT = (31, 31)  # px, in which a change that is the same everywhere is one of light
# Change that is noise, of the quietest fifth; at least, and at most, grey levels.
_OF_QUIET, _LEAST, _MOST = 2.5, 0.6, 2.0

_PAST = 12  # frames, over which a place must not drift
_ENDS = 3  # of them, that are averaged at both ends: noise is smaller in their mean
_DRIFT = 0.02  # px of a quarter's size, at which a place begins to drift; at twice, it does
_AREA, _FAR = (21, 21), (61, 61)  # px, in which drift is one; in which flat places get theirs
# Squared gradient, grey levels per px, at which a place has as much of what is far as of its own;
# so many squares of the noise are added. And the squared gradient that says nothing.
_PRIOR, _OF_NOISE, _FLAT = 0.1, 3.0, 0.02
_OTHER = 12.0  # grey levels at which a difference is of something else that came, half
# Share of the difference that a drift must explain; at twice, it is one. So what passes by is none.
_EXPLAINED = 0.2
# Of the noise's square: what a difference has of it, and what explains nothing; and in grey levels
# squared, of rounding.
_UNEXPLAINED, _NOTHING = (0.5, 0.004), (0.01, 0.0003)
_STRUCTURE = 4.0  # squared gradient, grey levels per px, that is half a structure
_OF_NEAR = 1.0  # weight of the structure that is near
_MOST_OF_IT = (0.25, 0.4)  # share of what has structure that is not most of it yet; and that is


class Standing:
    """Finds what stands still in a film, from its pictures; file and live use it."""

    def __init__(self) -> None:
        self._before: Floats | None = None
        self._past: deque[Floats] = deque(maxlen=_PAST)

    def reset(self) -> None:
        """Forget the past: the next picture begins a shot."""
        self._before = None
        self._past.clear()

    def step(self, grey: Plane) -> Floats:
        """How far each place of the next picture moves.

        Args:
            grey: the picture's brightness, reduced, (h, w) uint8; always of one size.

        Returns:
            (h, w) float32, 0..1: exactly 0 where it stands still; 1 in a shot's first picture.
        """
        height, width = grey.shape
        half = _reduced(grey, 2)
        quarter = _reduced(half, 2)
        before, self._before = self._before, half
        moves = np.ones((1, 1), np.float32)
        if before is not None:
            change, noise = _change(half, before)
            pictures = [*self._past, quarter]
            drift = _drift(_mean(pictures[-_ENDS:]), _mean(pictures[:-1][:_ENDS]), noise)
            moved = np.maximum(drift, resize_area(change, (quarter.shape[0], quarter.shape[1])))
            moved = np.maximum(moved, _mostly(moved, quarter))
            moves = _soft(np.maximum(change, resize_linear(moved, (half.shape[0], half.shape[1]))))
        self._past.append(quarter)
        return resize_linear(moves, (height, width))


def _mean(pictures: Sequence[Floats]) -> Floats:
    return np.asarray(np.mean(pictures, axis=0, dtype=np.float32), np.float32)


def _reduced(grey: Any, factor: int) -> Floats:
    height, width = (max(1, n // factor) for n in grey.shape)
    return resize_area(np.asarray(grey, np.float32), (height, width))


def _change(now: Floats, before: Floats) -> tuple[Floats, float]:
    """How far each place changes by more than noise, 0..1; and the noise, grey levels."""
    difference = cv2.subtract(now, before)
    own = cv2.absdiff(difference, cv2.blur(difference, _LIGHT))
    change = np.asarray(cv2.blur(own, _WINDOW), np.float32)
    noise = float(np.percentile(change[::2, ::2], 20))
    limit = min(max(_LEAST, _OF_QUIET * noise), _MOST)
    return np.asarray(np.clip(change / limit - 1, 0, 1), np.float32), noise


def _drift(now: Floats, past: Floats, noise: float) -> Floats:
    """How far each place has moved since a picture of the past, 0..1 (Lucas & Kanade 1981).

    It has only where that explains the pictures better than noise, or than something that passed.
    """
    difference = cv2.subtract(now, past)
    difference = cv2.subtract(difference, cv2.blur(difference, _LIGHT))
    mean = cv2.addWeighted(now, 0.5, past, 0.5, 0)
    x, y = (cv2.Scharr(mean, cv2.CV_32F, i, 1 - i, scale=1 / 32) for i in (1, 0))
    alike = 1 / (1 + np.square(difference / _OTHER))
    xx, xy, yy, xt, yt, tt = _sums(alike, x, y, difference, noise)
    xx, yy = xx + _FLAT, yy + _FLAT
    area = xx * yy - xy * xy
    across, down = (yy * xt - xy * yt) / area, (xx * yt - xy * xt) / area
    unexplained, nothing = (a * noise * noise + b for a, b in (_UNEXPLAINED, _NOTHING))
    share = (across * xt + down * yt) / (np.maximum(tt - unexplained, 0) + nothing)
    moved = np.hypot(across, down) * np.clip(share / _EXPLAINED - 1, 0, 1)
    return np.asarray(np.clip(moved / _DRIFT - 1, 0, 1), np.float32)


def _sums(weight: Any, x: Any, y: Any, t: Any, noise: float) -> list[Any]:
    """Means of xx, xy, yy, xt, yt, tt around each place; where it is flat, of what is far."""
    wx, wy = cv2.multiply(weight, x), cv2.multiply(weight, y)
    pairs = (wx, x), (wx, y), (wy, y), (wx, t), (wy, t), (cv2.multiply(weight, t), t)
    products = [cv2.multiply(a, b) for a, b in pairs]
    far = [cv2.blur(product, _FAR) for product in products]
    prior = (_PRIOR + _OF_NOISE * noise * noise) / ((far[0] + far[2]) / 2 + _FLAT)
    near = (cv2.blur(product, _AREA) for product in products)
    return [cv2.add(n, cv2.multiply(f, prior)) for n, f in zip(near, far, strict=True)]


def _mostly(moved: Floats, picture: Floats) -> Floats:
    """How far most of what has structure around each place moves, 0..1.

    A wall or a sky looks the same when the camera turns. It moves as what is around it.
    """
    x, y = (cv2.Scharr(picture, cv2.CV_32F, i, 1 - i, scale=1 / 32) for i in (1, 0))
    square = np.square(x) + np.square(y)
    structure = square / (square + _STRUCTURE)
    moving, all_of_it = (
        _OF_NEAR * cv2.blur(s, _AREA) + cv2.blur(s, _FAR) for s in (structure * moved, structure)
    )
    low, high = _MOST_OF_IT
    return np.asarray(np.clip((moving / (all_of_it + 1e-6) - low) / (high - low), 0, 1), np.float32)


def _soft(moves: Floats) -> Floats:
    """The same with a soft edge around what moves; 0 stays exactly 0 further away."""
    wide = cv2.blur(cv2.dilate(moves, np.ones(_WINDOW, np.uint8)), _WINDOW)
    return np.asarray(np.clip(1.04 * wide - 0.02, 0, 1), np.float32)

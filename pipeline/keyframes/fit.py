"""Whether a picture is the painting of a frame: painted at all, and each thing in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Rgb
from ..imaging.resize import resize_area

_COMPARED = (90, 160)  # (height, width), px, at which edges are compared
_SEEN = (36, 64)  # at which a picture is told from the frame: what a format costs is not seen there
# Grey levels by which a picture that is not painted may differ: on average, and in its changed
# parts. Programs save JPEGs, and convert colours.
_SAME, _SAME_PARTS = 2.5, 12.0
_PARTS = 99.0  # percentile of the pixels that are such parts
_MARGIN = 0.12  # of a side: how far a painting may be off its frame and be found

FITS = 0.22
"""Correlation of the edges of a painting and its frame, from which it is taken for that frame's."""

OFF = 0.012
"""Distance, of the frame's width, from which a painting is said to be off its place."""


@dataclass(frozen=True)
class Fit:
    """How a painting fits a frame."""

    likeness: float
    """−1..1: correlation of their edges, at the best place."""
    right: float
    """How far the painting is off to the right, of the frame's width."""
    down: float
    """How far it is off downwards, of the frame's width."""

    @property
    def is_off(self) -> bool:
        """Whether it is out of its place, so far that it is seen."""
        return max(abs(self.right), abs(self.down)) > OFF


def is_painted(picture: Rgb, frame: Rgb) -> bool:
    """Whether a picture is another one than the frame itself.

    Args:
        picture: (h, w, 3) uint8, 0–255, RGB, of any size.
        frame: (H, W, 3) uint8, 0–255, RGB.
    """
    one, other = (resize_area(rgb, _SEEN).astype(np.float32) for rgb in (picture, frame))
    difference = np.abs(one - other).max(axis=-1)
    return difference.mean() > _SAME or np.percentile(difference, _PARTS) > _SAME_PARTS


def fit_of(picture: Rgb, frame: Rgb) -> Fit:
    """How a painting fits a frame, by their edges: colours and strokes are the painter's.

    Args:
        picture: the painting, (h, w, 3) uint8, 0–255, RGB, of any size.
        frame: (H, W, 3) uint8, 0–255, RGB.
    """
    edges, there = _edges(picture), _edges(frame)
    height, width = edges.shape
    top, left = round(_MARGIN * height), round(_MARGIN * width)
    middle = edges[top : height - top, left : width - left]
    scores = np.asarray(cv2.matchTemplate(there, middle, cv2.TM_CCOEFF_NORMED))
    # A shift must be worth it: edges along a line fit everywhere on it.
    y, x = np.mgrid[: scores.shape[0], : scores.shape[1]]
    far = np.hypot(y - top, x - left) / max(top, left)
    down, right = np.unravel_index(int(np.argmax(scores - 0.03 * far)), scores.shape)
    likeness = float(scores[down, right])
    return Fit(likeness, (left - float(right)) / width, (top - float(down)) / width)


def _edges(rgb: Rgb) -> NDArray[np.float32]:
    """How much changes at each place, (90, 160): strong edges count little more than others."""
    grey: Any = cv2.cvtColor(resize_area(rgb, _COMPARED), cv2.COLOR_RGB2GRAY)
    soft = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)
    x, y = (cv2.Scharr(soft, cv2.CV_32F, i, 1 - i, scale=1 / 32) for i in (1, 0))
    strength = np.sqrt(np.hypot(x, y))
    return np.asarray(strength - cv2.blur(strength, (41, 41)), np.float32)

"""Motion over many frames: steps put one after another, and how far that can be trusted.

All of it at the reduced size of ``flow``, in its pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Rgb, Vectors
from ..imaging.warp import Warper
from .flow import FlowEstimator, confidence

_DOUBT = 0.6  # the most that steps which led nowhere take from a place where both are alike

_ALIKE = 0.9  # trust in what looks alike, where the motion there and back disagrees
_UNLIKE = 24.0

Trust = NDArray[np.float32]
"""(h, w), 0..1."""


@dataclass(frozen=True)
class Correspondence:
    """Where the pixels of one picture are in another."""

    vectors: Vectors
    """(h, w, 2)."""
    trust: Trust
    """That they are there."""

    def chain(self, further: Correspondence) -> Correspondence:
        """This way and from its end another: v(p) + w(p + v(p)); trust is the lesser of both."""
        warper = Warper(self.vectors.shape[1], self.vectors.shape[0])
        vectors = self.vectors + warper.warp(further.vectors, self.vectors)
        trust = np.minimum(self.trust, warper.warp(further.trust, self.vectors))
        return Correspondence(vectors, trust * warper.inside(vectors))


def no_motion(height: int, width: int) -> Correspondence:
    """The way of a picture to itself."""
    return Correspondence(
        np.zeros((height, width, 2), np.float32), np.ones((height, width), np.float32)
    )


@dataclass(frozen=True)
class FlowPair:
    """The motion between a frame and the one before, both ways."""

    backward: Correspondence
    """From the frame to the one before."""
    forward: Correspondence
    """From the one before to the frame."""


def measure_flow_pair(now: Rgb, before: Rgb, estimator: FlowEstimator) -> FlowPair:
    """The motion between two reduced pictures."""
    back, forth = estimator.between(now, before), estimator.between(before, now)
    return FlowPair(
        Correspondence(back, confidence(now, before, back, forth)),
        Correspondence(forth, confidence(before, now, forth, back)),
    )


def correct_drift(
    long: Correspondence, now: Rgb, there: Rgb, estimator: FlowEstimator
) -> Correspondence:
    """A long way whose drift is taken out: ``there``, warped by it, is compared with ``now``.

    The motion that remains between the two is put before the way. Trust is then measured anew, on
    the pictures themselves: the steps' own falls with their number, whatever they reach.
    """
    warper = Warper(now.shape[1], now.shape[0])
    moved = warper.warp(there, long.vectors)
    rest, back = estimator.between(now, moved), estimator.between(moved, now)
    near = np.maximum(confidence(now, moved, rest, back), _ALIKE * _alike(now, moved))
    further = warper.warp(long.vectors, rest)
    # Where the pictures differ, what remains of the motion is made up.
    vectors = long.vectors + near[..., None] * (rest + further - long.vectors)
    doubt = np.maximum(long.trust, _DOUBT)
    return Correspondence(
        np.asarray(vectors, np.float32), np.minimum(near, doubt) * warper.inside(vectors)
    )


def _alike(now: Rgb, moved: Rgb) -> Trust:
    """1 where two pictures show the same, whatever the motion; 0 from ``_UNLIKE`` grey levels on.

    On snow or in a sky the motion can't be told, and a painting carried by any of them fits.
    """
    apart = cv2.absdiff(now, moved).max(axis=-1)
    worst = cv2.blur(cv2.dilate(apart, np.ones((5, 5), np.uint8)).astype(np.float32), (5, 5))
    return np.asarray(np.clip(1 - worst / _UNLIKE, 0, 1), np.float32)

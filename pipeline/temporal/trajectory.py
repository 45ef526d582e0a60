"""Motion over many frames: motion from frame to frame, chained, and how far it can be trusted.

All of it is at the reduced size of ``flow``, in px of that size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Rgb, Vectors
from ..imaging.warp import Warper
from .flow import FlowEstimator
from .motion import confidence

_LEAST_CHAINED = 0.6  # trust of the chain, at least; the pictures themselves decide below that

_ALIKE = 0.9  # trust where pictures look alike, but the motion there and back disagrees
_UNLIKE = 24.0  # grey levels from which pictures do not look alike

Trust = NDArray[np.float32]
"""(h, w), 0..1."""


@dataclass(frozen=True)
class Correspondence:
    """Where the pixels of one picture are in another one."""

    vectors: Vectors
    """(h, w, 2) float32, px, (x, y)."""
    trust: Trust
    """(h, w) float32, 0..1: that they are there."""

    def chain(self, further: Correspondence) -> Correspondence:
        """Append a correspondence w to this one, v: v(p) + w(p + v(p)).

        Trust is the lower one of both; it is 0 where the sum leaves the picture.

        Args:
            further: the correspondence from this one's second picture to a third.
        """
        warper = Warper(self.vectors.shape[1], self.vectors.shape[0])
        vectors = self.vectors + warper.warp(further.vectors, self.vectors)
        trust = np.minimum(self.trust, warper.warp(further.trust, self.vectors))
        return Correspondence(vectors, trust * warper.inside(vectors))


def no_motion(height: int, width: int) -> Correspondence:
    """Return the correspondence of a picture, ``height`` × ``width`` px, with itself."""
    return Correspondence(
        np.zeros((height, width, 2), np.float32), np.ones((height, width), np.float32)
    )


@dataclass(frozen=True)
class FlowPair:
    """The motion between a frame and the one before, in both directions."""

    backward: Correspondence
    """From the frame to the one before."""
    forward: Correspondence
    """From the one before to the frame."""


def measure_flow_pair(now: Rgb, before: Rgb, estimator: FlowEstimator) -> FlowPair:
    """Estimate the motion between two pictures in both directions.

    Args:
        now: the frame, reduced, (h, w, 3) uint8, 0–255, RGB.
        before: the frame before, of the same size and kind.
        estimator: the estimator of optical flow.
    """
    back, forth = estimator.between(now, before), estimator.between(before, now)
    return FlowPair(
        Correspondence(back, confidence(now, before, back, forth)),
        Correspondence(forth, confidence(before, now, forth, back)),
    )


def correct_drift(
    chained: Correspondence, now: Rgb, there: Rgb, estimator: FlowEstimator
) -> Correspondence:
    """Remove the drift of a chained correspondence.

    ``there`` is warped by it and compared with ``now``; the motion that remains between the two is
    added. Trust is measured again on these pictures, because the chain's own falls with its length.

    Args:
        chained: the correspondence from ``now`` to ``there``.
        now: (h, w, 3) uint8, 0–255, RGB.
        there: the other picture, of the same shape and range.
        estimator: the estimator of optical flow.
    """
    warper = Warper(now.shape[1], now.shape[0])
    moved = warper.warp(there, chained.vectors)
    rest, back = estimator.between(now, moved), estimator.between(moved, now)
    near = np.maximum(confidence(now, moved, rest, back), _ALIKE * _alike(now, moved))
    further = warper.warp(chained.vectors, rest)
    # Where the pictures differ, the remaining motion is not real.
    vectors = chained.vectors + near[..., None] * (rest + further - chained.vectors)
    limit = np.maximum(chained.trust, _LEAST_CHAINED)
    return Correspondence(
        np.asarray(vectors, np.float32), np.minimum(near, limit) * warper.inside(vectors)
    )


def _alike(now: Rgb, moved: Rgb) -> Trust:
    """1 where two pictures are equal, whatever the motion; 0 from ``_UNLIKE`` grey levels on.

    In snow or in a sky the motion can't be measured, and a painting warped by any motion fits.
    """
    difference = cv2.absdiff(now, moved).max(axis=-1)
    worst = cv2.blur(cv2.dilate(difference, np.ones((5, 5), np.uint8)).astype(np.float32), (5, 5))
    return np.asarray(np.clip(1 - worst / _UNLIKE, 0, 1), np.float32)

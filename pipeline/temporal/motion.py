"""The motion of a film: where each pixel of a frame was in the frame before, and how sure that is.

It is measured on reduced pictures: motion is smooth where it can be trusted, and at its edges it
can't be trusted at any size.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import closing_source
from ..core.frame import Frame, Motion, SourcePicture, Vectors, resized
from ..imaging.resize import brightness, reduced_of, resize_area, resize_linear
from ..imaging.warp import Warper, resize_vectors
from .flow import FlowEstimator, inconsistency, meeting, motion_boundary
from .standing import Standing

Trust = NDArray[np.float32]

# Trust is halved at this difference to the warped source: so much of 0..255, and so much of the
# local contrast, because a small error of the flow causes a difference there.
_TOLERANCE = 24.0
_OF_CONTRAST = 0.5
# Of the pixels that end at a place: it begins to be doubtful that one is seen, then it is not.
_CROWDED, _HIDDEN = 1.1, 1.4


def attach_motion(frames: Iterable[Frame], estimator: FlowEstimator) -> Generator[Frame]:
    """Stage: give every frame its motion since the frame before; none where a shot begins.

    Args:
        frames: the source's frames, in order.
        estimator: the estimator of optical flow.
    """
    meter = MotionMeter(estimator)
    with closing_source(frames):
        for frame in frames:
            yield meter.step(frame)


class MotionMeter:
    """Measures a film's motion frame by frame. File and live use it.

    Args:
        estimator: the estimator of optical flow.
    """

    def __init__(self, estimator: FlowEstimator) -> None:
        self._estimator = estimator
        self._before: SourcePicture | None = None
        self._standing = Standing()

    def follows(self, frame: Frame) -> bool:
        """Whether a frame with its ``reduced`` has the size of the one before."""
        now, before = frame.reduced, self._before
        return now is not None and before is not None and now.shape == before.shape

    def step(self, frame: Frame, wanted: bool = True) -> Frame:
        """Return the next frame with its ``reduced``, and its motion; none where a shot begins.

        Args:
            frame: the frame.
            wanted: its motion is used; else it is only remembered.
        """
        now = reduced_of(frame)
        frame = replace(frame, reduced=now)
        goes_on, before = self.follows(frame) and not frame.cut, self._before
        self._before = now
        if not goes_on:
            self._standing.reset()
        moves = self._standing.step(brightness(now))
        if before is None or not (goes_on and wanted):
            return frame
        return replace(frame, motion=measure_motion(now, before, self._estimator, moves))


def measure_motion(
    now: SourcePicture, before: SourcePicture, estimator: FlowEstimator, moves: Trust | None = None
) -> Motion:
    """Estimate the motion from a picture to the one before, and its confidence.

    Args:
        now: (h, w, 3) uint8, 0–255, RGB; or ``Yuv`` planes.
        before: the picture before, of the same kind and size.
        estimator: the estimator of optical flow.
        moves: (h, w) float32, 0..1, of each place: 0 where it stands still; ``None``: 1.
    """
    vectors = estimator.between(now, before)
    if moves is not None:
        vectors = np.asarray(cv2.multiply(vectors, cv2.merge([moves, moves])), np.float32)
    return Motion(vectors, confidence(now, before, vectors, moves=moves))


def confidence(
    now: SourcePicture,
    before: SourcePicture,
    vectors: Vectors,
    back: Vectors | None = None,
    moves: Trust | None = None,
) -> Trust:
    """Estimate the confidence that motion vectors are right.

    1 to 0 as more pixels end at a place than can be seen there, or as the way there and back misses
    (``inconsistency``); divided by 1 + e², with e the photometric error in units of what is
    tolerable; 0 at motion boundaries. The lowest value of each neighbourhood is used, so that trust
    ends before an occlusion begins. All is computed at half the size, a quarter of the work; DIS's
    vectors are no denser.

    Args:
        now: (H, W, 3) uint8, 0–255, RGB; or ``Yuv`` planes.
        before: the picture before, of the same kind and size.
        vectors: (H, W, 2) float32, px, from ``now`` to ``before``.
        back: (H, W, 2) float32, px, from ``before`` to ``now``, where that is known.
        moves: see ``measure_motion``: what stands was there, whatever else ends there.

    Returns:
        (H, W) float32, 0..1.
    """
    height, width = vectors.shape[:2]
    half = (max(1, width // 2), max(1, height // 2))
    source, past = (resized(picture, half, cv2.INTER_AREA) for picture in (now, before))
    pitch = width / half[0]
    there = pitch * resize_vectors(vectors, *half)  # in px of the whole size
    if back is None:
        visible = (_HIDDEN - meeting(there, pitch)) / (_HIDDEN - _CROWDED)
    else:
        visible = 1 - inconsistency(there, pitch * resize_vectors(back, *half), pitch)
    visible = np.clip(visible, 0, 1)
    visible[motion_boundary(there, pitch)] = 0
    if moves is not None:
        visible = np.maximum(visible, 1 - resize_area(moves, (half[1], half[0])))
    alike = _likeness(source, Warper(*half).warp(past, there / pitch))
    trust = cv2.blur(cv2.erode(cv2.multiply(visible, alike), _AROUND), (3, 3))
    return resize_linear(np.asarray(trust, np.float32), (height, width))


def _likeness(source: Any, moved: Any) -> Any:
    """1 / (1 + e²), (H, W), of a picture and the one before, moved to it."""
    error = _largest(cv2.absdiff(source, moved))
    contrast = _largest(cv2.morphologyEx(source, cv2.MORPH_GRADIENT, _AROUND))
    tolerable = cv2.addWeighted(contrast, _OF_CONTRAST, contrast, 0, _TOLERANCE, dtype=cv2.CV_32F)
    e = cv2.divide(error, tolerable, dtype=cv2.CV_32F)
    return 1 / (1 + np.square(e))


_AROUND = np.ones((3, 3), np.uint8)


def _largest(rgb: Any) -> Any:
    """The largest of the three channels, (H, W)."""
    return cv2.max(cv2.max(*cv2.split(rgb)[:2]), cv2.split(rgb)[2])

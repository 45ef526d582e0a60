"""Optical flow between source frames, and how far it can be trusted.

The flow stage gives every frame its ``Motion``: where each of its pixels was in the frame before,
and the confidence that it was there. Both are computed on pictures reduced by an integer factor,
whose mean over whole pixels is exact and fast. Motion is smooth where it can be trusted, and at its
edges it can't be trusted at any size.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import closing_source
from ..core.errors import ModelError, reason
from ..core.frame import Frame, Motion, Rgb, Vectors
from ..imaging.resize import FLOW_SIDE, reduce_for_flow, resize_area, resize_linear
from ..imaging.warp import Mask, Warper, resize_vectors
from ..nets.session import open_session


class FlowEstimator(Protocol):
    """Anything that estimates the motion (optical flow) between two pictures."""

    def between(self, first: Rgb, second: Rgb) -> Vectors:
        """Estimate the optical flow: where the pixels of ``first`` are in ``second``.

        Args:
            first: the one picture, (H, W, 3) uint8, 0–255, RGB.
            second: the other picture, of the same shape and range.

        Returns:
            (H, W, 2) float32, px, (x, y): pixel p of ``first`` is at p + flow[p] in ``second``.
        """
        ...


class Dis:
    """Dense inverse search (Kroeger 2016), OpenCV's *fast*: no weights, a few milliseconds.

    Pictures of the size that the pipeline reduces them to are searched down to half their size. To
    a quarter, as *fast* has it, the canvas of a pan was two to three times less steady.
    """

    def __init__(self) -> None:
        self._size = (0, 0)
        self._dis: Any = None

    def between(self, first: Rgb, second: Rgb) -> Vectors:
        """See ``FlowEstimator``."""
        if first.shape[:2] != self._size:  # its buffers are of one size
            self._dis, self._size = _search(first.shape[:2]), first.shape[:2]
        # Below 32 px its coarsest pictures are smaller than its patches, and OpenCV crashes.
        grey = (cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) for rgb in _at_least(64, first, second))
        vectors = self._dis.calc(*grey, None)
        return np.ascontiguousarray(vectors[: first.shape[0], : first.shape[1]])


def _search(size: tuple[int, int]) -> Any:
    """OpenCV's search for pictures of (height, width) px."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    search.setFinestScale(1 if max(size) <= FLOW_SIDE else 2)  # of half, or a quarter of the size
    return search


class Raft:
    """A flow net as an ONNX file: inputs ``first``, ``second``, uint8; output ``flow``, float32.

    Args:
        model: the file that ``stylize-video export-flow`` writes.
        device: see ``open_session``.
        threads: see ``open_session``.

    Raises:
        ModelError: the file does not exist, or is not a flow net.
    """

    def __init__(self, model: Path, device: str = "auto", threads: int = 0) -> None:
        if not model.is_file():
            raise ModelError(
                f"--flow raft needs {model}, which does not exist; make it once: "
                f"stylize-video export-flow {model}"
            )
        try:
            self._session, self.device = open_session(model, device, threads)
        except ModelError as error:
            raise ModelError(f"{model} is not an ONNX file that can be read: {error}") from error
        inputs = {i.name for i in self._session.get_inputs()}
        outputs = {o.name for o in self._session.get_outputs()}
        if inputs != {"first", "second"} or "flow" not in outputs:
            raise ModelError(
                f"{model} is no flow net: it takes {', '.join(sorted(inputs))} and gives "
                f"{', '.join(sorted(outputs))}; export-flow writes one"
            )
        self._model = model

    def between(self, first: Rgb, second: Rgb) -> Vectors:
        """See ``FlowEstimator``."""
        # Below 128 px RAFT's coarsest correlations have no pixel left.
        one, two = _at_least(128, first, second)
        try:
            (vectors,) = self._session.run(["flow"], {"first": one[None], "second": two[None]})
        except Exception as error:  # ONNX Runtime's errors share no other base
            raise ModelError(f"{self._model} failed on a frame: {reason(error)}") from error
        height, width = first.shape[:2]
        return np.ascontiguousarray(np.asarray(vectors)[0, :height, :width])


def default_model() -> Path:
    """Return the path of the file that ``export-flow`` writes by default."""
    return Path.home() / ".cache" / "stylize-video" / "raft-small.onnx"


def open_flow(
    kind: str, model: Path | None = None, device: str = "auto", threads: int = 0
) -> FlowEstimator:
    """Open the estimator of optical flow that ``--flow`` names.

    Args:
        kind: ``dis`` (OpenCV's, fast) or ``raft`` (a neural network, better and slow).
        model: the path of RAFT's ONNX file; ``None``: ``default_model``.
        device: the device that runs RAFT; see ``open_session``.
        threads: RAFT's threads on the CPU; see ``open_session``.

    Returns:
        The estimator; RAFT's file is loaded.

    Raises:
        ModelError: RAFT's file is missing or unusable.
        DeviceError: the device is not available.
    """
    if kind == "dis":
        return Dis()
    return Raft(model or default_model(), device, threads)


# ---- geometry ----


def inconsistency(forward: Vectors, backward: Vectors, pitch: float = 1.0) -> NDArray[np.float32]:
    """Measure how far a pixel misses itself after going forward and back, relative to the limit.

    |w̃ + ŵ|² / (0.01 (|w̃|² + |ŵ|²) + 0.5), with w̃ the backward motion at the end of the forward
    motion; above 1 the pixel is occluded (Ruder 2016, equation 4).

    Args:
        forward: (H, W, 2) float32, px.
        backward: (H, W, 2) float32, px.
        pitch: the distance between neighbouring vectors, px.

    Returns:
        (H, W) float32, 0 and above; infinite where a pixel leaves the picture.
    """
    height, width = forward.shape[:2]
    warper = Warper(width, height)
    steps = forward / pitch
    back: Vectors = warper.warp(backward, steps)
    missed = _square(forward + back)
    allowed = cv2.addWeighted(_square(forward), 0.01, _square(back), 0.01, 0.5)
    ratio = cv2.divide(missed, allowed)
    ratio[~warper.inside(steps)] = np.inf
    return np.asarray(ratio, np.float32)


def occluded(forward: Vectors, backward: Vectors) -> Mask:
    """Find the pixels that the other picture does not show: ``inconsistency`` above 1.

    Args:
        forward: (H, W, 2) float32, px.
        backward: (H, W, 2) float32, px.

    Returns:
        (H, W) bool.
    """
    return inconsistency(forward, backward) > 1


def motion_boundary(vectors: Vectors, pitch: float = 1.0) -> Mask:
    """Find the edges of the motion: |∇ŵ|² > 0.01 |ŵ|² + 0.002 (Ruder 2016, equation 5).

    Args:
        vectors: (H, W, 2) float32, px.
        pitch: the distance between neighbouring vectors, px.

    Returns:
        (H, W) bool.
    """
    change = np.zeros(vectors.shape[:2], np.float32)
    change[:-1] += _square(vectors[1:] - vectors[:-1])
    change[:, :-1] += _square(vectors[:, 1:] - vectors[:, :-1])
    return change > pitch**2 * (0.01 * _square(vectors) + 0.002)


def _square(vectors: Vectors) -> NDArray[np.float32]:
    """|v|² of every vector, (H, W)."""
    if not vectors.size:  # between the rows of a picture that has one
        return np.zeros(vectors.shape[:2], np.float32)
    x, y = cv2.split(vectors)
    return np.asarray(cv2.add(cv2.multiply(x, x), cv2.multiply(y, y)), np.float32)


def _at_least(side: int, *pictures: Rgb) -> list[Rgb]:
    """The pictures with their last row and column repeated up to ``side`` px."""
    height, width = pictures[0].shape[:2]
    down, right = max(0, side - height), max(0, side - width)
    if not (down or right):
        return list(pictures)
    return [np.pad(p, ((0, down), (0, right), (0, 0)), mode="edge") for p in pictures]


# ---- the stage ----


def attach_motion(frames: Iterable[Frame], estimator: FlowEstimator) -> Generator[Frame]:
    """Stage: give every frame its motion since the frame before; none where a shot begins.

    Args:
        frames: the source's frames, in order.
        estimator: the estimator of optical flow.
    """
    before: Rgb | None = None
    with closing_source(frames):
        for frame in frames:
            small = reduce_for_flow(frame.source)
            if before is None or frame.cut or before.shape != small.shape:
                yield frame
            else:
                yield replace(frame, motion=measure_motion(small, before, estimator))
            before = small


def measure_motion(now: Rgb, before: Rgb, estimator: FlowEstimator) -> Motion:
    """Estimate the motion from a picture to the one before, and its confidence.

    Args:
        now: (h, w, 3) uint8, 0–255, RGB.
        before: the picture before, of the same shape and range.
        estimator: the estimator of optical flow.
    """
    vectors = estimator.between(now, before)
    back = estimator.between(before, now)
    return Motion(vectors, confidence(now, before, vectors, back))


# Trust is halved at this difference to the warped source: so much of 0..255, and so much of the
# local contrast, because a small error of the flow causes a difference there.
_TOLERANCE = 24.0
_OF_CONTRAST = 0.5


def confidence(now: Rgb, before: Rgb, vectors: Vectors, back: Vectors) -> NDArray[np.float32]:
    """Estimate the confidence that motion vectors are right.

    The inequality of ``inconsistency`` as a ramp from 1 to 0, divided by 1 + e², with e the
    photometric error in units of what is tolerable; 0 at motion boundaries. The lowest value of
    each neighbourhood is used, so that trust ends before an occlusion begins. All is computed at
    half the size, a quarter of the work; DIS's vectors are no denser.

    Args:
        now: (H, W, 3) uint8, 0–255, RGB.
        before: the picture before, of the same shape and range.
        vectors: (H, W, 2) float32, px, from ``now`` to ``before``.
        back: (H, W, 2) float32, px, from ``before`` to ``now``.

    Returns:
        (H, W) float32, 0..1.
    """
    height, width = vectors.shape[:2]
    half = (max(1, width // 2), max(1, height // 2))
    source, past = (resize_area(rgb, (half[1], half[0])) for rgb in (now, before))
    pitch = width / half[0]
    # In px of the whole size.
    there, back = (pitch * resize_vectors(v, *half) for v in (vectors, back))
    moved = Warper(*half).warp(past, there / pitch)
    error = _largest(cv2.absdiff(source, moved))
    contrast = _largest(cv2.morphologyEx(source, cv2.MORPH_GRADIENT, _AROUND))
    tolerable = cv2.addWeighted(contrast, _OF_CONTRAST, contrast, 0, _TOLERANCE, dtype=cv2.CV_32F)
    e = cv2.divide(error, tolerable, dtype=cv2.CV_32F)
    consistent = np.maximum(1 - inconsistency(there, back, pitch), 0)
    consistent[motion_boundary(there, pitch)] = 0
    trust = cv2.blur(cv2.erode(consistent / (1 + np.square(e)), _AROUND), (3, 3))
    return resize_linear(np.asarray(trust, np.float32), (height, width))


_AROUND = np.ones((3, 3), np.uint8)


def _largest(rgb: Any) -> Any:
    """The largest of the three channels, (H, W)."""
    return cv2.max(cv2.max(*cv2.split(rgb)[:2]), cv2.split(rgb)[2])

"""Optical flow between two pictures: its estimators, and tests that say where it can't be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.errors import ModelError, reason
from ..core.frame import SourcePicture, Vectors, as_rgb
from ..imaging.resize import FLOW_SIDE, brightness
from ..imaging.warp import Mask, Warper
from ..nets.session import open_session


class FlowEstimator(Protocol):
    """Anything that estimates the motion (optical flow) between two pictures."""

    def between(self, first: SourcePicture, second: SourcePicture) -> Vectors:
        """Estimate the optical flow: where the pixels of ``first`` are in ``second``.

        Args:
            first: the one picture, (H, W, 3) uint8, 0–255, RGB; or ``Yuv`` planes.
            second: the other picture, of the same kind and size.

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

    def between(self, first: SourcePicture, second: SourcePicture) -> Vectors:
        """See ``FlowEstimator``."""
        if first.shape[:2] != self._size:  # its buffers are of one size
            self._dis, self._size = _search(first.shape[:2]), first.shape[:2]
        # Below 32 px its coarsest pictures are smaller than its patches, and OpenCV crashes.
        grey = _at_least(64, brightness(first), brightness(second))
        vectors = self._dis.calc(*map(np.ascontiguousarray, grey), None)
        return np.ascontiguousarray(vectors[: first.shape[0], : first.shape[1]])


def _search(size: tuple[int, int]) -> Any:
    """OpenCV's search for pictures of (height, width) px."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    if max(size) > FLOW_SIDE:
        search.setFinestScale(2)  # of a quarter of the size
        return search
    # Of half the size. Fewer patches or steps take a quarter of the time off, but small films are
    # less steady by a sixth. Without refinement half of the vectors look like edges.
    search.setFinestScale(1)
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

    def between(self, first: SourcePicture, second: SourcePicture) -> Vectors:
        """See ``FlowEstimator``."""
        # Below 128 px RAFT's coarsest correlations have no pixel left.
        one, two = _at_least(128, as_rgb(first), as_rgb(second))
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


def meeting(vectors: Vectors, pitch: float = 1.0) -> NDArray[np.float32]:
    """Count the pixels that end where a pixel ends: 1 where it is alone there.

    Where two meet, one of them hides the other in the picture that they move to: it takes no second
    search, back again, to see that (mapping uniqueness, Xu 2012).

    Args:
        vectors: (H, W, 2) float32, px.
        pitch: the distance between neighbouring vectors, px.

    Returns:
        (H, W) float32, 0 and above: the mean of a small window; infinite where a pixel leaves the
        picture.
    """
    height, width = vectors.shape[:2]
    warper = Warper(width, height)
    steps = vectors / pitch
    x, y = cv2.split(warper.places(steps))
    x, y = (np.rint(np.clip(places, 0, size - 1)) for places, size in ((x, width), (y, height)))
    ends = np.asarray(y * width + x, np.intp)
    count = np.bincount(ends.ravel(), minlength=width * height).reshape(height, width)
    found = warper.warp(cv2.blur(count.astype(np.float32), _WINDOW), steps)
    found[~warper.inside(steps)] = np.inf
    return np.asarray(found, np.float32)


_WINDOW = (5, 5)  # px, in which the pixels that end there are counted


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


def _at_least(side: int, *pictures: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The pictures with their last row and column repeated up to ``side`` px."""
    height, width = pictures[0].shape[:2]
    down, right = max(0, side - height), max(0, side - width)
    if not (down or right):
        return list(pictures)
    edge = cv2.BORDER_REPLICATE
    wide = (cv2.copyMakeBorder(p, 0, down, 0, right, edge) for p in pictures)
    return [np.asarray(p, np.uint8) for p in wide]

"""Motion of the source between two frames, and the pixels at which they can be compared."""

from __future__ import annotations

import numpy as np

from ..core.frame import Rgb, Vectors
from ..imaging.warp import Mask, resize_mask, resize_vectors
from ..temporal.flow import FlowEstimator, motion_boundary, occluded
from .truth import Truth


class SourceMotion:
    """Computes the motion between two frames, or reads it where it is known.

    Args:
        flow: the estimator of optical flow.
        truth: the known flow from each frame to the next.
    """

    def __init__(self, flow: FlowEstimator, truth: Truth | None) -> None:
        self._flow = flow
        self._truth = truth

    def between(
        self, one: Rgb, other: Rgb, size: tuple[int, int], number: int | None
    ) -> tuple[Vectors, Mask]:
        """Compute the optical flow from a frame to another: where its pixels are there.

        Args:
            one: the frame, reduced to (h, w, 3) uint8, 0–255, RGB.
            other: the other frame, reduced in the same way.
            size: (width, height) of the unreduced frames and of the result, px.
            number: the number of the frame, from 0, if the other frame is the next one: then known
                motion is used. ``None``: the motion is estimated.

        Returns:
            (height, width, 2) float32, px, (x, y): the motion; and (height, width) bool: true where
            the pixels can be compared.

        Raises:
            SourceError: the true flow is missing or of another shape.
        """
        if number is not None and self._truth is not None:
            vectors, hidden = self._true(self._truth, one, other, size, number)
        else:
            small = self._flow.between(one, other)
            doubtful = occluded(small, self._flow.between(other, one))
            hidden = resize_mask(doubtful | motion_boundary(small), *size)
            vectors = resize_vectors(small, *size)
        return vectors, ~hidden & _inside(vectors)

    def _true(
        self, truth: Truth, one: Rgb, other: Rgb, size: tuple[int, int], number: int
    ) -> tuple[Vectors, Mask]:
        vectors, hidden = truth.between(number, *size)
        if hidden is None:
            back = resize_vectors(self._flow.between(other, one), *size)
            hidden = occluded(vectors, back)
        return vectors, hidden | motion_boundary(vectors) | ~np.isfinite(vectors).all(axis=-1)


def _inside(vectors: Vectors) -> Mask:
    """Pixels p for which p + v lies in the picture, (H, W): nothing there is extrapolated."""
    height, width = vectors.shape[:2]
    y, x = np.ogrid[:height, :width]
    at_x, at_y = vectors[..., 0] + x, vectors[..., 1] + y
    return (at_x >= 0) & (at_x <= width - 1) & (at_y >= 0) & (at_y <= height - 1)

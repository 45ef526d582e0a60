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
        flow: estimates it.
        truth: the known flow from each frame to the next.
    """

    def __init__(self, flow: FlowEstimator, truth: Truth | None) -> None:
        self._flow = flow
        self._truth = truth

    def between(
        self, one: Rgb, other: Rgb, size: tuple[int, int], number: int | None
    ) -> tuple[Vectors, Mask]:
        """Compute where the pixels of a frame are in another.

        Args:
            one: the frame, reduced, (h, w, 3) uint8, 0–255, RGB.
            other: the other frame, of the same kind and size.
            size: (width, height) of the frames, px.
            number: of the frame, if the other one is the next.

        Returns:
            (height, width, 2) float32, px; and the pixels that can be compared, (height, width).

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

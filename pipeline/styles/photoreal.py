"""Photographic results: smoothed along the source's edges, carried from few lines to any size."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..core.errors import SettingsError
from ..core.frame import Rgb, Rgb8Or16
from ..imaging import resize
from ..imaging.guided import RADIUS, apply_affine_maps, fit_affine_maps
from ..imaging.segmentation import Labels, fit_labels

Smooth = Literal["off", "guided", "closed"]

LINES: dict[Smooth, int] = {"off": 512, "closed": 512, "guided": 256}
"""Short side at which a photograph is painted, px; pictures of about that as they are.

Of what is smoothed only maps of ``guided._SIDE`` are kept: 512 lines would show the same.
"""

_ABOUT = 0.75  # of a side: what is gained by painting fewer is not worth what is lost
_ENLARGING_RADIUS = (
    0.024  # windows, as ``RADIUS``, of maps that only enlarge; wider ones glow at edges
)


def photo_size(height: int, width: int, smooth: Smooth) -> tuple[int, int]:
    """(height, width) at which a picture is painted; both even where it is reduced."""
    if LINES[smooth] >= _ABOUT * min(height, width):
        return height, width
    return resize.work_size(height, width, resize.StrokeScale(resize.BASE_SIDE / LINES[smooth]))


def to_frame_size(
    painted: Rgb, small: Rgb, source: Rgb8Or16, smooth: Smooth, labels: Labels | None = None
) -> Rgb8Or16:
    """The result at its source's size, in its source's bits where it is mapped.

    With labels, each has maps of its own: where two lights meet, one for both would glow.

    Args:
        painted: of ``small``.
        small: the source at the size at which it was painted.
        source: the frame, (H, W, 3), RGB of 8 or 16 bits.
        smooth: ``guided`` filters; ``closed`` solves for it (Li 2018, section 3.2), in seconds.
        labels: of the source, of any size.

    Raises:
        SettingsError: ``closed`` without SciPy.
    """
    if smooth == "closed":
        painted = _solved(painted, small)
    if small.shape == source.shape and smooth != "guided" and source.dtype == np.uint8:
        return painted
    radius = RADIUS if smooth == "guided" else _ENLARGING_RADIUS
    if labels is None:
        return apply_affine_maps(source, [fit_affine_maps(painted, small, radius)])
    where = np.moveaxis(fit_labels(labels, small), -1, 0)
    affine_maps = [
        fit_affine_maps(painted, small, radius, where=np.ascontiguousarray(one)) for one in where
    ]
    return apply_affine_maps(source, affine_maps, fit_labels(labels, source))


def _solved(painted: Rgb, small: Rgb) -> Rgb:
    try:
        from ..imaging.matting import smooth_by_matting
    except ImportError as error:
        raise SettingsError("--smooth closed needs SciPy: pip install scipy") from error
    return smooth_by_matting(painted, small)

"""Photographic results: smoothed along the source's edges, carried from 512 lines to any size."""

from __future__ import annotations

from typing import Literal

from .errors import SettingsError
from .frame import Rgb
from .guided import carried, local_maps

Smooth = Literal["off", "guided", "closed"]

LINES = 512
"""Short side at which a photographic method paints, px; smaller pictures as they are."""


def photo_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) at which a picture is painted; both even where it is reduced."""
    share = LINES / min(height, width)
    if share >= 1:
        return height, width
    return round(height * share / 2) * 2, round(width * share / 2) * 2


def finished(painted: Rgb, small: Rgb, source: Rgb, smooth: Smooth) -> Rgb:
    """The result at its source's size.

    Args:
        painted: of ``small``.
        small: the source at the size at which it was painted.
        source: the frame.
        smooth: ``guided`` filters; ``closed`` solves for it (Li 2018, section 3.2), in seconds.

    Raises:
        SettingsError: ``closed`` without SciPy.
    """
    if smooth == "closed":
        painted = _solved(painted, small)
    if small.shape == source.shape and smooth != "guided":
        return painted
    return carried(source, local_maps(painted, small))


def _solved(painted: Rgb, small: Rgb) -> Rgb:
    try:
        from .matting import smoothed
    except ImportError as error:
        raise SettingsError("--smooth closed needs SciPy: pip install scipy") from error
    return smoothed(painted, small)

"""``.cube`` files as a style: the result of every colour, looked up.

A byte a channel makes 16.7 million colours. Their results are computed once (64 MB, a second);
then a frame is one look-up a pixel, faster than interpolation, and as exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Frame, Picture, Rgb, TemporalState, as_rgb
from ..imaging.lut import Table, read_cube
from .deep_lut import DeepTables
from .style import StyleInfo, UnmeasuredShot

_LEVELS = 256


class LutStyle:
    """Colour tables (``.cube`` files) as a style. Nothing is measured.

    Args:
        styles: the files and their weights, which sum to 1.

    Raises:
        ModelError: a file is missing or no such file.
    """

    def __init__(self, styles: Sequence[tuple[Path, float]]) -> None:
        name = " ".join(path.stem for path, _ in styles)
        # One thread: memory is what it waits for.
        self.info = StyleInfo(name, "table", per_pixel=True, deep=True)
        self._tables = [(read_cube(path), weight) for path, weight in styles]

    @cached_property
    def _colors(self) -> NDArray[np.uint32]:
        return tabulate(self._tables)

    @cached_property
    def _deep(self) -> DeepTables:
        return DeepTables(self._tables)

    def compile(self, shot: Sequence[Frame], strength: float = 1.0) -> UnmeasuredShot:
        """See ``Style.compile``."""
        return UnmeasuredShot(self._paint_frame, strength)

    def _paint_frame(self, frame: Frame, state: TemporalState | None) -> Picture:
        return self.paint(as_rgb(frame.source)) if frame.deep is None else self._deep(frame.deep)

    def paint(self, rgb: Rgb) -> Rgb:
        """A picture (H, W, 3) uint8, 0–255, RGB, by the tables; the same shape."""
        colors = cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA).view("<u4")[..., 0]
        colors &= 0xFFFFFF  # without the opacity
        graded = self._colors[colors].view(np.uint8).reshape(*rgb.shape[:2], 4)
        return np.asarray(cv2.cvtColor(graded, cv2.COLOR_RGBA2RGB), np.uint8)


def tabulate(parts: Sequence[tuple[Table, float]]) -> NDArray[np.uint32]:
    """The result of tables, mixed by their weights, for every colour.

    Args:
        parts: tables (N, N, N, 3), 0..1, and their weights, which sum to 1.

    Returns:
        (256³,) uint32, indexed by R + 256 G + 65536 B: R, G, B and opacity, a byte each.
    """
    rows = [_upsample(_upsample(table * np.float32(255 * weight), 2), 1) for table, weight in parts]
    result = np.full((_LEVELS, _LEVELS, _LEVELS, 4), 255, np.uint8)
    for blue in range(_LEVELS):  # all at once would be 200 MB a table
        result[blue, ..., :3] = np.clip(
            np.rint(sum(_between(table, blue) for table in rows)), 0, 255
        )
    return result.reshape(-1, 4).view("<u4")[:, 0]


def _upsample(values: Table, axis: int) -> Table:
    """256 values along an axis, interpolated."""
    first = np.moveaxis(values, axis, 0)
    return np.stack([_between(first, level) for level in range(_LEVELS)], axis)


def _between(values: Table, level: int) -> Table:
    """The value at a level, 0..255, along the first axis."""
    at = level * (len(values) - 1) / 255
    low = min(int(at), len(values) - 2)
    part = np.float32(at - low)
    return values[low] * (1 - part) + values[low + 1] * part

"""Decide which parts of a frame are painted again: those that have changed.

What a net is given for a frame, its picture and its canvas, is compared with what it was given when
each place was last painted. Windows over the places that differ are painted, with a rim around
them. A place that does not change is painted again every 75 frames, so that nothing grows old.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Motion
from ..imaging.resize import resize_area
from ..nets.contract import CANVAS
from .compiled import Padding, Window

Mask = NDArray[np.bool_]
"""(rows, columns) of cells."""

Means = NDArray[np.float32]
"""(channels, rows, columns): what a net is given, in grey levels."""

BLOCK = 8
"""Side of a cell, px of the padded picture. What is compared are means of cells."""
SOFT = 1
"""Cells in which a window fades into what lies around its inner part."""
_RIM = 4  # cells around its inner part, whose surroundings the net misses
WINDOW = Window(320, (_RIM - SOFT) * BLOCK)
"""What is painted at once."""
_REACH = 1  # cells around a change in which the painting changes too
_SIDE = WINDOW.side // BLOCK

# Grey levels by which the mean of a cell may differ alone, and with those around it: noise has no
# neighbours.
_ALONE, _TOGETHER = 4.0, 2.0
# Mean difference of a cell's pixels that is noise, of the quietest fifth's; at least, and at most,
# grey levels: what is finer than a cell moves in it, and its mean stays the same. And the
# difference of two by two pixels, of what is smaller still.
_OF_QUIET, _LEAST, _MOST = 2.0, 4.0, 8.0
_PEAK = 32
_CANVAS = 0.25  # a step of the canvas, whose standard deviation is 42, in grey levels
_DEARER = 0.95  # what a pixel of a window costs, in pixels of the whole
_OLD = 75  # frames after which a place is painted again whatever happens, one window a frame

_TRUSTED = 0.6  # trust from which on the past may take the painting's place
_LIGHT = 0.7  # grey levels by which most of a frame may change: a fade is painted frame by frame


@dataclass(frozen=True)
class Place:
    """Where a window lies in the padded picture, and the part of it that is used; cells."""

    top: int
    left: int
    inner: tuple[slice, slice]
    """Rows and columns of the whole."""


@dataclass(frozen=True)
class Decision:
    """What of a frame is painted."""

    windows: tuple[Place, ...] | None
    """``None``: the whole."""
    carried: NDArray[np.float32] | None = None
    """(rows, columns) of the picture's cells: 1 where the past takes the painting's place."""


WHOLE = Decision(None)


class ChangeDetector:
    """Decides frame by frame what is painted again. Its decisions depend on the source alone.

    Args:
        padding: of the pictures that are painted.
    """

    def __init__(self, padding: Padding) -> None:
        size, first = padding.size, padding.margin // BLOCK
        cells = (size.height // BLOCK, size.width // BLOCK)
        lengths = padding.height, padding.width
        ends = (min(n, first - -of // BLOCK) for n, of in zip(cells, lengths, strict=True))
        self._rows, self._columns = (slice(first, end) for end in ends)
        fits = min(cells) >= _SIDE
        self._most = int(size.height * size.width / (_DEARER * WINDOW.side**2)) if fits else 0
        self._given: Means | None = None
        self._picture: NDArray[np.uint8] | None = None
        self._before: Means | None = None
        self._age = np.zeros(cells, np.int32)
        self._carried = np.zeros(cells, np.bool_)

    def decide(self, inputs: Mapping[str, NDArray[Any]], motion: Motion | None) -> Decision:
        """Compare what a net is given for the next frame with what its painting was made of.

        Args:
            inputs: padded planes and canvas by name, uint8; see ``compiled.padded``.
            motion: of the frame, where what moves may be carried along it in every second frame.
        """
        now, picture = _reduced(inputs, (len(self._age), len(self._age[0]))), _picture(inputs)
        before, self._before = self._before, now
        self._age += 1
        if self._given is None or self._picture is None:
            return self._paint_all(now, picture)
        changed = _differ(now, self._given) | self._has_moved(picture) | self._carried
        carried = self._may_be_carried(changed, motion, _is_fade(now, before))
        wanted = cv2.dilate((changed & ~carried).view(np.uint8), _AROUND) > 0
        windows = cover(wanted, self._most)
        is_old = self._age.max() > _OLD
        if windows is None or (is_old and len(windows) >= self._most):
            return self._paint_all(now, picture)
        if is_old:
            windows.append(self._oldest())
        for window in windows:
            self._given[:, *window.inner] = now[:, *window.inner]
            pixels = _pixels(window.inner)
            self._picture[pixels] = picture[pixels]
            self._age[window.inner] = 0
            carried[window.inner] = False
        self._carried = carried
        shown = carried[self._rows, self._columns]
        return Decision(tuple(windows), shown.astype(np.float32) if shown.any() else None)

    def _paint_all(self, now: Means, picture: NDArray[np.uint8]) -> Decision:
        self._given, self._picture = now.copy(), picture.copy()
        self._age[:] = 0
        self._carried[:] = False
        return WHOLE

    def _has_moved(self, picture: NDArray[np.uint8]) -> Mask:
        """Where the pixels of a cell differ from those of its painting, by more than noise."""
        rows, columns = self._age.shape
        pixels = _pixels((slice(0, rows), slice(0, columns)))
        assert self._picture is not None
        apart = cv2.absdiff(picture[pixels], self._picture[pixels])
        apart = apart if apart.ndim == 2 else cv2.transform(apart, np.full((1, 3), 1 / 3))
        pairs = resize_area(apart, (4 * rows, 4 * columns))
        # Means of bytes are rounded; of four times as much, a quarter as much.
        mean = resize_area(np.asarray(cv2.convertScaleAbs(pairs, alpha=4)), (rows, columns))
        quiet = float(np.percentile(mean[::2, ::2], 20)) / 4
        peaks = cv2.dilate(pairs, _FOUR, anchor=(0, 0))
        limit = min(max(_LEAST, _OF_QUIET * quiet), _MOST)
        return (mean > 4 * limit) | (peaks[::4, ::4] > _PEAK)

    def _may_be_carried(self, changed: Mask, motion: Motion | None, fades: bool) -> Mask:
        """What of the changed places is there in the frame before; never twice in a row."""
        if motion is None or fades or self._carried.any():
            return np.zeros_like(changed)
        rows, columns = self._rows, self._columns
        size = rows.stop - rows.start, columns.stop - columns.start
        trust = resize_area(cv2.erode(motion.confidence, _NEAR), size)
        down, right = changed.shape[0] - rows.stop, changed.shape[1] - columns.stop
        edges = (rows.start, down, columns.start, right)
        trust = cv2.copyMakeBorder(trust, *edges, cv2.BORDER_REPLICATE)  # the margin is a mirror
        return changed & (np.asarray(trust) >= _TRUSTED)

    def _oldest(self) -> Place:
        row, column = np.unravel_index(np.argmax(self._age), self._age.shape)
        half = _SIDE // 2 - _RIM
        return window_at(int(row) - half, int(column) - half, self._age.shape)


_AROUND = np.ones((2 * _REACH + 1, 2 * _REACH + 1), np.uint8)
_NEAR = np.ones((3, 3), np.uint8)
_FOUR = np.ones((4, 4), np.uint8)


def _reduced(inputs: Mapping[str, NDArray[Any]], cells: tuple[int, int]) -> Means:
    """The mean of each input in each cell."""
    rows, columns = cells
    height = next(iter(inputs.values())).shape[0]
    small: list[Any] = []
    for name, plane in inputs.items():
        side = BLOCK * plane.shape[0] // height
        means = resize_area(plane[: rows * side, : columns * side], (rows, columns))
        weight = _CANVAS if name == CANVAS else 1.0
        small += [cv2.multiply(c, weight, dtype=cv2.CV_32F) for c in cv2.split(means)]  # pyright: ignore[reportCallIssue, reportArgumentType]
    return np.stack(small)


def _picture(inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.uint8]:
    """Brightness, or all colours, at full size."""
    return np.asarray(next(iter(inputs.values())), np.uint8)


def _pixels(cells: tuple[slice, slice]) -> tuple[slice, slice]:
    rows, columns = (slice(of.start * BLOCK, of.stop * BLOCK) for of in cells)
    return rows, columns


def _is_fade(now: Means, before: Means | None) -> bool:
    """Whether most of a frame has another light than the one before."""
    if before is None:
        return False
    return abs(float(np.median(now[0] - before[0]))) > _LIGHT


def _differ(now: Means, given: Means) -> Mask:
    difference = np.abs(now - given).max(axis=0)
    return (difference > _ALONE) | (cv2.blur(difference, (3, 3)) > _TOGETHER)


def window_at(row: int, column: int, cells: tuple[int, ...]) -> Place:
    """The window whose inner part begins at a cell, moved into the picture.

    Args:
        row: of the cell.
        column: of the cell.
        cells: (rows, columns) of the whole.
    """
    starts = [
        max(0, min(at - _RIM, n - _SIDE)) for at, n in zip((row, column), cells, strict=False)
    ]
    inner = [
        slice(s + _RIM if s else 0, s + _SIDE - (_RIM if s + _SIDE < n else 0))
        for s, n in zip(starts, cells, strict=False)
    ]
    return Place(starts[0], starts[1], (inner[0], inner[1]))


def cover(wanted: Mask, most: int) -> list[Place] | None:
    """Windows whose inner parts cover all wanted cells; ``None``: more than ``most`` are needed."""
    left = wanted.copy()
    windows: list[Place] = []
    while left.any():
        if len(windows) == most:
            return None
        row = int(np.argmax(left.any(axis=1)))
        column = int(np.argmax(left[row : row + _SIDE - 2 * _RIM].any(axis=0)))
        window = window_at(row, column, left.shape)
        left[window.inner] = False
        windows.append(window)
    return windows

"""The parts of pictures on which a net's statistics are measured: enough of them, and no black.

Black is not the scene: bars, what is behind a title, a dark stage. Measured with the rest it would
be near the mean, and the mean is painted as a bare wall of one middle colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.frame import Picture, Yuv, black_of
from ..imaging.resize import resize_area
from ..nets.writer import CELL

Sample = tuple[Picture, NDArray[np.uint8]]
"""A picture (h, w) as it is painted, and its canvas (⌈h/4⌉, ⌈w/4⌉, C) uint8."""

_BLACK = 8  # grey levels above black that are black still: noise
_SHOWN = 0.25  # share of a block's cells that are not black, from which on the block is measured
_MUCH = 0.05  # share of black blocks from which on they are left out
_FEWEST = 6  # blocks of a picture that are enough for statistics


def parts_to_measure(samples: Sequence[Sample], side: int, most: int) -> list[Sample]:
    """Parts of pictures of one size and layout, joined to smaller pictures of one size.

    Bands of rows from the whole height; or, where more than a little is black, blocks that are not,
    and one that is.

    Args:
        samples: pictures, and their canvases.
        side: of blocks, and rows of a band, px: a multiple of the net's multiple and of 4.
        most: pixels of all parts of a picture, about.

    Returns:
        At least one sample; pictures that are black may be missing.
    """
    grids = [_shown(picture, side) for picture, _ in samples]
    some = [i for i, grid in enumerate(grids) if grid.sum() >= _FEWEST]
    if not some or all(1 - grids[i].mean() <= _MUCH for i in some):
        return [_bands(sample, side, most) for sample in samples]
    height, width = grids[0].shape
    count = min(1 + min(int(grids[i].sum()) for i in some), max(_FEWEST, most // side**2))
    columns = min(count, max(1, round(sqrt(count * width / height))))
    rows = count // columns
    return [_blocks(samples[i], side, grids[i], (rows, columns)) for i in some]


def _shown(picture: Picture, side: int) -> NDArray[np.bool_]:
    """Which blocks of a picture are not black: (h // side, w // side)."""
    grey = picture.y if isinstance(picture, Yuv) else picture.max(axis=2)
    rows, columns = grey.shape[0] // side, grey.shape[1] // side
    if not rows or not columns:
        return np.zeros((rows, columns), np.bool_)
    n = side // CELL
    cells = resize_area(grey[: rows * side, : columns * side], (rows * n, columns * n))
    light = cells.reshape(rows, n, columns, n) > black_of(picture) + _BLACK
    return light.mean(axis=(1, 3)) >= _SHOWN


def _bands(sample: Sample, rows: int, most: int) -> Sample:
    """Bands of rows, spread over a picture; the whole where that is not more."""
    height, width = sample[0].shape[:2]
    count = max(1, most // (width * rows))
    if count * rows >= height:
        return sample
    middles = (np.arange(count) + 0.5) * height / count - rows / 2
    starts = [int(np.clip(m, 0, height - rows)) // CELL * CELL for m in middles]

    def bands(plane: NDArray[Any], f: int) -> NDArray[Any]:
        return np.concatenate([plane[s // f : (s + rows) // f] for s in starts])

    return _of_planes(sample, bands)


def _blocks(sample: Sample, side: int, shown: NDArray[np.bool_], size: tuple[int, int]) -> Sample:
    """As many blocks as (rows, columns) of them have place; the last one is black, if one is."""
    light, black = np.flatnonzero(shown), np.flatnonzero(~shown)[:1]
    count = size[0] * size[1] - len(black)
    chosen = light[np.arange(count) * len(light) // count]
    places = np.concatenate([chosen, black])

    def blocks(plane: NDArray[Any], f: int) -> NDArray[Any]:
        (rows, columns), s, rest = shown.shape, side // f, plane.shape[2:]
        cut = plane[: rows * s, : columns * s].reshape(rows, s, columns, s, *rest)
        cells = cut.swapaxes(1, 2).reshape(rows * columns, s, s, *rest)[places]
        grid = cells.reshape(*size, s, s, *rest).swapaxes(1, 2)
        return np.ascontiguousarray(grid.reshape(size[0] * s, size[1] * s, *rest))

    return _of_planes(sample, blocks)


def _of_planes(sample: Sample, part: Any) -> Sample:
    """A part of a picture's planes and of its canvas; ``part`` takes a plane and px per sample."""
    picture, noise = sample
    noise = part(noise, CELL)
    if isinstance(picture, Yuv):
        y, u, v = (part(p, f) for p, f in zip(picture.planes, (1, 2, 2), strict=True))
        return Yuv(y, u, v, picture.coding), noise
    return part(picture, 1), noise

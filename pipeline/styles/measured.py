"""The parts of pictures on which a net's statistics are measured: enough of them, and no black.

Black is not the scene: bars, what is behind a title, a dark stage. Measured with the rest it would
be near the mean, and the mean is painted as a bare wall of one middle colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
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

    Frames of a shot are much alike: a place is seen well enough in one of them. So where they are
    large, two or three share what is joined, each with every second or third part. Parts are bands
    of rows from the whole height; or, where more than a little is black, blocks that are not, and
    one that is.

    Args:
        samples: pictures, and their canvases.
        side: of blocks, and rows of a band, px: a multiple of the net's multiple and of 4.
        most: pixels of what is joined, about.

    Returns:
        At least one sample; pictures that are black may be missing.
    """
    grids = np.stack([_shown(picture, side) for picture, _ in samples])
    some = np.flatnonzero(grids.sum(axis=(1, 2)) >= _FEWEST)
    many_black = any(1 - grids[i].mean() > _MUCH for i in some)
    groups = _groups(some if many_black else np.arange(len(samples)), samples, most)
    if not many_black:
        return [_bands([samples[i] for i in group], side, most) for group in groups]
    lights = [_in_turn(grids[group]) for group in groups]
    height, width = grids.shape[1:]
    count = min(1 + min(map(len, lights)), max(_FEWEST, most // side**2))
    columns = min(count, max(1, round(sqrt(count * width / height))))
    size = count // columns, columns
    return [
        _blocks([samples[i] for i in group], side, grids[group], light, size)
        for group, light in zip(groups, lights, strict=True)
    ]


def _groups(which: NDArray[Any], samples: Sequence[Sample], most: int) -> list[NDArray[Any]]:
    """The numbers of the samples that share what is joined."""
    height, width = samples[0][0].shape[:2]
    whole = len(which) * height * width <= most
    return np.array_split(which, len(which) if whole else max(1, len(which) // 2))


def _in_turn(grids: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Blocks that are shown, by their number in all ``grids``: each picture's in its turn."""
    count = len(grids)
    return np.concatenate(
        [np.flatnonzero(grid)[k::count] + k * grid.size for k, grid in enumerate(grids)]
    )


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


def _bands(group: Sequence[Sample], side: int, most: int) -> Sample:
    """Bands of rows, spread over the height; all of it where that is not more."""
    height, width = group[0][0].shape[:2]
    count = max(1, most // (width * side))
    if count * side < height:
        middles = (np.arange(count) + 0.5) * height / count - side / 2
        starts = [int(np.clip(m, 0, height - side)) // CELL * CELL for m in middles]
        spans = [(start, start + side) for start in starts]
    else:  # the fewer bands, the fewer false edges between them
        rows = height if len(group) == 1 else 2 * side
        spans = [(start, min(start + rows, height)) for start in range(0, height, rows)]

    def bands(planes: Sequence[NDArray[Any]], f: int) -> NDArray[Any]:
        taken = zip(spans, cycle(planes))
        return np.concatenate([plane[begin // f : -(-end // f)] for (begin, end), plane in taken])

    return _of_planes(group, bands)


def _blocks(
    group: Sequence[Sample],
    side: int,
    shown: NDArray[np.bool_],
    light: NDArray[np.int64],
    size: tuple[int, int],
) -> Sample:
    """As many blocks as (rows, columns) of them have place; the last one is black, if one is."""
    black = np.flatnonzero(~shown)[:1]
    count = size[0] * size[1] - len(black)
    chosen = light[np.arange(count) * len(light) // count]
    places = np.concatenate([chosen, black])

    def blocks(planes: Sequence[NDArray[Any]], f: int) -> NDArray[Any]:
        (_, rows, columns), s, rest = shown.shape, side // f, planes[0].shape[2:]
        cut = np.stack([plane[: rows * s, : columns * s] for plane in planes])
        cut = cut.reshape(len(planes), rows, s, columns, s, *rest)
        cells = cut.swapaxes(2, 3).reshape(-1, s, s, *rest)[places]
        grid = cells.reshape(*size, s, s, *rest).swapaxes(1, 2)
        return np.ascontiguousarray(grid.reshape(size[0] * s, size[1] * s, *rest))

    return _of_planes(group, blocks)


def _of_planes(group: Sequence[Sample], part: Any) -> Sample:
    """Parts of the pictures' planes and of their canvases.

    Args:
        group: pictures, and their canvases.
        part: takes the same plane of each picture, and px per sample.
    """
    pictures, canvases = zip(*group, strict=True)
    noise = part(canvases, CELL)
    first = pictures[0]
    if isinstance(first, Yuv):
        all_planes = zip(*(picture.planes for picture in pictures), strict=True)
        y, u, v = (part(planes, f) for planes, f in zip(all_planes, (1, 2, 2), strict=True))
        return Yuv(y, u, v, first.coding), noise
    return part(pictures, 1), noise

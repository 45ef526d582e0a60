"""Run a MediaPipe detector on a frame: what it finds, where, and how sure it is.

The nets are single-shot detectors: every cell of a grid tells the score of what may be around it,
and where that is from the cell's centre.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.frame import Rgb
from ..imaging.resize import reduce_pixels
from .nets import Net

Point = NDArray[np.float32]
"""(2,): (x, y), px."""


@dataclass(frozen=True)
class Detection:
    """One thing that was found, in px of the frame."""

    score: float
    """0..1."""
    centre: Point
    radius: float
    points: NDArray[np.float32]
    """(K, 2): the places that the net knows, such as eyes."""


@dataclass(frozen=True)
class _View:
    """A square part of a frame, or the whole of it with black bars."""

    left: float
    top: float
    side: float


_WIDE = 1.25  # longer side / shorter side, from which two squares see more than the whole frame
_APART = 0.5  # of the larger radius: detections whose centres are nearer are one


class Detector:
    """Finds things of one kind.

    A square of a wide frame displays everything larger than the whole frame with bars does: so what
    is half as tall is found too.

    Args:
        net: see ``Net``; takes squares, gives (N, 4 + 2 K) boxes and points, and (N, 1) scores.
        side: the side of its squares, px.
        grid: px between cells, and the detections of a cell, for each grid.
    """

    def __init__(self, net: Net, side: int, grid: Sequence[tuple[int, int]]) -> None:
        self._net = net
        self._side = side
        self._cells = np.concatenate([_cells(side, *one) for one in grid])

    def find(self, frame: Rgb, least: float) -> list[Detection]:
        """Everything whose score is ``least`` or more, the surest first."""
        found = [d for view in _views(*frame.shape[:2]) for d in self._in_view(frame, view, least)]
        return _distinct(found)

    def _in_view(self, frame: Rgb, view: _View, least: float) -> Iterable[Detection]:
        boxes, scores = self._net(self._seen(frame, view))
        score = 1 / (1 + np.exp(-np.clip(scores[:, 0], -50, 50)))
        (best,) = np.nonzero(score >= least)
        scale = view.side / self._side
        for i in best:
            numbers = boxes[i].reshape(-1, 2)
            places = (numbers + self._cells[i]) * scale + (view.left, view.top)
            places = places.astype(np.float32)
            radius = float(numbers[1].max()) * scale / 2
            yield Detection(float(score[i]), places[0], radius, places[2:])

    def _seen(self, frame: Rgb, view: _View) -> Rgb:
        """What the net sees of a view; black where it is outside the frame."""
        scale = self._side / view.side
        parts: list[slice] = []
        places: list[slice] = []
        for begin, length in ((view.top, frame.shape[0]), (view.left, frame.shape[1])):
            first, last = max(0, begin), min(length, begin + view.side)
            parts.append(slice(round(first), round(last)))
            place = round((first - begin) * scale)
            size = max(1, round((last - first) * scale))
            places.append(slice(place, place + size))
        seen = np.zeros((self._side, self._side, 3), np.uint8)
        size = places[0].stop - places[0].start, places[1].stop - places[1].start
        seen[tuple(places)] = reduce_pixels(frame[tuple(parts)], size)
        return seen


def _cells(side: int, pitch: int, several: int) -> NDArray[np.float32]:
    """The centres of a grid's cells, one for each detection: (N, 2), px."""
    centres = (np.arange(side // pitch, dtype=np.float32) + 0.5) * pitch
    grid = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
    return np.repeat(grid, several, axis=0)


def _views(height: int, width: int) -> list[_View]:
    long, short = max(height, width), min(height, width)
    whole = _View((width - long) / 2, (height - long) / 2, long)
    if long < _WIDE * short:
        return [whole]
    ends = _View(0, 0, short), _View(width - short, height - short, short)
    return [whole, *ends]


def _distinct(found: Iterable[Detection]) -> list[Detection]:
    """The surest of those that are the same thing."""
    kept: list[Detection] = []
    for one in sorted(found, key=lambda d: -d.score):
        near = (float(np.hypot(*(one.centre - k.centre))) / max(one.radius, k.radius) for k in kept)
        if all(distance > _APART for distance in near):
            kept.append(one)
    return kept

"""Which parts of a film its key frames display: what can be painted from each one.

It is measured as paint is propagated: motion is chained from frame to frame, away from each key
frame, on a small grid.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import closing_source
from ..core.frame import Frame, Rgb, as_rgb
from ..imaging.resize import FLOW_SIDE, reduce_for_flow, resize_area
from ..imaging.warp import resize_vectors
from ..temporal.flow import FlowEstimator
from ..temporal.trajectory import Correspondence, FlowPair, measure_flow_pair, no_motion
from .select import LOST

_GRID = (36, 64)  # (height, width) of the chained motion
_LITTLE = 0.02  # of a frame: what a key frame still displays of it, from which it is given up
_BACK = 120  # frames before a key frame that are made from it; see ``propagate``

Seen = NDArray[np.bool_]
"""(36, 64): where a frame displays what a key frame does."""


@dataclass
class ShotCoverage:
    """A shot, and what its key frames display of its frames."""

    first: int
    """Number of its first frame in the film, which counts from 1."""
    start: Fraction
    """Time of that, seconds on the source's clock."""
    end: Fraction = Fraction(0)
    """Time at which its last frame ends."""
    frames: list[dict[int, NDArray[np.uint8]]] = field(
        default_factory=list[dict[int, NDArray[np.uint8]]]
    )
    """For each frame: number of a key frame → what it displays of the frame, bits of ``Seen``."""

    @property
    def last(self) -> int:
        """Number of its last frame."""
        return self.first + len(self.frames) - 1

    def covered(self, keys: Collection[int]) -> NDArray[np.float64]:
        """For each frame, 0..1: how much of it is displayed by the key frames on both its sides.

        Args:
            keys: numbers of key frames; others than this shot's don't matter.
        """
        own = sorted(key for key in keys if self.first <= key <= self.last)
        parts = np.zeros(len(self.frames))
        for place, seen in enumerate(self.frames):
            number = self.first + place
            before = max((key for key in own if key <= number), default=None)
            after = min((key for key in own if key > number), default=None)
            bits = [seen[key] for key in (before, after) if key in seen]
            if bits:
                together = np.bitwise_or.reduce(bits)
                parts[place] = np.unpackbits(together).sum() / (_GRID[0] * _GRID[1])
        return parts


def measure_coverage(
    frames: Iterable[Frame], keys: Collection[int], estimator: FlowEstimator, first: int = 1
) -> Iterator[ShotCoverage]:
    """What key frames display of the frames of their shots; shot by shot.

    Args:
        frames: in order, the first of each shot with ``cut``.
        keys: numbers of the key frames.
        estimator: of motion.
        first: number of the first of ``frames``.
    """
    shot: _Shot | None = None
    with closing_source(frames):
        for number, frame in enumerate(frames, first):
            small = as_rgb(reduce_for_flow(frame.source, FLOW_SIDE // 2))
            if shot is None or frame.cut or shot.before.shape != small.shape:
                if shot is not None:
                    yield shot.coverage
                shot = _Shot(number, frame.time, small)
                step = None
            else:
                step = _on_the_grid(measure_flow_pair(small, shot.before, estimator))
            shot.add(number, frame, small, step, number in keys)
    if shot is not None:
        yield shot.coverage


class _Shot:
    """A shot that is being measured."""

    def __init__(self, first: int, start: Fraction, small: Rgb) -> None:
        self.coverage = ShotCoverage(first, start)
        self.before = small
        self._steps = deque[FlowPair](maxlen=_BACK)
        self._chains: dict[int, Correspondence] = {}

    def add(
        self, number: int, frame: Frame, small: Rgb, step: FlowPair | None, is_key: bool
    ) -> None:
        """Take the next frame.

        Args:
            number: of the frame.
            frame: the frame.
            small: its picture, reduced.
            step: its motion since the frame before; ``None``: it begins the shot.
            is_key: it is a key frame.
        """
        self.before = small
        self.coverage.end = frame.time + frame.duration * frame.time_base
        seen: dict[int, NDArray[np.uint8]] = {}
        self.coverage.frames.append(seen)
        if step is not None:
            self._steps.append(step)
            for key, chain in list(self._chains.items()):
                self._chains[key] = step.backward.chain(chain)
                if not _note(seen, key, self._chains[key]):
                    del self._chains[key]
        if is_key:
            self._chains[number] = no_motion(*_GRID)
            _note(seen, number, self._chains[number])
            self._look_back(number)

    def _look_back(self, key: int) -> None:
        """What a key frame displays of the frames before it."""
        chain = no_motion(*_GRID)
        for past, step in enumerate(reversed(self._steps), 2):
            chain = step.forward.chain(chain)
            if not _note(self.coverage.frames[-past], key, chain):
                return


def _note(seen: dict[int, NDArray[np.uint8]], key: int, chain: Correspondence) -> bool:
    """Note what a key frame displays of a frame; whether it is anything."""
    here = chain.trust >= LOST
    if here.mean() < _LITTLE:
        return False
    seen[key] = np.packbits(here)
    return True


def _on_the_grid(pair: FlowPair) -> FlowPair:
    return FlowPair(_reduced(pair.backward), _reduced(pair.forward))


def _reduced(step: Correspondence) -> Correspondence:
    height, width = _GRID
    vectors = resize_vectors(step.vectors, width, height)
    return Correspondence(vectors, resize_area(step.trust, _GRID))

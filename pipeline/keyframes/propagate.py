"""Key frames propagated to the frames between them: the stage that paints by key frames.

Every frame is made of the paintings before and after it, warped along the motion and weighted by
trust and nearness; changes of light, which the source has and its warped key frames lack, are
added. Where neither key frame has what a frame displays, the frame itself is displayed in the
paintings' colours: a colour table learned from the key frames, as a grade is.
"""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import closing_source
from ..core.errors import SettingsError, SourceError
from ..core.frame import Frame, Rgb, as_rgb, eight_bits
from ..imaging.lut import Table, apply_table, fit_table
from ..imaging.resize import reduce_for_flow, reduced_of, resize_linear, resize_pixels
from ..imaging.warp import Warper
from ..media.images import read_8_or_16_bit
from ..temporal.flow import FlowEstimator
from ..temporal.trajectory import (
    Correspondence,
    FlowPair,
    correct_drift,
    measure_flow_pair,
    no_motion,
)

log = logging.getLogger(__name__)

_NOWHERE = 1e-3  # weight of a key frame outside its time: it fills what the other lacks

_MOST = 120  # frames that wait for a key frame

_GRID = 17  # points of the colour table, along each colour

_FADE = 0.5  # of the time between two key frames, in which one fades into the other

_VISIBLE = 0.98  # trust from which nothing is graded: a frame's time depends on how much is

DETAIL = 1.0
"""Weight with which the source's change in brightness is added."""

_NOISE = 4.0  # grey levels of it that are taken for noise


@dataclass(frozen=True)
class _Key:
    painted: Rgb
    rgb: Rgb
    small: Rgb
    time: Fraction
    colours: Table
    """Its source's colours → the painting's."""


@dataclass(frozen=True)
class _Waiting:
    """A frame that waits for the key frame after it."""

    frame: Frame
    small: Rgb
    step: FlowPair | None
    """Since the frame before; ``None`` for the first of a shot."""
    back: Correspondence | None
    """To the key frame before it, if there is one."""


@dataclass(frozen=True)
class _Side:
    """A key frame, seen from a frame."""

    key: _Key
    to_key: Correspondence
    weight: float
    """By nearness in time; of both sides together, 1."""


def propagate(
    frames: Iterable[Frame],
    paintings: Mapping[int, Path],
    estimator: FlowEstimator,
    first: int = 1,
) -> Generator[Frame]:
    """The stage: source frames → the same with ``painted``.

    The frames before a key frame wait for it, ``_MOST`` of them; earlier ones are made of the key
    frame before alone. A shot without any stays as it is.

    Args:
        frames: in order, the first of each shot with ``cut``.
        paintings: number of the key frame → its painting. The film's first frame is 1.
        estimator: of motion.
        first: number of the first of ``frames``.

    Raises:
        SettingsError: no key frame is one of ``frames``.
        SourceError: the source broke off; what came before it is painted.
    """
    between = _Propagation(paintings, estimator)
    broken: SourceError | None = None
    with closing_source(frames):
        try:
            for number, frame in enumerate(frames, first):
                yield from between.add(number, frame)
        except SourceError as error:
            broken = error
        yield from between.flush()
    if broken is not None:
        raise broken
    if not between.used:
        raise SettingsError(
            "No key frame lies between --start and --end. 000001.png is the film's first frame."
        )
    unused = len(paintings) - between.used
    if unused:
        log.warning("%d of %d key frames are not in this part of the film", unused, len(paintings))


class _Propagation:
    """The frames since the last key frame, and that key frame."""

    def __init__(self, paintings: Mapping[int, Path], estimator: FlowEstimator) -> None:
        self.used = 0
        """Key frames that were reached."""
        self._paintings = paintings
        self._numbers = sorted(paintings)
        self._estimator = estimator
        self._warper = Warper(1, 1)
        self._waiting: list[_Waiting] = []
        self._key: _Key | None = None
        self._last: _Waiting | None = None

    def add(self, number: int, frame: Frame) -> Generator[Frame]:
        """Take the next frame; yield those that are complete."""
        if frame.cut:
            yield from self.flush()
            self._key = self._last = None
        small = as_rgb(reduced_of(frame))
        step = None
        if self._last is not None:
            step = measure_flow_pair(small, self._last.small, self._estimator)
        if number in self._paintings:
            key = _key(frame, small, self._paintings[number])
            yield from self.flush(key, step)
            self._key, self._last = key, None
            self.used += 1
        self._last = _Waiting(frame, small, step, self._back(small, step))
        self._waiting.append(self._last)
        place = bisect_right(self._numbers, number)
        if place == len(self._numbers) or self._numbers[place] - number > _MOST:
            yield from self.flush()

    def flush(self, after: _Key | None = None, step: FlowPair | None = None) -> Generator[Frame]:
        """Paint the frames that wait, up to the key frame ``after``, to which ``step`` leads."""
        waiting, self._waiting = self._waiting, []
        begin = waiting[0].frame.time if waiting else Fraction(0)
        for one, forth in zip(waiting, self._forth(waiting, after, step), strict=True):
            sides: list[_Side] = []
            weight = _weight(one.frame.time, begin, self._key, after)
            if self._key is not None and one.back is not None:
                sides.append(_Side(self._key, one.back, weight))
            if after is not None and forth is not None:
                sides.append(_Side(after, forth, 1 - weight))
            yield replace(one.frame, painted=self._paint(one.frame.rgb, sides))

    def _back(self, small: Rgb, step: FlowPair | None) -> Correspondence | None:
        """To the key frame before; at that frame itself, nothing moves."""
        if self._key is None:
            return None
        if self._last is None:
            return no_motion(*small.shape[:2])
        assert step is not None
        assert self._last.back is not None
        return correct_drift(
            step.backward.chain(self._last.back), small, self._key.small, self._estimator
        )

    def _forth(
        self, waiting: list[_Waiting], after: _Key | None, step: FlowPair | None
    ) -> list[Correspondence | None]:
        """From each frame to the key frame after it."""
        result: list[Correspondence | None] = []
        forth: Correspondence | None = None
        for one in reversed(waiting):
            if after is not None and step is not None:
                forth = step.forward if forth is None else step.forward.chain(forth)
                forth = correct_drift(forth, one.small, after.small, self._estimator)
            result.append(forth)
            step = one.step
        return result[::-1]

    def _paint(self, rgb: Rgb, sides: list[_Side]) -> Rgb:
        """The frame, made of the key frames on both its sides."""
        if not sides:
            return rgb
        height, width = rgb.shape[:2]
        if self._warper.size != (width, height):
            self._warper = Warper(width, height)
        painted = np.zeros((height, width, 3), np.float32)
        source, total, visible = np.zeros((3, height, width), np.float32)
        for side in sides:
            trust = resize_linear(side.to_key.trust, (height, width))
            weight = np.float32(side.weight + _NOWHERE) * trust
            grey = cv2.cvtColor(side.key.rgb, cv2.COLOR_RGB2GRAY)
            vectors = side.to_key.vectors
            warped = self._warper.warp(side.key.painted, vectors, cv2.INTER_CUBIC)
            painted += weight[..., None] * warped
            source += weight * self._warper.warp(grey, vectors, cv2.INTER_CUBIC)
            total += weight
            np.maximum(visible, trust, out=visible)
        total += np.float32(1e-6)
        painted /= total[..., None]
        painted += _detail(rgb, source / total)[..., None]
        hidden = visible < _VISIBLE
        if hidden.any():
            nearest = max(sides, key=lambda side: side.weight)
            graded = apply_table(nearest.key.colours, rgb[hidden][None])[0]
            painted[hidden] = graded + visible[hidden][:, None] * (painted[hidden] - graded)
        return np.clip(np.rint(painted), 0, 255).astype(np.uint8)


def _key(frame: Frame, small: Rgb, path: Path) -> _Key:
    rgb, painting = frame.rgb, read_painting(path, frame)
    return _Key(
        painting, rgb, small, frame.time, _colours(small, as_rgb(reduce_for_flow(painting)))
    )


def _colours(source: Rgb, painting: Rgb) -> Table:
    """The colour table; colours that the source lacks change as all together do."""
    x, y = (p.reshape(-1, 3).astype(np.float64) / 255 for p in (source, painting))
    design = np.column_stack([x, np.ones(len(x))])
    ridge = 1e-3 * len(x) * np.diag([1.0, 1.0, 1.0, 0.0])  # towards no change
    target = design.T @ y + ridge[:, :3]
    affine = np.linalg.solve(design.T @ design + ridge, target)
    axis = np.linspace(0, 255, _GRID).round()
    every = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(_GRID, -1, 3)
    far = np.clip(255 * (every / 255 @ affine[:3] + affine[3]), 0, 255)
    return fit_table([(source, painting), (every.astype(np.uint8), far.astype(np.uint8))], _GRID)


def _detail(rgb: Rgb, source: NDArray[np.float32]) -> NDArray[np.float32]:
    """The part of the frame's brightness (H, W) that its warped key frames lack, without noise."""
    change = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) - source
    beyond = np.maximum(np.abs(change) - _NOISE, 0)
    return np.asarray(DETAIL * np.copysign(beyond, change), np.float32)


def _weight(time: Fraction, begin: Fraction, before: _Key | None, after: _Key | None) -> float:
    """The weight of the key frame before a frame: 1 at ``begin``, 0 at the one after."""
    if before is None or after is None:
        return 1.0 if after is None else 0.0
    done = float((time - begin) / (after.time - begin))
    return float(np.clip(0.5 + (0.5 - done) / _FADE, 0, 1))


def read_painting(path: Path, frame: Frame) -> Rgb:
    """A painting at the frame's size: (H, W, 3) uint8, 0–255, RGB."""
    painting = eight_bits(read_8_or_16_bit(path))
    return resize_pixels(painting, (frame.source.shape[0], frame.source.shape[1]))

"""Painted key frames, carried through the frames between them.

Every frame is made of the paintings before and after it, warped along the motion and weighed by
trust and nearness; what the source has and its warped key frames have not (light that changes) is
added. Where neither key frame shows what a frame does, the frame itself is shown in the paintings'
colours: a table of colours learned from the key frames, as a grade is.
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
from ..core.frame import Frame, Rgb, eight_bits
from ..imaging.lut import Table, apply_table, fit_table
from ..imaging.resize import reduce_for_flow, resize_pixels
from ..imaging.warp import Warper
from ..media.images import read_8_or_16_bit
from ..styles.style import StyleInfo
from ..temporal.flow import FlowEstimator
from ..temporal.trajectory import (
    Correspondence,
    FlowPair,
    correct_drift,
    measure_flow_pair,
    no_motion,
)

log = logging.getLogger(__name__)

_NOWHERE = 1e-3  # share of a key frame outside its time: it fills what the other doesn't show

_MOST = 120  # frames that wait for a key frame

_GRID = 17  # points of the colours' table, along each colour

_FADE = 0.5  # of the time between two key frames, in which one goes over into the other

_SEEN = 0.98  # trust from which nothing is graded: a frame's work hangs on how much is

DETAIL = 1.0
"""How much of the source's change in brightness is added."""

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
class _Held:
    """A frame that waits for the key frame after it."""

    frame: Frame
    small: Rgb
    step: FlowPair | None
    """Since the frame before; ``None`` for the first of a shot."""
    way: Correspondence | None
    """To the key frame before it, if there is one."""


@dataclass(frozen=True)
class _Side:
    """A key frame as a frame sees it."""

    key: _Key
    way: Correspondence
    share: float
    """By nearness in time; of both sides, 1."""


class Carrier:
    """Plays painted key frames over a source, as a stylizer plays a net.

    Args:
        paintings: number of the key frame, counted from 1 → its painting.
        estimator: of motion.
        name: what is shown as the style.
    """

    planar = False
    binds = fades = still = True
    device = "cpu"

    def __init__(self, paintings: Mapping[int, Path], estimator: FlowEstimator, name: str) -> None:
        self._paintings = paintings
        self._estimator = estimator
        self._warper = Warper(1, 1)
        self.card = StyleInfo(name, "keyframes")

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        """The stage: source frames, the first of each shot marked → painted ones.

        Holds the frames before a key frame, ``_MOST`` of them; earlier ones are made of the key
        frame before alone. A shot without any is left as it is.

        Raises:
            SettingsError: none of the key frames was met.
        """
        held: list[_Held] = []
        key: _Key | None = None
        last: _Held | None = None
        broken: SourceError | None = None
        numbers = sorted(self._paintings)
        met = 0
        with closing_source(frames):
            try:
                for number, frame in enumerate(frames, 1):
                    if frame.cut:
                        yield from self._between(key, held, None, None)
                        held, key, last = [], None, None
                    small = reduce_for_flow(frame.picture)
                    step = None
                    if last is not None:
                        step = measure_flow_pair(small, last.small, self._estimator)
                    if number in self._paintings:
                        new = _key(frame, small, self._paintings[number])
                        yield from self._between(key, held, new, step)
                        held, key, last = [], new, None
                        met += 1
                    last = _Held(frame, small, step, self._way(last, small, step, key))
                    held.append(last)
                    place = bisect_right(numbers, number)
                    if place == len(numbers) or numbers[place] - number > _MOST:
                        yield from self._between(key, held, None, None)
                        held = []
            except SourceError as error:  # what came before it is shown
                broken = error
            yield from self._between(key, held, None, None)
        if broken is not None:
            raise broken
        if not met:
            raise SettingsError(
                "none of the key frames is a frame of this stretch; they count from 1"
            )
        if met < len(numbers):
            log.warning("%d of %d key frames are no frames here", len(numbers) - met, len(numbers))

    def _way(
        self, before: _Held | None, small: Rgb, step: FlowPair | None, key: _Key | None
    ) -> Correspondence | None:
        """To the key frame before; ``before`` is nothing at that frame itself."""
        if key is None:
            return None
        if before is None:
            return no_motion(*small.shape[:2])
        assert step is not None
        assert before.way is not None
        return correct_drift(step.backward.chain(before.way), small, key.small, self._estimator)

    def _between(
        self, before: _Key | None, held: list[_Held], after: _Key | None, step: FlowPair | None
    ) -> Generator[Frame]:
        """The frames from one key frame up to the next; ``step`` leads to that."""
        begin = held[0].frame.time if held else Fraction(0)
        for one, way in zip(held, self._ways_on(held, after, step), strict=True):
            sides: list[_Side] = []
            share = _share(one.frame.time, begin, before, after)
            if before is not None and one.way is not None:
                sides.append(_Side(before, one.way, share))
            if after is not None and way is not None:
                sides.append(_Side(after, way, 1 - share))
            yield replace(one.frame, picture=self._shown(one.frame.rgb, sides))

    def _ways_on(
        self, held: list[_Held], after: _Key | None, step: FlowPair | None
    ) -> list[Correspondence | None]:
        """Each frame's way to the key frame after it."""
        found: list[Correspondence | None] = []
        way: Correspondence | None = None
        for one in reversed(held):
            if after is not None and step is not None:
                way = step.forward if way is None else step.forward.chain(way)
                way = correct_drift(way, one.small, after.small, self._estimator)
            found.append(way)
            step = one.step
        return found[::-1]

    def _shown(self, rgb: Rgb, sides: list[_Side]) -> Rgb:
        """The frame, made of the key frames on both its sides."""
        if not sides:
            return rgb
        height, width = rgb.shape[:2]
        if self._warper.size != (width, height):
            self._warper = Warper(width, height)
        painted = np.zeros((height, width, 3), np.float32)
        source, total, shown = np.zeros((3, height, width), np.float32)
        for side in sides:
            trust = np.asarray(cv2.resize(side.way.trust, (width, height)), np.float32)
            weight = np.float32(side.share + _NOWHERE) * trust
            grey = cv2.cvtColor(side.key.rgb, cv2.COLOR_RGB2GRAY)
            warped = self._warper.warp(side.key.painted, side.way.vectors, cv2.INTER_CUBIC)
            painted += weight[..., None] * warped
            source += weight * self._warper.warp(grey, side.way.vectors, cv2.INTER_CUBIC)
            total += weight
            np.maximum(shown, trust, out=shown)
        total += np.float32(1e-6)
        painted /= total[..., None]
        painted += _detail(rgb, source / total)[..., None]
        unseen = shown < _SEEN
        if unseen.any():
            nearest = max(sides, key=lambda side: side.share)
            graded = apply_table(nearest.key.colours, rgb[unseen][None])[0]
            painted[unseen] = graded + shown[unseen][:, None] * (painted[unseen] - graded)
        return np.clip(np.rint(painted), 0, 255).astype(np.uint8)


def _key(frame: Frame, small: Rgb, path: Path) -> _Key:
    rgb, painting = frame.rgb, fitting(path, frame)
    return _Key(painting, rgb, small, frame.time, _colours(small, reduce_for_flow(painting)))


def _colours(source: Rgb, painting: Rgb) -> Table:
    """The table of colours; those that the source lacks go the way that all together go."""
    x, y = (p.reshape(-1, 3).astype(np.float64) / 255 for p in (source, painting))
    design = np.column_stack([x, np.ones(len(x))])
    ridge = 1e-3 * len(x) * np.diag([1.0, 1.0, 1.0, 0.0])  # towards no change
    wanted = design.T @ y + ridge[:, :3]
    affine = np.linalg.solve(design.T @ design + ridge, wanted)
    axis = np.linspace(0, 255, _GRID).round()
    every = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(_GRID, -1, 3)
    far = np.clip(255 * (every / 255 @ affine[:3] + affine[3]), 0, 255)
    return fit_table([(source, painting), (every.astype(np.uint8), far.astype(np.uint8))], _GRID)


def _detail(rgb: Rgb, source: NDArray[np.float32]) -> NDArray[np.float32]:
    """What of the frame's brightness its warped key frames have not; without the noise."""
    change = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) - source
    kept = np.maximum(np.abs(change) - _NOISE, 0)
    return np.asarray(DETAIL * np.copysign(kept, change), np.float32)


def _share(time: Fraction, begin: Fraction, before: _Key | None, after: _Key | None) -> float:
    """How much of a frame is the key frame's before it: all at ``begin``, nothing at the other."""
    if before is None or after is None:
        return 1.0 if after is None else 0.0
    done = float((time - begin) / (after.time - begin))
    return float(np.clip(0.5 + (0.5 - done) / _FADE, 0, 1))


def fitting(path: Path, frame: Frame) -> Rgb:
    """A painting at the frame's size."""
    painting = eight_bits(read_8_or_16_bit(path))
    return resize_pixels(painting, (frame.picture.shape[0], frame.picture.shape[1]))

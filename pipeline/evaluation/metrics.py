"""How much a repainted clip flickers, and how far it is from the frame-by-frame result.

The warping error follows Lai 2018 (*Learning Blind Video Temporal Consistency*). Blurred and black
frames have the lowest, so it is given together with a distance to the frame-by-frame result, and
with that distance for the same result slightly blurred. One pass over the clips scores any number
of results: flow, the slow part, is computed for the source alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Frame, Rgb
from ..imaging.resize import limit_side
from ..imaging.similarity import structural_distance
from ..temporal.flow import FlowEstimator
from .accumulate import Drift, Flicker, PairErrors
from .motion import SourceMotion
from .truth import Truth

SOURCE = "source"
"""The name under which the source itself is scored: its noise is in every result."""

Distance = Callable[[Rgb, Rgb], float]
"""How different two pictures, (H, W, 3) uint8, 0–255, RGB, look; 0 is equal."""


@dataclass(frozen=True)
class Measure:
    """What is measured, and how exactly."""

    intervals: tuple[int, ...] = (1, 10)
    """Frames between the two of a pair; one warping error each."""
    flow_side: int = 640
    """Longest side of the pictures that flow is computed on, px.

    Estimators are trained at about this size, and the constants of the occlusion test are set for
    it. Larger pictures are slower and their larger motions less exact. With one size, figures of a
    clip at two sizes can be compared.
    """
    drift_frames: int = 6
    """Frames at each end of a shot whose mean colours are compared; even, so that a picture which
    alternates has no drift."""
    distance_every: int = 1
    """One frame in so many is compared with the frame-by-frame result."""
    blur: float = 1.0
    """σ of the blurred frame-by-frame result, the reference of the distance, px."""


@dataclass(frozen=True)
class Scores:
    """The figures of one result; ``None`` if there was nothing to measure."""

    warping: dict[int, float | None]
    """Interval → E_warp: mean squared difference along the motion, RGB in 0..1."""
    ratio: dict[int, float | None]
    """Interval → E_warp over that of the frame-by-frame result."""
    steadiness: dict[int, float | None]
    """Interval → E_warp over the variance of the pictures, over the same of the source: 1 is as
    steady as the film. Pale pictures flicker as much as bold ones by it."""
    distance: float | None
    """Mean distance to the frame-by-frame result."""
    flicker: float | None
    """RMS difference of successive frames where the source stands still, of 0..255."""
    drift: float | None
    """RMS over the channels of the mean colour's change from first to last frames of a shot, of
    0..255, averaged over the shots."""
    own_drift: float | None
    """The same of the change less the source's change."""


@dataclass(frozen=True)
class Quality:
    """The figures of a source and its results."""

    frames: int
    shots: int
    pairs: dict[int, int]
    """Interval → pairs compared."""
    valid: dict[int, float | None]
    """Interval → fraction of the pixels that were compared."""
    still: float | None
    """Fraction of the pixels that stand still; below 1 %, there is no figure for flicker."""
    blurred: float | None
    """Distance between the frame-by-frame result and itself blurred: a visible difference."""
    scores: dict[str, Scores]
    """Name → figures; the first is ``SOURCE``."""


class Evaluation:
    """Compares a source and its results frame by frame; stores the frames of the longest interval.

    The frames of a pair are always of one shot, by ``Frame.cut`` of the source.

    Args:
        flow: computes the motion of the source.
        measure: what is measured.
        reference: name of the frame-by-frame result, to which the others are compared.
        distance: see ``Distance``; 1 − SSIM by default.
        truth: the true flow from every frame to the next, in place of estimated flow at interval 1.
    """

    def __init__(
        self,
        flow: FlowEstimator,
        measure: Measure | None = None,
        *,
        reference: str | None = None,
        distance: Distance | None = None,
        truth: Truth | None = None,
    ) -> None:
        self.measure = measure or Measure()
        self._motion = SourceMotion(flow, truth)
        self._reference = reference
        self._distance = distance or structural_distance
        self._past: deque[_Moment] = deque(maxlen=max(self.measure.intervals))
        self._frames = self._shots = 0
        self._pairs = {interval: PairErrors() for interval in self.measure.intervals}
        self._flicker = Flicker(SOURCE)
        self._drift: dict[str, Drift] = {}
        self._variances: dict[str, list[float]] = {}
        self._distances: dict[str, list[float]] = {}
        self._blurred: list[float] = []

    def add(self, source: Frame, results: Mapping[str, Rgb]) -> None:
        """Compare the next frame, and the results of it, with those before.

        Args:
            source: the frame.
            results: name → its result, (H, W, 3) uint8, 0–255, RGB, of the frame's size; the same
                names every time.

        Raises:
            ValueError: a result is of another size.
            SourceError: the true flow is missing or of another shape.
        """
        pictures = {SOURCE: source.rgb, **results}
        for name, rgb in pictures.items():
            if rgb.shape != source.rgb.shape:
                raise ValueError(f"'{name}' is {rgb.shape}, its source {source.rgb.shape}")
        if source.cut or self._frames == 0:
            self._past.clear()
            self._shots += 1
            for drift in self._drift.values():
                drift.end_shot()
        small = limit_side(source.rgb, self.measure.flow_side)
        now = _Moment(self._frames, small, pictures)
        for interval, pairs in self._pairs.items():
            if interval <= len(self._past):
                self._compare(self._past[-interval], now, pairs)
        self._compare_distances(now)
        for name, rgb in pictures.items():
            drift = self._drift.setdefault(name, Drift(self.measure.drift_frames))
            drift.add(_mean_colour(rgb))
            self._variances.setdefault(name, []).append(_variance(rgb))
        self._past.append(now)
        self._frames += 1

    def quality(self) -> Quality:
        """Compute the figures of all frames that were added."""
        for drift in self._drift.values():
            drift.end_shot()
        names = list(self._drift)
        return Quality(
            frames=self._frames,
            shots=self._shots,
            pairs={i: pairs.count for i, pairs in self._pairs.items()},
            valid={i: _mean(pairs.valid) for i, pairs in self._pairs.items()},
            still=_mean(self._flicker.fractions),
            blurred=_mean(self._blurred),
            scores={name: self._scores(name) for name in names},
        )

    def error_map(self, name: str, interval: int) -> NDArray[np.float32]:
        """Compute the mean squared error of each pixel over the pairs in which it was valid.

        Args:
            name: the name of a result.
            interval: the distance between the frames of a pair, in frames.

        Returns:
            (H, W) float32, 0..1; NaN for a pixel that was never valid; (0, 0) without any pair.
        """
        return self._pairs[interval].error_map(name)

    def _compare(self, one: _Moment, other: _Moment, pairs: PairErrors) -> None:
        adjacent = other.number == one.number + 1
        height, width = one.pictures[SOURCE].shape[:2]
        vectors, seen = self._motion.between(
            one.small, other.small, (width, height), one.number if adjacent else None
        )
        pairs.add(one.pictures, other.pictures, vectors, seen)
        if adjacent:
            self._flicker.add(one.pictures, other.pictures, vectors, seen)

    def _compare_distances(self, now: _Moment) -> None:
        """Measure the distances to the frame-by-frame result, in one of every few frames."""
        every = self.measure.distance_every
        if self._reference is None or now.number % every != every // 2:
            return
        plain = now.pictures[self._reference]
        for name, rgb in now.pictures.items():
            if name not in (SOURCE, self._reference):
                self._distances.setdefault(name, []).append(self._distance(plain, rgb))
        soft = np.asarray(cv2.GaussianBlur(plain, (0, 0), self.measure.blur), np.uint8)
        self._blurred.append(self._distance(plain, soft))

    def _scores(self, name: str) -> Scores:
        warping = {i: _mean(pairs.errors.get(name, [])) for i, pairs in self._pairs.items()}
        plain = {i: _mean(p.errors.get(self._reference or "", [])) for i, p in self._pairs.items()}
        relative, film = (self._relative(one) for one in (name, SOURCE))
        drift, of_source = self._drift[name].changes, self._drift[SOURCE].changes
        own = [d - s for d, s in zip(drift, of_source, strict=True)]
        return Scores(
            warping=warping,
            ratio={i: _over(error, plain[i]) for i, error in warping.items()},
            steadiness={i: _over(error, film[i]) for i, error in relative.items()},
            distance=_mean(self._distances.get(name, [])),
            flicker=self._flicker.of(name),
            drift=_mean([_rms(d) for d in drift]),
            own_drift=_mean([_rms(d) for d in own]),
        )

    def _relative(self, name: str) -> dict[int, float | None]:
        """Interval → E_warp over the mean variance of the pictures."""
        variance = _mean(self._variances[name])
        errors = {i: _mean(pairs.errors.get(name, [])) for i, pairs in self._pairs.items()}
        return {i: _over(error, variance) for i, error in errors.items()}


@dataclass(frozen=True)
class _Moment:
    """A frame with its results, and the source's picture for the flow."""

    number: int
    small: Rgb
    pictures: dict[str, Rgb]


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _over(error: float | None, plain: float | None) -> float | None:
    return error / plain if error is not None and plain else None


def _rms(change: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(change))))


def _variance(rgb: Rgb) -> float:
    """The mean over the channels of the variance of the pixels, of 0..1."""
    deviation = cv2.meanStdDev(rgb)[1]
    return float(np.mean(np.square(deviation / 255)))


def _mean_colour(rgb: Rgb) -> NDArray[np.float64]:
    return np.asarray(cv2.mean(rgb)[:3], np.float64)

"""How steady a repainted clip is, and how far it is from the frame-by-frame result.

The warping error follows Lai 2018 (*Learning Blind Video Temporal Consistency*). Blur and black
frames win on it, so it stands beside a distance to the frame-by-frame result, and beside that
distance of the same result slightly blurred. One pass over the clips scores any number of results:
flow, the costly part, is of the source and the same for all of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Frame, Rgb, Vectors
from ..imaging.similarity import structural_distance
from ..imaging.warp import Mask, Warper, resize_mask, resize_vectors
from ..temporal.flow import FlowEstimator, motion_boundary, occluded
from .truth import Truth

SOURCE = "source"
"""The name under which the source itself is scored: for its noise no result can be blamed."""

Distance = Callable[[Rgb, Rgb], float]
"""How different two pictures look; 0 is equal."""

# What stands still: it moves less than this, px, and its colour changes less than this, of 0..255,
# in the mean over a window. A sensor's noise vanishes in that mean, a change of light does not; so
# noise is not what a pixel is chosen by, and the source's own flicker is measured without bias.
_STILL_MOTION = 0.25
_STILL_CHANGE = 2.0
_STILL_WINDOW = (9, 9)
_STILL_SHARE = 0.01  # of all pixels, below which a figure of them would be chance


@dataclass(frozen=True)
class Measure:
    """What is measured, and how finely."""

    intervals: tuple[int, ...] = (1, 10)
    """Frames between the two of a pair; one warping error each."""
    flow_side: int = 640
    """Longest side of the pictures that flow is computed on, px.

    Estimators are trained, and the constants of the occlusion test set, at about this size. Larger
    pictures cost the square, and their larger motions are found worse, not better; with it, figures
    of one clip at two sizes can be compared too.
    """
    drift_frames: int = 6
    """Frames at each end of a shot whose mean colours are compared; even, so that a picture that
    alternates does not seem to drift."""
    distance_every: int = 1
    """One frame in so many is compared with the frame-by-frame result."""
    blur: float = 1.0
    """σ of the blurred frame-by-frame result, the reference of the distance, px."""


@dataclass(frozen=True)
class Scores:
    """The figures of one result; ``None`` where there was nothing to measure."""

    warping: dict[int, float | None]
    """Interval → E_warp: mean squared difference along the motion, RGB in 0..1."""
    ratio: dict[int, float | None]
    """Interval → E_warp over that of the frame-by-frame result."""
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
    """Interval → share of the pixels that were compared."""
    still: float | None
    """Share of the pixels that stand still; below 1 %, there is no figure of flicker."""
    blurred: float | None
    """Distance of the blurred frame-by-frame result to itself sharp: what counts as visible."""
    scores: dict[str, Scores]
    """Name → figures; the first is ``SOURCE``."""


class Evaluation:
    """Takes a source and its results frame by frame; keeps as many frames as the longest interval.

    A pair never lies across a cut, as ``Frame.cut`` of the source says.

    Args:
        flow: finds the motion of the source.
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
        self._flow = flow
        self._reference = reference
        self._distance = distance or structural_distance
        self._truth = truth
        self._past: deque[_Moment] = deque(maxlen=max(self.measure.intervals))
        self._frames = self._shots = 0
        self._pairs = {interval: _Pairs() for interval in self.measure.intervals}
        self._flicker = _Flicker()
        self._drift: dict[str, _Drift] = {}
        self._distances: dict[str, list[float]] = {}
        self._blurred: list[float] = []

    def add(self, source: Frame, results: Mapping[str, Rgb]) -> None:
        """Compare the next frame, and the results of it, with those before.

        Args:
            source: the frame.
            results: name → its result, of the frame's size; the same names every time.

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
        small = _fitted(source.rgb, self.measure.flow_side)
        now = _Moment(self._frames, small, pictures)
        for interval, pairs in self._pairs.items():
            if interval <= len(self._past):
                self._compare(self._past[-interval], now, pairs)
        self._compare_looks(now)
        for name, rgb in pictures.items():
            drift = self._drift.setdefault(name, _Drift(self.measure.drift_frames))
            drift.add(_mean_colour(rgb))
        self._past.append(now)
        self._frames += 1

    def quality(self) -> Quality:
        """The figures of all that was added."""
        for drift in self._drift.values():
            drift.end_shot()
        names = list(self._drift)
        return Quality(
            frames=self._frames,
            shots=self._shots,
            pairs={i: pairs.count for i, pairs in self._pairs.items()},
            valid={i: _mean(pairs.valid) for i, pairs in self._pairs.items()},
            still=_mean(self._flicker.shares),
            blurred=_mean(self._blurred),
            scores={name: self._scores(name) for name in names},
        )

    def error_map(self, name: str, interval: int) -> NDArray[np.float32]:
        """Mean squared error of each pixel over the pairs in which it was valid, (H, W), 0..1.

        A pixel that never was is NaN; without any pair, the map is (0, 0).
        """
        return self._pairs[interval].error_map(name)

    def _compare(self, one: _Moment, other: _Moment, pairs: _Pairs) -> None:
        adjacent = other.number == one.number + 1
        vectors, seen = self._motion(one, other, adjacent)
        pairs.add(one.pictures, other.pictures, vectors, seen)
        if adjacent:
            self._flicker.add(one.pictures, other.pictures, vectors, seen)

    def _motion(self, one: _Moment, other: _Moment, adjacent: bool) -> tuple[Vectors, Mask]:
        """Where the pixels of ``one`` are in ``other``, and which of them can be compared."""
        height, width = one.pictures[SOURCE].shape[:2]
        if adjacent and self._truth is not None:
            vectors, hidden = self._true_motion(self._truth, one, other)
        else:
            small = self._flow.between(one.small, other.small)
            doubtful = occluded(small, self._flow.between(other.small, one.small))
            hidden = resize_mask(doubtful | motion_boundary(small), width, height)
            vectors = resize_vectors(small, width, height)
        return vectors, ~hidden & _inside(vectors)

    def _true_motion(self, truth: Truth, one: _Moment, other: _Moment) -> tuple[Vectors, Mask]:
        height, width = one.pictures[SOURCE].shape[:2]
        vectors, hidden = truth.between(one.number, width, height)
        if hidden is None:
            back = resize_vectors(self._flow.between(other.small, one.small), width, height)
            hidden = occluded(vectors, back)
        return vectors, hidden | motion_boundary(vectors) | ~np.isfinite(vectors).all(axis=-1)

    def _compare_looks(self, now: _Moment) -> None:
        """The distances to the frame-by-frame result; of the middle of every few frames."""
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
        drift, of_source = self._drift[name].changes, self._drift[SOURCE].changes
        own = [d - s for d, s in zip(drift, of_source, strict=True)]
        return Scores(
            warping=warping,
            ratio={i: _over(error, plain[i]) for i, error in warping.items()},
            distance=_mean(self._distances.get(name, [])),
            flicker=self._flicker.of(name),
            drift=_mean([_rms(d) for d in drift]),
            own_drift=_mean([_rms(d) for d in own]),
        )


def evaluate(
    source: Iterable[Frame],
    results: Mapping[str, Iterable[Rgb]],
    flow: FlowEstimator,
    measure: Measure | None = None,
    *,
    reference: str | None = None,
    distance: Distance | None = None,
    truth: Truth | None = None,
) -> Quality:
    """The figures of ``results``, name → pictures, of one source; see ``Evaluation``.

    Raises:
        ValueError: they are not equally many, or not of one size.
        SourceError: the true flow is missing or of another shape.
    """
    evaluation = Evaluation(flow, measure, reference=reference, distance=distance, truth=truth)
    for frame, *pictures in zip(source, *results.values(), strict=True):
        evaluation.add(frame, dict(zip(results, pictures, strict=True)))
    return evaluation.quality()


# ---- what is gathered ----


@dataclass(frozen=True)
class _Moment:
    """A frame, its results, and the source's picture for the flow."""

    number: int
    small: Rgb
    pictures: dict[str, Rgb]


@dataclass
class _Pairs:
    """The warping errors of the pairs of one interval."""

    count: int = 0
    valid: list[float] = field(default_factory=list[float])
    errors: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    _sums: dict[str, NDArray[np.float32]] = field(default_factory=dict[str, NDArray[np.float32]])
    _seen: NDArray[np.float32] | None = None
    _warper: Warper | None = None

    def add(
        self, one: Mapping[str, Rgb], other: Mapping[str, Rgb], vectors: Vectors, seen: Mask
    ) -> None:
        """E = Σ M |O_t − Ô_{t+i}|² / Σ M, a mean over the channels too; Ô is O_{t+i} at p + v."""
        self.count += 1
        self.valid.append(float(seen.mean()))
        if not seen.any():
            return
        if self._warper is None:
            self._warper = Warper(seen.shape[1], seen.shape[0])
        for name, rgb in one.items():
            # uint8 would round what is sampled, which is an error of its own
            moved = self._warper.warp(other[name].astype(np.float32), vectors)
            difference = np.square((rgb - moved) / 255).mean(axis=-1)
            difference[~seen] = 0
            self.errors.setdefault(name, []).append(float(difference.sum() / seen.sum()))
            total = self._sums.setdefault(name, np.zeros(seen.shape, np.float32))
            total += difference
        self._seen = seen.astype(np.float32) + (0 if self._seen is None else self._seen)

    def error_map(self, name: str) -> NDArray[np.float32]:
        """See ``Evaluation.error_map``."""
        if self._seen is None:
            return np.zeros((0, 0), np.float32)
        never = np.float32(np.nan)
        return np.where(self._seen > 0, self._sums[name] / np.maximum(self._seen, 1), never)


@dataclass
class _Flicker:
    """Differences of successive frames where the source stands still."""

    shares: list[float] = field(default_factory=list[float])
    _squares: dict[str, float] = field(default_factory=dict[str, float])
    _count: int = 0

    def add(
        self, one: Mapping[str, Rgb], other: Mapping[str, Rgb], vectors: Vectors, seen: Mask
    ) -> None:
        """One pair of successive frames."""
        still = seen & (np.square(vectors).sum(axis=-1) < _STILL_MOTION**2)
        still &= np.abs(_smooth_change(one[SOURCE], other[SOURCE])).max(axis=-1) < _STILL_CHANGE
        self.shares.append(float(still.mean()))
        self._count += 3 * int(still.sum())
        for name, rgb in one.items():
            change = rgb[still].astype(np.float32) - other[name][still]
            self._squares[name] = self._squares.get(name, 0.0) + float(np.square(change).sum())

    def of(self, name: str) -> float | None:
        """Root of the mean square, of 0..255."""
        if not self.shares or np.mean(self.shares) < _STILL_SHARE:
            return None
        return float(np.sqrt(self._squares[name] / self._count))


def _smooth_change(one: Rgb, other: Rgb) -> NDArray[np.float32]:
    change = other.astype(np.float32) - one
    return np.asarray(cv2.blur(change, _STILL_WINDOW), np.float32)


class _Drift:
    """Mean colours at the ends of shots; shots shorter than both ends together are left out."""

    def __init__(self, frames: int) -> None:
        self.changes: list[NDArray[np.float64]] = []
        self._first: list[NDArray[np.float64]] = []
        self._last: deque[NDArray[np.float64]] = deque(maxlen=frames)
        self._frames = frames
        self._count = 0

    def add(self, colour: NDArray[np.float64]) -> None:
        """The mean colour of the next frame."""
        if len(self._first) < self._frames:
            self._first.append(colour)
        self._last.append(colour)
        self._count += 1

    def end_shot(self) -> None:
        """What was added is a whole shot."""
        if self._count >= 2 * self._frames:
            first, last = (np.mean(np.stack(list(c)), axis=0) for c in (self._first, self._last))
            self.changes.append(last - first)
        self._first, self._count = [], 0
        self._last.clear()


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _over(error: float | None, plain: float | None) -> float | None:
    return error / plain if error is not None and plain else None


def _rms(change: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(change))))


def _mean_colour(rgb: Rgb) -> NDArray[np.float64]:
    return np.asarray(cv2.mean(rgb)[:3], np.float64)


# ---- geometry ----


def _fitted(rgb: Rgb, side: int) -> Rgb:
    """The picture with its longest side at most ``side`` px.

    Any factor, unlike ``flow.reduced``: speed counts less here than the flow's accuracy.
    """
    height, width = rgb.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size == (width, height):
        return rgb
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _inside(vectors: Vectors) -> Mask:
    """Pixels p of which p + v lies in the picture, so that nothing there is made up."""
    height, width = vectors.shape[:2]
    y, x = np.ogrid[:height, :width]
    at_x, at_y = vectors[..., 0] + x, vectors[..., 1] + y
    return (at_x >= 0) & (at_x <= width - 1) & (at_y >= 0) & (at_y <= height - 1)


# ---- distance ----


# ---- true flow ----

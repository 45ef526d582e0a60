"""Key frames: which frames are painted slowly, and what each painting begins with.

They are chosen while the source is read once; then painted in order, each from the one before,
warped along the motion (Ruder, Dosovitskiy, Brox 2016). Paintings are saved next to the output,
under a name made from everything that they depend on, so that nothing is painted twice. The painter
is passed in: this package knows no PyTorch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from ..core.errors import SettingsError
from ..core.frame import Frame, Rgb, as_rgb
from ..core.units import parse_time
from ..imaging.resize import reduced_of
from ..media.images import picture_bytes, read_picture
from ..temporal.flow import FlowEstimator
from ..temporal.trajectory import Correspondence, correct_drift, measure_flow_pair, no_motion

NEW_AREA = 0.35
"""Fraction of a frame that is hidden in the last key frame, from which the next one is due."""

MOVED = 0.25
"""Mean motion since the last key frame, in longer sides, from which the next one is due."""

LEAST = Fraction(1, 4)
"""Least time between two key frames, of the longest. What neither has is graded until then."""

LOST = 0.5  # trust below which a pixel is hidden in the key frame


@dataclass(frozen=True)
class Key:
    """A key frame, as it was chosen."""

    number: int
    """Of the film's frame, counted from 1."""
    time: Fraction
    """Seconds on the source's clock."""
    first: bool
    """It begins a shot."""
    source: Path
    """Its picture, PNG."""
    mask: Path | None
    """Its segmentation mask, PNG."""
    links: Path | None
    """To the key frame before, in the same shot: ``back`` from this to that, ``forth``; npz."""

    @property
    def rgb(self) -> Rgb:
        """Its picture: (H, W, 3) uint8, 0–255, RGB."""
        return read_picture(self.source)


MaskOf = Callable[[Frame], Rgb | None]
"""A frame → its segmentation mask (H, W, 3), if it has one."""


# ---- choosing ----


class KeyframeScheduler:
    """Says when the next key frame is due.

    Args:
        every: seconds after which one is due anyway.
        listed: times, seconds after the source's first frame; then nothing else counts.
        start: time of the source's first frame.
    """

    def __init__(
        self, every: float, listed: Sequence[Fraction] | None = None, start: Fraction = Fraction(0)
    ) -> None:
        self._every = Fraction(every).limit_denominator(1000)
        self._listed = None if listed is None else deque(sorted(start + t for t in listed))
        self._before: Fraction | None = None

    def __call__(self, frame: Frame, last: Fraction, back: Correspondence) -> bool:
        """Whether it is, by the correspondence from this frame to the last key frame."""
        if self._listed is not None:
            return self._remove_listed(frame)
        if frame.time - last >= self._every:
            return True
        if frame.time - last < self._every * LEAST:
            return False
        lost = float((back.trust < LOST).mean())
        visible = back.trust >= LOST
        moved = (
            float(np.linalg.norm(back.vectors[visible], axis=-1).mean()) if visible.any() else 0.0
        )
        return lost > NEW_AREA or moved > MOVED * max(back.trust.shape)

    def begins(self, frame: Frame) -> None:
        """A shot begins: its first frame is a key frame, whatever is listed."""
        if self._listed is not None:
            self._remove_listed(frame)

    def _remove_listed(self, frame: Frame) -> bool:
        """Remove the listed times that this frame is the nearest to; whether there were any."""
        assert self._listed is not None
        gap = frame.duration * frame.time_base
        if not gap and self._before is not None:
            gap = frame.time - self._before
        self._before = frame.time
        is_nearest = False
        while self._listed and self._listed[0] < frame.time + gap / 2:
            self._listed.popleft()
            is_nearest = True
        return is_nearest


def select_keyframes(
    frames: Iterable[Frame],
    due: KeyframeScheduler,
    estimator: FlowEstimator,
    folder: Path,
    mask_of: MaskOf,
    start: int = 1,
) -> Iterator[Key]:
    """The key frames of a source, as it is read; pictures and links are written to ``folder``.

    Args:
        frames: in order, the first of each shot with ``cut``.
        due: when one is due within a shot.
        estimator: of motion.
        folder: for pictures and links; it grows with the number of key frames.
        mask_of: each frame's mask.
        start: number of the first of ``frames`` in the film, which counts from 1.
    """
    before: Rgb | None = None
    last = Fraction(0)
    there, back, forth = np.zeros((1, 1, 3), np.uint8), no_motion(1, 1), no_motion(1, 1)
    for number, frame in enumerate(frames, start):
        small = as_rgb(reduced_of(frame))
        first = before is None or frame.cut or before.shape != small.shape
        if first:
            due.begins(frame)
            back = forth = no_motion(*small.shape[:2])
        else:
            assert before is not None
            step = measure_flow_pair(small, before, estimator)
            back = correct_drift(step.backward.chain(back), small, there, estimator)
            forth = correct_drift(forth.chain(step.forward), there, small, estimator)
        if first or due(frame, last, back):
            links = None if first else _write_links(folder / f"{number:06d}.npz", back, forth)
            yield _key(frame, number, first, links, folder, mask_of)
            last, there, back = frame.time, small, no_motion(*small.shape[:2])
            forth = back
        before = small


def _key(
    frame: Frame, number: int, first: bool, links: Path | None, folder: Path, mask_of: MaskOf
) -> Key:
    source = folder / f"{number:06d}.png"
    source.write_bytes(picture_bytes(frame.rgb, source.name))
    mask = mask_of(frame)
    mask_path = None if mask is None else folder / f"{number:06d}-mask.png"
    if mask_path is not None and mask is not None:
        mask_path.write_bytes(picture_bytes(mask, mask_path.name))
    return Key(number, frame.time, first, source, mask_path, links)


def _write_links(path: Path, back: Correspondence, forth: Correspondence) -> Path:
    parts = {"back": back, "forth": forth}
    arrays = {f"{n}.vectors": w.vectors for n, w in parts.items()}
    arrays |= {f"{n}.trust": w.trust for n, w in parts.items()}
    np.savez(path, **{name: values.astype(np.float16) for name, values in arrays.items()})  # pyright: ignore[reportArgumentType]
    return path


def read_link(key: Key, name: str) -> Correspondence:
    """The correspondence ``back`` or ``forth`` that leads to a key frame from the one before."""
    assert key.links is not None
    with np.load(key.links, allow_pickle=False) as links:
        vectors, trust = links[f"{name}.vectors"], links[f"{name}.trust"]
    return Correspondence(vectors.astype(np.float32), trust.astype(np.float32))


def listed_times(text: str) -> list[Fraction]:
    """The times in ``0,1.5,0:03``.

    Raises:
        SettingsError: one of them is no time.
    """
    try:
        return [parse_time(part.strip()) for part in text.split(",")]
    except ValueError as error:
        raise SettingsError(
            f"--keyframes {text}: neither a folder of painted frames nor times, as in 0,1.5,0:03"
        ) from error

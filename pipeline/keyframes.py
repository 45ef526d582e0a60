"""Key frames: which frames are painted slowly, and what each painting begins with.

They are chosen as the source is read once; then painted in order, each from the one before, carried
along the motion (Ruder, Dosovitskiy, Brox 2016). What is painted is kept beside the output under a
name made from all that it depends on, so that nothing is painted twice. Who paints is given: this
room knows no PyTorch.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from .errors import SettingsError, SourceError
from .flow import FlowEstimator, Warper, reduced
from .frame import Frame, Rgb
from .pictures import pictures_in, read_picture
from .resize import scaled
from .sink import picture_bytes, whole_or_not
from .track import Trust, Way, corrected, step_between, still
from .units import parse_time

SHOWN_LESS = 0.35
"""Share of a frame that the last key frame does not show, at which the next one is due."""

MOVED = 0.25
"""Mean way since the last key frame, in the frame's longer side, at which the next one is due."""

LEAST = Fraction(1, 4)
"""Of the most time between two key frames: the least. What neither shows is graded meanwhile."""

LOST = 0.5  # trust below which a pixel is not shown by the key frame

_LOOKS_BACK = 3  # key frames that hold a new one: Ruder's long-term loss


@dataclass(frozen=True)
class Key:
    """A key frame, as it was found."""

    number: int
    """Of the frame, counted from 1."""
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
        """Its picture."""
        return read_picture(self.source)


@dataclass(frozen=True)
class Earlier:
    """A painted key frame of the same shot, warped to the one that is painted now."""

    painted: Rgb
    trust: Trust
    """(H, W), 0..1, at the picture's size."""


@dataclass(frozen=True)
class Painting:
    """What a key frame's painting is made from."""

    rgb: Rgb
    mask: Rgb | None
    earlier: Sequence[Earlier]
    """The nearest in time first."""
    own: Rgb | None = None
    """What an earlier pass made of it."""


class KeyPainter(Protocol):
    """Paints key frames."""

    key: str
    """A name for all that a painting depends on, but for what it is given."""

    def paint(self, asked: Painting, kept: Path) -> Rgb:
        """The painting, of the picture's size; ``kept`` is a file for what is half done."""
        ...


Masked = Callable[[Frame], Rgb | None]
"""The segmentation mask shown beside a frame."""


# ---- choosing ----


class Due:
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

    def __call__(self, frame: Frame, last: Fraction, way: Way) -> bool:
        """Whether it is, by the way from this frame to the last key frame."""
        if self._listed is not None:
            return self._take(frame)
        if frame.time - last >= self._every:
            return True
        if frame.time - last < self._every * LEAST:
            return False
        lost = float((way.trust < LOST).mean())
        seen = way.trust >= LOST
        moved = float(np.linalg.norm(way.vectors[seen], axis=-1).mean()) if seen.any() else 0.0
        return lost > SHOWN_LESS or moved > MOVED * max(way.trust.shape)

    def begins(self, frame: Frame) -> None:
        """A shot begins: its first frame is a key frame, whatever is listed."""
        if self._listed is not None:
            self._take(frame)

    def _take(self, frame: Frame) -> bool:
        """Strike the listed times off that this frame is the nearest to; whether there were any."""
        assert self._listed is not None
        gap = frame.duration * frame.time_base
        if not gap and self._before is not None:
            gap = frame.time - self._before
        self._before = frame.time
        found = False
        while self._listed and self._listed[0] < frame.time + gap / 2:
            self._listed.popleft()
            found = True
        return found


def chosen(
    frames: Iterable[Frame], due: Due, estimator: FlowEstimator, folder: Path, masked: Masked
) -> Iterator[Key]:
    """The key frames of a source, as it is read; their pictures and links are put into ``folder``.

    Args:
        frames: in order, the first of each shot marked.
        due: when one is due within a shot.
        estimator: of motion.
        folder: for what is found; it grows with the number of key frames.
        masked: each frame's mask.
    """
    before: Rgb | None = None
    last = Fraction(0)
    there, back, forth = np.zeros((1, 1, 3), np.uint8), still(1, 1), still(1, 1)
    for number, frame in enumerate(frames, 1):
        small = reduced(frame.picture)
        first = before is None or frame.cut or before.shape != small.shape
        if first:
            due.begins(frame)
            back = forth = still(*small.shape[:2])
        else:
            assert before is not None
            step = step_between(small, before, estimator)
            back = corrected(step.back.then(back), small, there, estimator)
            forth = corrected(forth.then(step.forth), there, small, estimator)
        if first or due(frame, last, back):
            links = None if first else _write_links(folder / f"{number:06d}.npz", back, forth)
            yield _key(frame, number, first, links, folder, masked)
            last, there, back = frame.time, small, still(*small.shape[:2])
            forth = back
        before = small


def _key(
    frame: Frame, number: int, first: bool, links: Path | None, folder: Path, masked: Masked
) -> Key:
    source = folder / f"{number:06d}.png"
    source.write_bytes(picture_bytes(frame.rgb, source.name))
    mask = masked(frame)
    beside = None if mask is None else folder / f"{number:06d}-mask.png"
    if beside is not None and mask is not None:
        beside.write_bytes(picture_bytes(mask, beside.name))
    return Key(number, frame.time, first, source, beside, links)


def _write_links(path: Path, back: Way, forth: Way) -> Path:
    parts = {"back": back, "forth": forth}
    arrays = {f"{n}.vectors": w.vectors for n, w in parts.items()}
    arrays |= {f"{n}.trust": w.trust for n, w in parts.items()}
    np.savez(path, **{name: values.astype(np.float16) for name, values in arrays.items()})  # pyright: ignore[reportArgumentType]
    return path


def _link(key: Key, name: str) -> Way:
    assert key.links is not None
    with np.load(key.links, allow_pickle=False) as found:
        vectors, trust = found[f"{name}.vectors"], found[f"{name}.trust"]
    return Way(vectors.astype(np.float32), trust.astype(np.float32))


# ---- painting ----


def painted(
    keys: Sequence[Key],
    painter: KeyPainter,
    folder: Path,
    passes: int = 1,
    heard: Callable[[Key], None] = lambda key: None,
) -> dict[int, Path]:
    """Paint every key frame, unless it lies painted in ``folder``; number → the painting.

    Every second pass goes backward; a later pass begins with what the earlier ones made of the
    frame and its neighbour (Ruder 2016, section 3.3).

    Args:
        keys: in order.
        painter: paints one.
        folder: where paintings are kept.
        passes: over each shot.
        heard: is told of each that is done.
    """
    found: dict[int, Path] = {}
    for number in range(passes):
        backward = number % 2 == 1
        known: list[tuple[Key, Path]] = []  # of the shot, the nearest first
        for place, key in _in_order(keys, backward):
            if not known or (key.first if not backward else keys[place + 1].first):
                known = []
            rgb = key.rgb
            earlier = _earlier(key, rgb.shape[:2], known, backward)
            own = read_picture(found[key.number]) if number else None
            mask = None if key.mask is None else read_picture(key.mask)
            path = _kept(key, Painting(rgb, mask, earlier, own), painter, folder)
            found[key.number] = path
            known = [(key, path), *known][:_LOOKS_BACK]
            heard(key)
    return found


def _in_order(keys: Sequence[Key], backward: bool) -> Iterator[tuple[int, Key]]:
    places = range(len(keys))
    return ((place, keys[place]) for place in (reversed(places) if backward else places))


def _earlier(
    key: Key, size: tuple[int, ...], known: Sequence[tuple[Key, Path]], backward: bool
) -> list[Earlier]:
    """The known paintings, warped to ``key`` along the links between them."""
    found: list[Earlier] = []
    way: Way | None = None
    nearer = key
    for other, path in known:
        link = _link(other, "forth") if backward else _link(nearer, "back")
        way = link if way is None else way.then(link)
        height, width = size
        painting = scaled(read_picture(path), (height, width))  # somebody may have been at it
        warped = Warper(width, height).warp(painting, way.vectors, cv2.INTER_CUBIC)
        trust = cv2.resize(way.trust, (width, height))
        found.append(Earlier(np.asarray(warped, np.uint8), np.asarray(trust, np.float32)))
        nearer = other
    return found


def _kept(key: Key, asked: Painting, painter: KeyPainter, folder: Path) -> Path:
    """The painting in ``folder``: found there, or painted."""
    name = f"{key.number:06d}-{_digest(painter.key, asked)}"
    path = folder / f"{name}.png"
    if not path.exists():
        half = folder / f"{name}.part"
        rgb = painter.paint(asked, half)
        with whole_or_not(path) as aside:
            aside.write_bytes(picture_bytes(rgb, path.name))
        half.unlink(missing_ok=True)
    return path


def _digest(key: str, asked: Painting) -> str:
    told = hashlib.sha256(key.encode())
    arrays = [asked.rgb, asked.mask, asked.own]
    for earlier in asked.earlier:
        arrays += [earlier.painted, earlier.trust]
    for array in arrays:
        told.update(b"none" if array is None else repr(array.shape).encode() + array.tobytes())
    return told.hexdigest()[:16]


# ---- given ----


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


def given(folder: Path) -> dict[int, Path]:
    """Frames painted by somebody: number of the frame, from 1 → the picture.

    The number that a file's name begins with counts, else the last: ``000042.png``,
    ``000042-1a2b.png``, ``shot1_0042.png``.

    Raises:
        SourceError: a picture has no number, two have the same, or none is there.
    """
    found: dict[int, Path] = {}
    for path in pictures_in(folder):
        first, *others = re.findall(r"\d+", path.stem) or [None]
        if first is None:
            raise SourceError(
                f"--keyframes {folder}: {path.name} has no number; name each picture after its "
                "frame, as in 000042.png"
            )
        number = int(first if path.stem.startswith(first) else [first, *others][-1])
        if number in found:
            raise SourceError(
                f"--keyframes {folder}: {found[number].name} and {path.name} are both frame "
                f"{number}; keep one"
            )
        found[number] = path
    if not found:
        raise SourceError(f"--keyframes {folder} holds no pictures")
    return found

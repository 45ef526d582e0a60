"""Paint key frames in order, each one starting from those painted before it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from ..core.errors import SourceError
from ..core.files import atomic_write
from ..core.frame import Rgb
from ..imaging.resize import resize_pixels
from ..imaging.warp import Warper
from ..media.images import picture_bytes, pictures_in, read_picture
from ..temporal.trajectory import Correspondence, Trust
from .select import Key, read_link

_LOOKS_BACK = 3  # key frames that hold a new one: Ruder's long-term loss


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
    way: Correspondence | None = None
    nearer = key
    for other, path in known:
        link = read_link(other, "forth") if backward else read_link(nearer, "back")
        way = link if way is None else way.chain(link)
        height, width = size
        painting = resize_pixels(
            read_picture(path), (height, width)
        )  # somebody may have been at it
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
        with atomic_write(path) as aside:
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

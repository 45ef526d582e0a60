"""Paint key frames in order, each one starting from those painted before it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from ..core.errors import SourceError
from ..core.files import digest
from ..core.frame import Rgb
from ..imaging.resize import resize_linear, resize_pixels
from ..imaging.warp import Warper
from ..media.images import read_picture, write_picture
from ..media.sequence import pictures_in
from ..temporal.trajectory import Correspondence, Trust
from .select import Key, read_link

_LOOKS_BACK = 3  # key frames that constrain a new one: Ruder's long-term loss


@dataclass(frozen=True)
class Earlier:
    """A painted key frame of the same shot, warped to the one that is painted now."""

    painted: Rgb
    """(H, W, 3) uint8, 0–255, RGB."""
    trust: Trust
    """(H, W), 0..1, at the picture's size."""


@dataclass(frozen=True)
class PaintTask:
    """What a key frame's painting is made from."""

    rgb: Rgb
    """The frame: (H, W, 3) uint8, 0–255, RGB."""
    mask: Rgb | None
    """Its segmentation mask, (H, W, 3); ``None``: it has none."""
    earlier: Sequence[Earlier]
    """The nearest in time first."""
    own: Rgb | None = None
    """The painting of an earlier pass, (H, W, 3)."""


class KeyPainter(Protocol):
    """Paints key frames."""

    key: str
    """A digest of everything that a painting depends on, except the task."""

    def paint(self, task: PaintTask, checkpoint: Path) -> Rgb:
        """The painting, (H, W, 3) uint8, of the frame's size; ``checkpoint``: of a stopped one."""
        ...


def paint_keyframes(
    keys: Sequence[Key],
    painter: KeyPainter,
    folder: Path,
    passes: int = 1,
    on_painted: Callable[[Key], None] = lambda key: None,
) -> dict[int, Path]:
    """Paint every key frame that is not in ``folder`` yet; number → the painting.

    Every second pass goes backward; a later pass begins with the earlier paintings of the
    frame and its neighbour (Ruder 2016, section 3.3).

    Args:
        keys: in order.
        painter: paints one.
        folder: where paintings are saved.
        passes: over each shot.
        on_painted: called after each.
    """
    paintings: dict[int, Path] = {}
    for number in range(passes):
        backward = number % 2 == 1
        known: list[tuple[Key, Path]] = []  # of the shot, the nearest first
        for place, key in _in_order(keys, backward):
            if not known or (key.first if not backward else keys[place + 1].first):
                known = []
            rgb = key.rgb
            earlier = _earlier(key, rgb.shape[:2], known, backward)
            own = read_picture(paintings[key.number]) if number else None
            mask = None if key.mask is None else read_picture(key.mask)
            path = _paint_once(key, PaintTask(rgb, mask, earlier, own), painter, folder)
            paintings[key.number] = path
            known = [(key, path), *known][:_LOOKS_BACK]
            on_painted(key)
    return paintings


def _in_order(keys: Sequence[Key], backward: bool) -> Iterator[tuple[int, Key]]:
    places = range(len(keys))
    return ((place, keys[place]) for place in (reversed(places) if backward else places))


def _earlier(
    key: Key, size: tuple[int, ...], known: Sequence[tuple[Key, Path]], backward: bool
) -> list[Earlier]:
    """The known paintings, warped to ``key`` along the links between them."""
    result: list[Earlier] = []
    to_other: Correspondence | None = None
    nearer = key
    for other, path in known:
        link = read_link(other, "forth") if backward else read_link(nearer, "back")
        to_other = link if to_other is None else to_other.chain(link)
        height, width = size
        painting = resize_pixels(read_picture(path), (height, width))  # the user may have edited it
        warped = Warper(width, height).warp(painting, to_other.vectors, cv2.INTER_CUBIC)
        trust = resize_linear(to_other.trust, (height, width))
        result.append(Earlier(np.asarray(warped, np.uint8), np.asarray(trust, np.float32)))
        nearer = other
    return result


def _paint_once(key: Key, task: PaintTask, painter: KeyPainter, folder: Path) -> Path:
    """The painting in ``folder``: there already, or painted now."""
    name = f"{key.number:06d}-{_digest(painter.key, task)}"
    path = folder / f"{name}.png"
    if not path.exists():
        checkpoint = folder / f"{name}.part"
        rgb = painter.paint(task, checkpoint)
        write_picture(path, rgb)
        checkpoint.unlink(missing_ok=True)
    return path


def _digest(key: str, task: PaintTask) -> str:
    arrays = [task.rgb, task.mask, task.own]
    for earlier in task.earlier:
        arrays += [earlier.painted, earlier.trust]
    contents = (
        b"none" if array is None else repr(array.shape).encode() + array.tobytes()
        for array in arrays
    )
    return digest([key.encode(), *contents])[:16]


def find_paintings(folder: Path) -> dict[int, Path]:
    """Frames painted by hand, one picture each; see ``pictures_by_number``.

    Raises:
        SourceError: two pictures have the same number; or see there.
    """
    return {number: only_one(folder, number, p) for number, p in pictures_by_number(folder).items()}


def only_one(folder: Path, number: int, paths: Sequence[Path]) -> Path:
    """The only picture of a frame.

    Raises:
        SourceError: there are several.
    """
    if len(paths) > 1:
        raise SourceError(
            f"--keyframes {folder}: {paths[0].name} and {paths[1].name} are both frame {number}; "
            "keep one"
        )
    return paths[0]


def pictures_by_number(folder: Path) -> dict[int, list[Path]]:
    """Number of the film's frame, from 1 → the pictures that are named after it.

    The number that a file's name begins with counts, else the last: ``000042.png``,
    ``000042 copy.jpg``, ``shot1_0042.png``.

    Raises:
        SourceError: a picture has no number, or none is there.
    """
    found: dict[int, list[Path]] = {}
    for path in pictures_in(folder):
        first, *others = re.findall(r"\d+", path.stem) or [None]
        if first is None:
            raise SourceError(
                f"--keyframes {folder}: {path.name} has no number; name each picture after its "
                "frame, as in 000042.png"
            )
        number = int(first if path.stem.startswith(first) else [first, *others][-1])
        found.setdefault(number, []).append(path)
    if not found:
        raise SourceError(f"--keyframes {folder} holds no pictures")
    return found

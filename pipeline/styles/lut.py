"""``.cube`` files as a style: every colour's answer, looked up.

A byte a channel makes 16.7 million colours. Their answers are worked out once (64 MB, a second);
then a frame is one look-up a pixel, quicker than to interpolate, and as exact.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import closing_source
from ..core.frame import Frame, Rgb
from ..imaging.lut import Table, identity, read_cube
from ..nets.contract import ModelCard
from .per_shot import Plays, Whole

_LEVELS = 256


class LutStyle:
    """Tables as a style, played over frames: what ``FeedForwardStyle`` is for nets.

    Args:
        styles: ``.cube`` files and their shares, which sum to 1.
        strength: 0..1, of the tables against the one that changes nothing.

    Raises:
        ModelError: a file is missing or no such file.
    """

    binds = False
    planar = False
    fades = False
    still = True
    """A pixel hangs on the source's pixel alone: the result is as steady as the source."""
    device = "cpu"

    def __init__(self, styles: Sequence[tuple[Path, float]], strength: float = 1.0) -> None:
        name = " ".join(path.stem for path, _ in styles)
        self.card = ModelCard(name=name, kind="table")
        parts = [(read_cube(path), share * strength) for path, share in styles]
        self._answers = answers([*parts, (identity(2), 1 - strength)])

    def paint(self, rgb: Rgb, memory: object = None) -> Rgb:
        """The picture by the tables; the same shape."""
        colours = cv2.cvtColor(rgb, cv2.COLOR_RGB2RGBA).view("<u4")[..., 0]
        colours &= 0xFFFFFF  # without the opacity
        shown = self._answers[colours].view(np.uint8).reshape(*rgb.shape[:2], 4)
        return np.asarray(cv2.cvtColor(shown, cv2.COLOR_RGBA2RGB), np.uint8)

    def shot_of(self, frame: Frame, strength: float = 1.0) -> tuple[Plays, float]:
        """See ``Paints.shot_of``."""
        return Whole(self.paint), strength

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        """The stage: every frame repainted, in order. One thread: memory is what it waits for."""
        with closing_source(frames):
            for frame in frames:
                yield replace(frame, picture=self.paint(frame.rgb))


def answers(parts: Sequence[tuple[Table, float]]) -> NDArray[np.uint32]:
    """What tables, mixed by their shares, make of each colour: R, G, B and opacity, a byte each.

    Returns:
        (256³,), to be asked with R + 256 G + 65536 B.
    """
    grown = [_grown(_grown(table * np.float32(255 * share), 2), 1) for table, share in parts]
    shown = np.full((_LEVELS, _LEVELS, _LEVELS, 4), 255, np.uint8)
    for blue in range(_LEVELS):  # all at once would be 200 MB a table
        mixed = sum(_between(table, blue) for table in grown)
        shown[blue, ..., :3] = np.clip(np.rint(mixed), 0, 255)
    return shown.reshape(-1, 4).view("<u4")[:, 0]


def _grown(values: Table, axis: int) -> Table:
    """256 values along an axis, between those that are there."""
    lines = np.moveaxis(values, axis, 0)
    return np.stack([_between(lines, level) for level in range(_LEVELS)], axis)


def _between(lines: Table, level: int) -> Table:
    """What lies at a level, 0..255, along the first axis."""
    at = level * (len(lines) - 1) / 255
    low = min(int(at), len(lines) - 2)
    part = np.float32(at - low)
    return lines[low] * (1 - part) + lines[low + 1] * part

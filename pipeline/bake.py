"""Write a style's colours as a ``.cube`` file: as much of its paintings as a table can hold."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from .core.concurrency import closing_source
from .core.files import neighbour
from .core.frame import Frame, Rgb, as_rgb
from .imaging.lut import SIZE, apply_table, fit_table, write_cube
from .imaging.resize import resize_picture, work_size
from .imaging.similarity import mean_difference
from .media.inputs import open_source
from .styles.per_shot import paint_pictures
from .styles.style import Style
from .temporal.shots import mark_cuts

_FRAMES = 8  # of a shot that are painted
_PIXELS = 500_000  # of each, at most: as many as a photographic method paints
_EVERY = 3  # one pixel in so many, along both sides, is compared: enough for a mean


@dataclass(frozen=True)
class Baked:
    """One table that was written."""

    path: Path
    start: Fraction
    """Of the shot, in seconds after the content's first frame."""
    end: Fraction
    """Of the shot, in seconds after the content's first frame."""
    difference: float
    """Mean CIEDE2000 between the table's pictures and the style's."""


def bake(
    content: str,
    out: Path,
    style: Style,
    strength: float = 1.0,
    size: int = SIZE,
    per_shot: bool = False,
) -> Generator[Baked]:
    """Paint frames of ``content`` and write the table that comes nearest.

    Each file is written completely or not at all.

    Args:
        content: a picture or a video.
        out: the ``.cube`` file; replaced if it exists.
        style: the style.
        strength: of the style, 0..1.
        size: grid points along each colour.
        per_shot: write one table for each shot, see ``numbered_path``; else one for all.

    Raises:
        StylizeError: the content can't be read or painted, or a table can't be written.
    """
    source = open_source(content)
    begin, tick = source.info.start, 1 / source.info.rate
    frames = mark_cuts(source.frames()) if per_shot else source.frames()
    for number, shot in enumerate(_shots(frames, tick), 1):
        path = numbered_path(out, number) if per_shot else out
        pictures = shot.pictures
        pairs = list(zip(pictures, paint_pictures(style, pictures, strength), strict=True))
        table = fit_table(pairs, size)
        write_cube(table, path, path.stem)
        differences = [
            mean_difference(apply_table(table, _thin(rgb)), _thin(painted))
            for rgb, painted in pairs
        ]
        yield Baked(path, shot.start - begin, shot.end - begin, float(np.mean(differences)))


def numbered_path(out: Path, shot: int) -> Path:
    """The path of a shot's table: ``grade-001.cube`` for ``grade.cube``."""
    return neighbour(out, out.stem, f"-{shot:03d}{out.suffix}")


def numbered_files(out: Path) -> list[Path]:
    """List the numbered files of ``out`` that exist."""
    stem = numbered_path(out, 0).name.removesuffix(f"-000{out.suffix}")
    name = re.compile(rf"{re.escape(stem)}-\d{{3,}}{re.escape(out.suffix)}")
    return sorted(path for path in out.parent.iterdir() if name.fullmatch(path.name))


@dataclass
class _Shot:
    """Samples frames evenly over a shot of unknown length: at growing distances."""

    start: Fraction
    tick: Fraction
    """Duration of a frame that has none of its own, seconds."""
    end: Fraction = Fraction(0)
    _samples: list[Rgb] = field(default_factory=list)
    _count: int = 0
    _step: int = 1

    def add(self, frame: Frame) -> None:
        """Add the next frame of the shot."""
        self.end = frame.time + (frame.duration * frame.time_base or self.tick)
        if self._count % self._step == 0:
            if len(self._samples) == 2 * _FRAMES:
                self._samples, self._step = self._samples[::2], 2 * self._step
            self._samples.append(_reduce(frame.rgb))
        self._count += 1

    @property
    def pictures(self) -> list[Rgb]:
        """At most ``_FRAMES`` of the samples, (h, w, 3) uint8, 0–255, RGB."""
        places = np.linspace(0, len(self._samples) - 1, min(_FRAMES, len(self._samples)))
        return [self._samples[round(place)] for place in places]


def _reduce(rgb: Rgb) -> Rgb:
    height, width = rgb.shape[:2]
    return as_rgb(resize_picture(rgb, work_size(height, width, None, _PIXELS)))


def _shots(frames: Iterable[Frame], tick: Fraction) -> Generator[_Shot]:
    """Divide frames into shots at their ``cut``; all are one shot if none has it."""
    shot: _Shot | None = None
    with closing_source(frames):
        for frame in frames:
            if shot is None or frame.cut:
                if shot is not None:
                    yield shot
                shot = _Shot(frame.time, tick)
            shot.add(frame)
    if shot is not None:
        yield shot


def _thin(rgb: Rgb) -> Rgb:
    return np.ascontiguousarray(rgb[::_EVERY, ::_EVERY])

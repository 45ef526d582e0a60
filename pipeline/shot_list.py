"""The shots of a film for its director: a timeline file to begin with, and a sheet of pictures."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from fractions import Fraction
from math import ceil
from pathlib import Path

from .contact_sheet import grid
from .core.concurrency import closing_source
from .core.config import Settings
from .core.frame import Frame, Rgb
from .media.source import Source
from .temporal.film_shots import Shot, list_shots
from .temporal.scenes import read_scenes
from .temporal.shots import mark_cuts, mark_listed
from .timeline.points import timecode

_WIDTH = 240  # of a picture on the sheet, px
_COLUMNS = 5


def find_shots(
    film: Source,
    pictures: bool = False,
    scenes: Path | None = None,
    on_frame: Callable[[], None] = lambda: None,
) -> list[Shot]:
    """Find the shots of a film, with the numbers that a timeline names.

    Args:
        film: see ``open_source``.
        pictures: each gets one.
        scenes: a list of the cuts; ``None``: they are detected.
        on_frame: called for each frame that is read.

    Raises:
        StylizeError: the film or the list can't be read.
    """
    frames = _counted(film.frames(layout="planes"), on_frame)
    if scenes is not None:
        marked = mark_listed(frames, read_scenes(scenes), film.info.start)
    else:
        marked = mark_cuts(frames)
    return list(list_shots(marked, film.info.rate, _WIDTH if pictures else 0))


def _counted(frames: Iterable[Frame], on_frame: Callable[[], None]) -> Generator[Frame]:
    with closing_source(frames):
        for frame in frames:
            on_frame()
            yield frame


def starting_timeline(name: str, shots: Sequence[Shot], start: Fraction) -> str:
    """A timeline with a point for each shot of a film, which all have the default style.

    Args:
        name: of the film, in one line.
        shots: all of them.
        start: time of the film's first frame, seconds on the source's clock.
    """
    style = " ".join(Settings.model_validate({}).style)
    rows = [
        f"# The shots of {name}. Write what changes in each: style, strength, style_scale,",
        "# palette, mask, then. Remove the points at which nothing changes: values stay until",
        "# another point changes them.",
    ]
    for shot in shots:
        seconds = float(shot.end - shot.time)
        count = "1 frame" if shot.frames == 1 else f"{shot.frames} frames"
        rows += [
            "",
            f"# {timecode(shot.time - start)}, frame {shot.first}: {seconds:.2f} s, {count}",
            f"- shot: {shot.number}",
            f"  style: {style}",
        ]
    return "\n".join(rows) + "\n"


def shot_sheet(shots: Sequence[Shot], start: Fraction) -> Rgb:
    """A picture of every shot, with its number and its time: (h, w, 3) uint8, 0–255, RGB.

    Args:
        shots: with pictures of one size.
        start: time of the film's first frame, seconds on the source's clock.
    """
    pictures = [
        (f"{shot.number}   {timecode(shot.time - start)}", shot.picture)
        for shot in shots
        if shot.picture is not None
    ]
    height, width = pictures[0][1].shape[:2]
    columns = max(min(len(pictures), _COLUMNS), ceil((len(pictures) / 3) ** 0.5))
    return grid(pictures, (width, height), columns)

"""Contact sheets: one frame in many styles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import ceil
from pathlib import Path

import cv2
import numpy as np

from .errors import SettingsError, SourceError
from .frame import ALL, Frame, Rgb, Span
from .inputs import open_source
from .sink import whole_or_not
from .source import Source
from .stylizer import Stylizer
from .units import parse_time
from .zoo import find_style, zoo

_WIDTH = 480  # of a picture on the sheet, px
_LABEL = 28
_COLUMNS = 3
_LONGEST = 5  # seconds that a frame is shown


def frame_at(source: str, time: str) -> Rgb:
    """The frame of ``source`` shown at ``time``.

    Raises:
        SourceError: there is none.
        SettingsError: ``time`` is no time.
    """
    try:
        wanted = parse_time(time)
    except ValueError as error:
        raise SettingsError(f"--at {time} is not a time; write seconds or MM:SS") from error
    opened = open_source(source)
    shown: Frame | None = None
    begin = opened.info.start + max(Fraction(0), wanted - _LONGEST)
    for frame in opened.frames(Span(begin, None) if wanted > _LONGEST else ALL):
        if shown is not None and frame.time - opened.info.start > wanted:
            return shown.rgb
        shown = frame
    if shown is None or shown.time + _shown_for(shown, opened) < opened.info.start + wanted:
        raise SourceError(f"{source} has no frame at {time}")
    return shown.rgb


def _shown_for(frame: Frame, source: Source) -> Fraction:
    return frame.duration * frame.time_base or 1 / source.info.rate


def style_sheet(picture: Rgb, names: Iterable[str] | None = None) -> Rgb:
    """The picture, and it in every style that ships (or those named), each with its name.

    Raises:
        ModelError: there is no style of such a name.
    """
    wanted = list(names) if names is not None else list(zoo())
    height, width = picture.shape[:2]
    # Strokes are as large as in a frame of this size; only then it is reduced.
    painted = [(name, Stylizer(find_style(name)).paint(picture)) for name in wanted]
    size = (_WIDTH, max(1, round(height * _WIDTH / width)))
    return grid([("", picture), *painted], size, _COLUMNS)


def grid(pictures: Sequence[tuple[str, Rgb]], size: tuple[int, int], columns: int) -> Rgb:
    """Pictures at (width, height) in rows, each over its name."""
    rows = ceil(len(pictures) / columns)
    sheet = np.full((rows * (size[1] + _LABEL), columns * size[0], 3), 255, np.uint8)
    for number, (name, picture) in enumerate(pictures):
        top, left = number // columns * (size[1] + _LABEL), number % columns * size[0]
        how = cv2.INTER_AREA if picture.shape[1] > size[0] else cv2.INTER_CUBIC
        sheet[top : top + size[1], left : left + size[0]] = cv2.resize(
            picture, size, interpolation=how
        )
        place = (left + 6, top + size[1] + _LABEL - 9)
        font, black = cv2.FONT_HERSHEY_SIMPLEX, (0, 0, 0)
        cv2.putText(sheet, name, place, font, 0.55, black, 1, cv2.LINE_AA)
    return sheet


def write_png(path: Path, rgb: Rgb) -> None:
    """Write a picture, whole or not at all.

    Raises:
        SinkError: it can't be written.
    """
    _, encoded = cv2.imencode(".png", rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    with whole_or_not(path) as aside:
        aside.write_bytes(encoded.tobytes())

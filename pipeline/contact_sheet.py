"""Contact sheets: one frame in many styles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil

import cv2
import numpy as np

from .core.config import Settings
from .core.frame import Rgb
from .styles.open import open_style
from .styles.per_shot import paint_picture
from .styles.style import Style
from .styles.zoo import zoo

_WIDTH = 480  # of a picture on the sheet, px
_LABEL = 28
_COLUMNS = 3


def style_sheet(picture: Rgb, names: Iterable[str] | None = None) -> Rgb:
    """The picture, and it in every style that ships (or those named), each with its name.

    Raises:
        ModelError: there is no style of such a name.
    """
    wanted = list(names) if names is not None else list(zoo())
    height, width = picture.shape[:2]
    # Strokes are as large as in a frame of this size; only then it is reduced.
    painted = [(name, paint_picture(_open(name), picture)) for name in wanted]
    size = (_WIDTH, max(1, round(height * _WIDTH / width)))
    return grid([("", picture), *painted], size, _COLUMNS)


def _open(name: str) -> Style:
    return open_style(Settings.model_validate({"style": name}))


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

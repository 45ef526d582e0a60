"""Make contact sheets: one frame in many styles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil

import cv2
import numpy as np

from .core.config import Settings
from .core.frame import Rgb, resized
from .styles.open import open_style
from .styles.per_shot import paint_picture
from .styles.style import Style
from .styles.zoo import zoo

_WIDTH = 480  # of a picture on the sheet, px
_LABEL = 28
_COLUMNS = 3


def style_sheet(picture: Rgb, names: Iterable[str] | None = None) -> Rgb:
    """Paint a picture in every built-in style, and put all of them on one sheet with their names.

    Args:
        picture: (H, W, 3) uint8, 0–255, RGB; it comes first.
        names: of the styles; ``None``: all.

    Returns:
        The sheet, (h, w, 3) uint8, 0–255, RGB.

    Raises:
        ModelError: there is no style of such a name.
    """
    chosen = list(names) if names is not None else list(zoo())
    height, width = picture.shape[:2]
    # Painted at the picture's own size and then reduced, for strokes as in a frame of that size.
    painted = [(name, paint_picture(_open(name), picture)) for name in chosen]
    size = (_WIDTH, max(1, round(height * _WIDTH / width)))
    return grid([("", picture), *painted], size, _COLUMNS)


def _open(name: str) -> Style:
    return open_style(Settings.model_validate({"style": name}))


def grid(pictures: Sequence[tuple[str, Rgb]], size: tuple[int, int], columns: int) -> Rgb:
    """Put pictures in rows, each above its name.

    Args:
        pictures: names, and pictures (H, W, 3) uint8, 0–255, RGB, of any sizes.
        size: (width, height) of each on the sheet, px.
        columns: pictures in a row.

    Returns:
        The sheet, (h, w, 3) uint8, 0–255, RGB, on white.
    """
    rows = ceil(len(pictures) / columns)
    sheet = np.full((rows * (size[1] + _LABEL), columns * size[0], 3), 255, np.uint8)
    for number, (name, picture) in enumerate(pictures):
        top, left = number // columns * (size[1] + _LABEL), number % columns * size[0]
        how = cv2.INTER_AREA if picture.shape[1] > size[0] else cv2.INTER_CUBIC
        sheet[top : top + size[1], left : left + size[0]] = resized(picture, size, how)
        place = (left + 6, top + size[1] + _LABEL - 9)
        font, black = cv2.FONT_HERSHEY_SIMPLEX, (0, 0, 0)
        cv2.putText(sheet, name, place, font, 0.55, black, 1, cv2.LINE_AA)
    return sheet

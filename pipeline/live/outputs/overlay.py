"""What is drawn over a live picture for who watches it: source beside it, figures, help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from ...core.frame import Rgb, as_rgb
from ..controls import Compare
from ..stats import Reading
from .output import OutputFrame

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def compose(item: OutputFrame, compare: Compare, wipe: float) -> Rgb:
    """A picture of its own: the painting, with its source as asked for, and the notice."""
    painting, source = as_rgb(item.frame.picture), item.frame.source
    if compare == "off":
        picture = painting.copy()
    elif compare == "side":
        picture = np.hstack([as_rgb(source), painting])
    else:
        picture = painting.copy()
        line = round(wipe * picture.shape[1])
        picture[:, :line] = as_rgb(source)[:, :line]
        picture[:, max(0, line - 1) : line + 1] = 255
    if item.notice:
        _notice(picture, item.notice)
    return picture


def status_lines(
    reading: Reading, style: str, strength: float, active_switches: Sequence[str]
) -> list[str]:
    """The lines that say how it goes."""
    scale = "" if reading.scale >= 1 else f", painted at {reading.scale:.0%}"
    return [
        " ".join([style, f"{strength:.1f}", *active_switches]),
        f"{reading.output_fps:.1f} of {reading.captured_fps:.1f} frames/s, "
        f"{reading.latency * 1000:.0f} ms, {reading.dropped} dropped, {reading.device}{scale}",
    ]


def draw_lines(picture: Rgb, lines: Sequence[str]) -> None:
    """Lines in the upper left corner, with a shadow so that they are read on anything."""
    scale, step = _sizes(picture, len(lines))
    widest = max((_width(line, 1.0) for line in lines), default=1)
    scale = min(scale, (picture.shape[1] - step) / widest)
    for number, line in enumerate(lines):
        _text(picture, line, (step // 2, step * (number + 1)), scale)


def _notice(picture: Rgb, text: str) -> None:
    scale, step = _sizes(picture, 1)
    height = picture.shape[0]
    band = picture[height - 2 * step :]
    np.copyto(band, band // 4)
    room = picture.shape[1] - step
    while len(text) > 8 and _width(text, scale) > room:
        text = text[:-4] + "..."
    _text(picture, text, (step // 2, height - step // 2 - step // 4), scale)


def _sizes(picture: Rgb, count: int) -> tuple[float, int]:
    """Of letters, and from line to line, px, so that so many lines have room."""
    height = picture.shape[0]
    step = min(max(18, height // 26), height // (count + 1))
    return step / 34, step


def _width(text: str, scale: float) -> int:
    return cv2.getTextSize(text, _FONT, scale, 1)[0][0]


def _text(picture: Any, text: str, at: tuple[int, int], scale: float) -> None:
    plain = text.encode("ascii", "replace").decode()
    rim = max(1, round(1.5 * scale))
    # Thicker letters are wider ones to OpenCV 5, and no shadow of these.
    for x, y in ((-rim, 0), (rim, 0), (0, -rim), (0, rim), (rim, rim)):
        cv2.putText(picture, plain, (at[0] + x, at[1] + y), _FONT, scale, (0, 0, 0), 1, cv2.LINE_AA)
    cv2.putText(picture, plain, at, _FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)

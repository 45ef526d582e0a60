"""What is drawn over a live picture for the viewer: the source for comparison, statistics, help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from ...core.frame import Picture, Rgb, as_rgb, resized
from ...imaging.resize import Size, resize_picture, scaled_size
from ..controls import Compare, State
from ..stats import Reading
from .output import OutputFrame

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WORTH = 0.9  # of a side: to reduce a picture by less spares nothing


def reduced(item: OutputFrame, compare: Compare, width: float) -> OutputFrame:
    """Reduce a frame to the size at which it is displayed, which spares work.

    Args:
        item: the frame; it is not changed.
        compare: the way in which the source is displayed.
        width: at which it is displayed with its source, px.
    """
    picture = item.frame.picture
    factor = width / picture.shape[1] / (2 if compare == "side" else 1)
    if factor > _WORTH:
        return item
    size = scaled_size(picture.shape[0], picture.shape[1], factor)
    source = item.frame.source if compare == "off" else _at_size(item.frame.source, size)
    return replace(item, frame=replace(item.frame, source=source, painted=_at_size(picture, size)))


def _at_size(picture: Picture, size: Size) -> Picture:
    """The picture reduced to (height, width), quickly: it is displayed once, and nothing else."""
    if 2 * size[0] < picture.shape[0]:
        return resize_picture(picture, size)
    return resized(picture, (size[1], size[0]), cv2.INTER_LINEAR)


def compose(item: OutputFrame, compare: Compare, wipe: float) -> Rgb:
    """Compose the picture for a viewer: the painting, its source if compared, and the notice.

    Args:
        item: the frame; it is not changed.
        compare: the way in which the source is displayed.
        wipe: the place where the source ends and the painting begins, 0–1 of the width.

    Returns:
        A new picture, (H, W, 3) uint8, 0–255, RGB; twice as wide for ``side``.
    """
    painting, source = as_rgb(item.frame.picture), item.frame.source
    if compare == "off":
        picture = painting.copy() if painting is item.frame.picture else painting
    elif compare == "side":
        picture = np.hstack([as_rgb(source), painting])
    else:
        picture = painting.copy()
        column = round(wipe * picture.shape[1])
        picture[:, :column] = as_rgb(source)[:, :column]
        picture[:, max(0, column - 1) : column + 1] = 255
    if item.notice:
        _draw_notice(picture, item.notice)
    return picture


def status_lines(
    reading: Reading, style: str, strength: float, switches: Sequence[str]
) -> list[str]:
    """List the lines of text about the live run.

    Args:
        reading: the statistics.
        style: name of the style.
        strength: the strength of the style, 0–1.
        switches: words for what is switched on; see ``active_switches``.
    """
    scale = "" if reading.scale >= 1 else f", painted at {reading.scale:.0%}"
    return [
        " ".join([style, f"{strength:.1f}", *switches]),
        f"{reading.output_fps:.1f} of {reading.captured_fps:.1f} frames/s, "
        f"{reading.latency * 1000:.0f} ms, {reading.dropped} dropped, {reading.device}{scale}",
    ]


def active_switches(state: State) -> list[str]:
    """List words for what is switched on."""
    switches = {
        "steady": state.steady,
        "mirror": state.mirror,
        "PAUSED": state.paused,
        "RECORDING": state.recording,
    }
    return [word for word, is_on in switches.items() if is_on]


def draw_lines(picture: Rgb, lines: Sequence[str]) -> None:
    """Draw text into the upper left corner, with an outline that is legible on any picture.

    Args:
        picture: (H, W, 3) uint8, 0–255, RGB; changed in place.
        lines: the lines of text, from the top; the letters shrink until all fit.
    """
    scale, line_height = _text_size(picture, len(lines))
    widest = max((_text_width(line, 1.0) for line in lines), default=1)
    scale = min(scale, (picture.shape[1] - line_height) / widest)
    for number, line in enumerate(lines):
        _draw_text(picture, line, (line_height // 2, line_height * (number + 1)), scale)


def _draw_notice(picture: Rgb, text: str) -> None:
    """Darken the lower edge and write the text there, cut where it is too long."""
    scale, line_height = _text_size(picture, 1)
    height = picture.shape[0]
    band = picture[height - 2 * line_height :]
    np.copyto(band, band // 4)
    room = picture.shape[1] - line_height
    while len(text) > 8 and _text_width(text, scale) > room:
        text = text[:-4] + "..."
    _draw_text(
        picture, text, (line_height // 2, height - line_height // 2 - line_height // 4), scale
    )


def _text_size(picture: Rgb, count: int) -> tuple[float, int]:
    """Scale of the letters and height of a line, px, so that ``count`` lines fit."""
    height = picture.shape[0]
    line_height = min(max(18, height // 26), height // (count + 1))
    return line_height / 34, line_height


def _text_width(text: str, scale: float) -> int:
    return cv2.getTextSize(text, _FONT, scale, 1)[0][0]


def _draw_text(picture: Rgb, text: str, at: tuple[int, int], scale: float) -> None:
    """Draw white letters with a black outline; ``at``: left end of the baseline, x and y, px."""
    plain = text.encode("ascii", "replace").decode()
    rim = max(1, round(1.5 * scale))
    # OpenCV 5 draws thicker letters wider, so they are no outline of the thin ones.
    for x, y in ((-rim, 0), (rim, 0), (0, -rim), (0, rim), (rim, rim)):
        cv2.putText(picture, plain, (at[0] + x, at[1] + y), _FONT, scale, (0, 0, 0), 1, cv2.LINE_AA)
    cv2.putText(picture, plain, at, _FONT, scale, (255, 255, 255), 1, cv2.LINE_AA)

"""Single frames of a film, as they are, for the page."""

from __future__ import annotations

import threading
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from ..core.errors import SourceError
from ..core.frame import Frame, Rgb, Span
from ..imaging.resize import resize_area
from ..media.images import read_picture
from .probe import open_clip

_CACHED = 12  # frames
_lock = threading.Lock()
_frames: OrderedDict[tuple[Path, int, int], Rgb] = OrderedDict()
_QUALITY = 88


def still(path: Path, seconds: float) -> Rgb:
    """Read the frame that is displayed at a time: (H, W, 3) uint8, 0–255, RGB; do not change it.

    Args:
        path: the film.
        seconds: after its first frame; after the end, the last frame is read.

    Raises:
        SourceError: the film can't be read.
    """
    key = (path, path.stat().st_mtime_ns, round(seconds * 1000))
    with _lock:
        if key in _frames:
            _frames.move_to_end(key)
            return _frames[key]
    rgb = _read(path, Fraction(key[2], 1000))
    with _lock:
        _frames[key] = rgb
        while len(_frames) > _CACHED:
            _frames.popitem(last=False)
    return rgb


def _read(path: Path, seconds: Fraction) -> Rgb:
    source = open_clip(path)
    info = source.info
    seconds = max(Fraction(0), seconds)
    if info.duration is not None:
        seconds = min(seconds, info.duration)
    time = info.start + seconds
    # Most films have a frame at least so often; where none is found, all before is read.
    for back in (2 / info.rate, Fraction(2), seconds + 1):
        begin = max(info.start, time - back)
        last: Frame | None = None
        frames = source.frames(Span(begin, None))
        for frame in frames:
            if last is not None and frame.time > time:
                break
            last = frame
        frames.close()
        if last is not None:
            return last.rgb
    raise SourceError(f"{path.name} has no frames")


def painting_jpeg(path: Path, height: int) -> bytes:
    """Encode a picture file as a JPEG; see ``jpeg_of``.

    Raises:
        SourceError: it can't be read.
    """
    return jpeg_of(read_picture(path), height)


def jpeg_of(rgb: Rgb, height: int) -> bytes:
    """Encode a frame as a JPEG, reduced to ``height`` px if it is larger.

    Args:
        rgb: (H, W, 3) uint8, 0–255, RGB.
        height: px; from 1.
    """
    if rgb.shape[0] > height:
        width = max(1, round(rgb.shape[1] * height / rgb.shape[0]))
        rgb = np.ascontiguousarray(resize_area(rgb, (height, width)))
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()

"""Open the source that a user typed as INPUT."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from ..core.errors import SettingsError, SourceError
from ..core.files import PICTURE_SUFFIXES
from ..core.frame import ALL, Frame, Rgb, Span
from ..core.units import parse_time
from .images import PictureSource, pictures_in, pictures_like
from .source import Source
from .video import VideoSource


def open_source(
    name: str, size: str | None = None, fps: Fraction = Fraction(25), stream: int | None = None
) -> Source:
    """Open a video file, a picture, a folder of pictures or a pattern of pictures.

    Args:
        name: a path, or a pattern with ``*``, ``?`` or ``%05d``.
        size: ``WxH`` or ``720p``; ``None``: the source's own.
        fps: frames per second of pictures.
        stream: index of the video stream that is read; ``None``: the best one.

    Raises:
        SourceError: nothing is there, or it has no picture.
    """
    if not name:
        raise SourceError("the input has no name; give a video file, a picture or a folder")
    path = Path(name)
    if path.is_dir():
        return PictureSource(name, pictures_in(path), size, fps)
    if path.is_file():
        if path.suffix.lower() in PICTURE_SUFFIXES:
            return PictureSource(name, [path], size, fps)
        return VideoSource(path, size, stream)
    if path.exists():
        raise SourceError(f"input {name or '(no name)'} is neither a file nor a folder")
    if path.suffix.lower() in {*PICTURE_SUFFIXES, ""} and re.search(r"[*?\[]|%0?\d*d", name):
        return PictureSource(name, pictures_like(name), size, fps)
    raise SourceError(f"input {name} does not exist")


_LONGEST = 5  # seconds for which a frame is displayed, at most


def frame_at(source: str, time: str) -> Rgb:
    """Read the frame of ``source`` at ``time``: (H, W, 3) uint8, 0–255, RGB.

    Raises:
        SourceError: there is no frame at that time.
        SettingsError: ``time`` is not a time.
    """
    try:
        target = parse_time(time)
    except ValueError as error:
        raise SettingsError(f"--at {time} is not a time; write seconds or MM:SS") from error
    opened = open_source(source)
    last: Frame | None = None
    begin = opened.info.start + max(Fraction(0), target - _LONGEST)
    for frame in opened.frames(Span(begin, None) if target > _LONGEST else ALL):
        if last is not None and frame.time - opened.info.start > target:
            return last.rgb
        last = frame
    if last is None or last.time + _duration(last, opened) < opened.info.start + target:
        raise SourceError(f"{source} has no frame at {time}")
    return last.rgb


def _duration(frame: Frame, source: Source) -> Fraction:
    """Seconds for which a frame is displayed."""
    return frame.duration * frame.time_base or 1 / source.info.rate


def first_picture(path: Path) -> Rgb:
    """Read a picture, or a video's first frame: (H, W, 3) uint8, 0–255, RGB.

    Raises:
        SourceError: the file can't be read.
    """
    return next(iter(open_source(str(path)).frames())).rgb

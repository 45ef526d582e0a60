"""From what a user types as INPUT to the source that it names."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from .errors import SourceError
from .pictures import PICTURE_SUFFIXES, PictureSource, pictures_in, pictures_like
from .source import Source
from .video import VideoSource


def open_source(name: str, size: str | None = None, fps: Fraction = Fraction(25)) -> Source:
    """The source that ``name`` names: a video file, a picture, a folder or a pattern of pictures.

    Args:
        name: a path, or a pattern with ``*``, ``?`` or ``%05d``.
        size: ``WxH`` or ``720p``; ``None`` keeps the source's own.
        fps: frames per second of pictures.

    Raises:
        SourceError: nothing is there, or it holds no picture.
    """
    if not name:
        raise SourceError("the input has no name; give a video file, a picture or a folder")
    path = Path(name)
    if path.is_dir():
        return PictureSource(name, pictures_in(path), size, fps)
    if path.is_file():
        if path.suffix.lower() in PICTURE_SUFFIXES:
            return PictureSource(name, [path], size, fps)
        return VideoSource(path, size)
    if path.exists():
        raise SourceError(f"input {name or '(no name)'} is neither a file nor a folder")
    if path.suffix.lower() in {*PICTURE_SUFFIXES, ""} and re.search(r"[*?\[]|%0?\d*d", name):
        return PictureSource(name, pictures_like(name), size, fps)
    raise SourceError(f"input {name} does not exist")

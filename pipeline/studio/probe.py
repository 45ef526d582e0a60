"""What a file of the folder is: opened as a render opens it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av

from ..core.errors import SourceError, reason
from ..media.animation import AnimationSource
from ..media.container import open_container
from ..media.images import picture_size
from ..media.inputs import open_source
from ..media.source import Source
from ..media.video import VideoSource

CLIP_SUFFIXES = frozenset(
    f".{word}"
    for word in [
        "3gp",
        "apng",
        "asf",
        "avi",
        "flv",
        "gif",
        "m2ts",
        "m4v",
        "mkv",
        "mov",
        "mp4",
        "mpeg",
        "mpg",
        "mts",
        "mxf",
        "ogv",
        "ts",
        "vob",
        "webm",
        "webp",
        "wmv",
        "y4m",
    ]
)
"""Endings of the films that the page takes."""

_CONTAINERS = frozenset(
    [
        "3g2",
        "3gp",
        "apng",
        "asf",
        "avi",
        "flv",
        "gif",
        "m4a",
        "matroska",
        "mj2",
        "mov",
        "mp4",
        "mpeg",
        "mpegts",
        "mxf",
        "nut",
        "ogg",
        "webm",
        "webp_pipe",
        "yuv4mpegpipe",
    ]
)
"""FFmpeg's names of the files that hold their own pictures. A playlist (hls, concat, dash) names
other files and addresses, whatever its own name is."""


@dataclass(frozen=True)
class Facts:
    """What is known of a clip."""

    width: int
    height: int
    rate: float
    """Frames per second."""
    seconds: float | None
    """``None``: its header does not say."""
    frames: int | None
    """``None``: its header does not say."""
    sound: bool


def open_clip(path: Path) -> Source:
    """Open a film as a render does.

    Raises:
        SourceError: it is no film.
    """
    source = open_source(str(path))
    if not isinstance(source, (VideoSource, AnimationSource)):
        raise SourceError(f"{path.name} is a picture, not a film")
    return source


def clip_facts(path: Path) -> Facts:
    """Read what a film is.

    Raises:
        SourceError: it is none, or a playlist of other files.
    """
    sound = False
    if path.suffix.lower() not in (".webp", ".apng"):
        sound = _has_sound(path)
    info = open_clip(path).info
    seconds = None if info.duration is None else float(info.duration)
    rate = float(info.rate)
    return Facts(info.width, info.height, rate, seconds, info.frames, sound)


def check_painting(path: Path) -> None:
    """Read a picture whole.

    Raises:
        SourceError: it is none.
    """
    picture_size(path)


def _has_sound(path: Path) -> bool:
    try:
        with open_container(path) as container:
            kinds = set(container.format.name.split(","))
            if not kinds & _CONTAINERS:
                raise SourceError(f"{path.name} is a list of other files ({', '.join(kinds)})")
            return bool(container.streams.audio)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise SourceError(f"{path.name} is no film that can be read: {reason(error)}") from error

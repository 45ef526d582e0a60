"""Open the source that a user typed as INPUT."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from ..core.address import file_name, is_remote
from ..core.errors import SettingsError, SourceError, reason
from ..core.frame import ALL, Frame, Rgb, Span
from ..core.units import parse_time
from .animation import AnimationSource, is_animation
from .film_pictures import READ_SUFFIXES
from .images import PictureSource
from .pipe import PIPE, PipedFile, is_pipe
from .remote import RemoteFile
from .sequence import pictures_in, pictures_like, without_gaps
from .source import AS_USUAL, Reading, Source
from .video import VideoSource


def open_source(
    name: str,
    size: str | None = None,
    fps: Fraction = Fraction(25),
    reading: Reading = AS_USUAL,
    raw: str | None = None,
    spool: Path | None = None,
) -> Source:
    """Open a video file, a pipe, a picture, a folder of pictures or a pattern of pictures.

    Args:
        name: a path, ``-``, a pattern with ``*``, ``?`` or ``%05d``; or a film's address.
        size: ``WxH`` or ``720p``; ``None``: the source's own.
        fps: frames per second of pictures and of raw video.
        reading: how the pictures are read.
        raw: ``WxH`` of raw video, RGB in 8 bits, from a pipe.
        spool: the folder in which the bytes of a pipe are written aside.

    Raises:
        SourceError: nothing is there, or it has no picture.
    """
    if not name:
        raise SourceError("the input has no name; give a video file, a picture or a folder")
    if is_pipe(name):
        return _open_pipe(name, size, fps, reading, raw, spool)
    if is_remote(name):
        return _open_remote(name, size, reading)
    path = Path("/dev/stdin" if name == PIPE else name)
    if path.is_dir():
        paths = without_gaps(name, pictures_in(path), reading.hold_gaps)
        return PictureSource(name, paths, size, fps)
    if path.is_file():
        if path.suffix.lower() in READ_SUFFIXES:
            if is_animation(path):
                return AnimationSource(path, size)
            return PictureSource(name, [path], size, fps)
        return VideoSource(path, size, reading)
    if path.exists():
        raise SourceError(f"input {name or '(no name)'} is neither a file nor a folder")
    if path.suffix.lower() in {*READ_SUFFIXES, ""} and re.search(r"[*?\[]|%0?\d*d", name):
        paths = without_gaps(name, pictures_like(name), reading.hold_gaps)
        return PictureSource(name, paths, size, fps)
    raise SourceError(f"input {name} does not exist")


def _open_remote(name: str, size: str | None, reading: Reading) -> VideoSource:
    if Path(file_name(name)).suffix.lower() in READ_SUFFIXES:
        raise SourceError(f"{name} is a picture: only films are read from an address; copy it here")
    return VideoSource(RemoteFile(name), size, reading)


def _open_pipe(
    name: str,
    size: str | None,
    fps: Fraction,
    reading: Reading,
    raw: str | None,
    spool: Path | None,
) -> VideoSource:
    options: dict[str, str] = {}
    if raw is not None:
        video = {"pixel_format": "rgb24", "video_size": raw, "framerate": str(fps)}
        options = {"format": "rawvideo", **video}
    try:
        pipe = PipedFile(name, spool, options)
    except OSError as error:
        raise SourceError(f"{name} can't be read: {reason(error)}") from error
    try:
        return VideoSource(pipe, size, reading)
    except SourceError as error:
        hint = (
            "pipe y4m, NUT, Matroska, MPEG-TS or streamable MP4, or give the size: --raw 1280x720"
        )
        raise SourceError(f"{error}; {hint}") from error


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

"""Write files completely or not at all, find unused names, and name contents by their digest."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path

import av

from .errors import SinkError, reason
from .placement import put_in_place, real_path

PICTURE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".exr"}
)
"""Endings of the picture files that can be read and written, in lower case."""

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The system's codes of a disk that is full, and of a file that may not grow."""


_LONGEST_NAME = 255
"""Bytes of a file's name on the usual disks."""


def neighbour(path: Path, name: str, ending: str, spare: int = 0) -> Path:
    """The file ``name`` + ``ending`` beside ``path``; a name too long for the disk is shortened.

    A digest of the whole name takes the place of what is cut off: names that differ stay different.

    Args:
        path: the other file.
        name: what may be shortened.
        ending: what may not.
        spare: bytes that something else adds to the name.
    """
    room = _LONGEST_NAME - len(os.fsencode(ending)) - spare
    whole = os.fsencode(name)
    if len(whole) > room:
        check = "-" + digest([whole])[:8]
        while len(os.fsencode(name)) > room - len(check):
            name = name[:-1]
        name += check
    return path.with_name(name + ending)


def unused_path(path: Path) -> Path:
    """``path`` if nothing is there, else ``name-2.ext``, ``name-3.ext`` … that is unused."""
    names = (neighbour(path, path.stem, f"-{n}{path.suffix}") for n in count(2))
    return next(p for p in chain([path], names) if not p.exists())


def unfinished_path(path: Path) -> Path:
    """The hidden file ``.name.part`` beside ``path``, which is written before it is renamed."""
    return neighbour(path, f".{path.name}", ".part")


def digest(parts: Iterable[bytes]) -> str:
    """SHA-256 of all parts one after the other: 64 hexadecimal digits."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part)
    return total.hexdigest()


@contextmanager
def writing(target: Path) -> Generator[None]:
    """Turn the failures of writing ``target`` into one line.

    Raises:
        SinkError: the disk is full, the folder can't be written, or the encoder refused.
    """
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        if error.errno in NO_SPACE:
            raise SinkError(f"no space left for {target}; free some, or write elsewhere") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR):
            raise SinkError(f"folder {target.parent} can't be written; choose another") from error
        raise SinkError(f"{target} can't be written: {reason(error)}") from error


@contextmanager
def atomic_write(path: Path) -> Generator[Path]:
    """Give a file next to ``path`` to write to, and rename it to ``path`` at the end.

    If anything is raised, that file is removed and ``path`` stays as it was. What is finished and
    can't be put there gets an unused name beside it.

    Raises:
        SinkError: the file can't be written.
    """
    place = real_path(path)  # what a link points to is replaced, not the link
    part = unfinished_path(place)
    with writing(path):
        try:
            yield part
            try:
                put_in_place(part, place)
            except OSError as error:
                other = unused_path(place)
                put_in_place(part, other)
                why = f"{path} can't be written: {reason(error)}"
                raise SinkError(f"{why}; what was made is in {other}") from error
        finally:
            part.unlink(missing_ok=True)

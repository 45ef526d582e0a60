"""Write files whole or not at all, and find unused names."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path

import av

from .errors import SinkError, reason


def unused_path(path: Path) -> Path:
    """The path, or with the first number at the end of its name with which nothing is there."""
    names = (path.with_name(f"{path.stem}-{n}{path.suffix}") for n in count(2))
    return next(p for p in chain([path], names) if not p.exists())


PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})


@contextmanager
def writing(target: Path) -> Generator[None]:
    """Turn the failures of writing ``target`` into one line.

    Raises:
        SinkError: the disk is full, the folder can't be written, the encoder refused.
    """
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise SinkError(f"no space left for {target}; free some, or write elsewhere") from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR):
            raise SinkError(f"folder {target.parent} can't be written; choose another") from error
        raise SinkError(f"{target} can't be written: {reason(error)}") from error


@contextmanager
def atomic_write(path: Path) -> Generator[Path]:
    """A file beside ``path`` to write to; it takes that name if nothing is raised, else it goes.

    Raises:
        SinkError: it can't be written.
    """
    aside = path.with_name("." + path.name + ".part")
    with writing(path):
        try:
            yield aside
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)

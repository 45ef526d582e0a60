"""Put finished work in its place: behind a link, on a mounted disk, where no file is renamed."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

# A mounted file or folder, and folders of layered disks, can be filled but not exchanged.
_NOT_EXCHANGED = frozenset({errno.EBUSY, errno.EXDEV})


def real_path(path: Path) -> Path:
    """The place to which ``path`` leads through links, whether anything is there or not."""
    return Path(os.path.realpath(path))


def work_parent(target: Path) -> Path:
    """The folder for the work on ``target``: on its disk, so that the last move is a rename."""
    real = real_path(target)
    mounted = real.is_dir() and (real.is_mount() or not os.access(real.parent, os.W_OK))
    return real if mounted else real.parent


def put_in_place(result: Path, place: Path) -> None:
    """Move a finished file or folder to ``place``, and replace what is there.

    It is one rename where the disk can. Else it is copied.

    Raises:
        OSError: it can't be done; ``result`` is as it was.
    """
    if result.is_dir():
        _put_folder(result, place)
    else:
        _put_file(result, place)


def _put_file(result: Path, place: Path) -> None:
    try:
        result.replace(place)
    except OSError as error:
        if place.exists():
            if error.errno not in _NOT_EXCHANGED:
                raise
            shutil.copyfile(result, place)
        else:
            _copy_new(result, place)
        result.unlink(missing_ok=True)


def _copy_new(result: Path, place: Path) -> None:
    """Copy to where nothing is."""
    with place.open("xb") as out:
        try:
            with result.open("rb") as file:
                shutil.copyfileobj(file, out)
            out.flush()
        except OSError:
            place.unlink(missing_ok=True)
            raise


def _put_folder(result: Path, place: Path) -> None:
    aside = result.with_name("replaced")
    try:
        if place.exists():
            place.rename(aside)
    except OSError:
        _fill(result, place)
        return
    try:
        result.replace(place)
    except OSError:
        if aside.exists():
            aside.rename(place)
        _fill(result, place)


def _fill(result: Path, place: Path) -> None:
    """Put the files of ``result`` into ``place``, and remove the files that were there."""
    place.mkdir(exist_ok=True)
    names = [entry.name for entry in sorted(result.iterdir())]
    for name in names:
        _put_file(result / name, place / name)
    for entry in place.iterdir():
        if entry.is_file() and entry.name not in names:
            entry.unlink()

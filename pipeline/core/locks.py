"""A lock file that shows whether the process that locked it still lives."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_WRITE = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)


class LockedError(Exception):
    """Another process that lives has the lock; its text names that, where it is known."""


@contextmanager
def folder_lock(folder: Path, name: str) -> Generator[None]:
    """Make a folder, and hold the lock in it for the time of the block. Any death lets go of it.

    Args:
        folder: made where it does not exist. Who holds the lock may remove it.
        name: of the lock file.

    Raises:
        LockedError: another process has it.
        OSError: the folder can't be made.
    """
    descriptor = _locked(folder, name)
    try:
        yield
    finally:
        os.close(descriptor)


def _locked(folder: Path, name: str) -> int:
    """The descriptor of the lock file, locked."""
    while True:
        folder.mkdir(exist_ok=True)
        path = folder / name
        try:
            descriptor = os.open(path, _WRITE, 0o644)
        except FileNotFoundError:  # whoever had it is just removing the folder
            continue
        try:
            _lock_file(descriptor)
            if _is_there(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock_file(descriptor: int) -> None:
    try:
        _lock(descriptor)
    except (BlockingIOError, PermissionError) as error:
        with suppress(OSError, ValueError):
            os.lseek(descriptor, 0, os.SEEK_SET)
            raise LockedError(f"process {int(os.read(descriptor, 20))}") from error
        raise LockedError("another process") from error
    except OSError:  # a disk that has no locks
        pass
    os.truncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())


def _is_there(path: Path, descriptor: int) -> bool:
    """Whether the file is still the one of that name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False

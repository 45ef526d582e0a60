"""A lock file that shows whether the process that wrote it still lives."""

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


_WRITE = os.O_RDWR | getattr(os, "O_BINARY", 0)


@contextmanager
def held_lock(path: Path) -> Generator[None]:
    """Create a lock file and hold it for the time of the block. The system lets go at any death.

    Raises:
        OSError: the file can't be created.
    """
    descriptor = os.open(path, _WRITE | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        with suppress(OSError):  # a disk that has no locks
            _lock(descriptor)
            os.write(descriptor, b"locked\n")  # only a file with something in it counts
        yield
    finally:
        os.close(descriptor)


@contextmanager
def taken_over(path: Path) -> Generator[bool]:
    """Take the lock of a process that has died: true if it has; held for the time of the block."""
    try:
        descriptor = os.open(path, _WRITE)
    except OSError:  # there is none: nothing is known of who made it
        yield False
        return
    try:
        yield _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    if not os.fstat(descriptor).st_size:
        return False
    try:
        _lock(descriptor)
    except OSError:
        return False
    return True

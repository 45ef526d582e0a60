"""A watched folder: its films and pictures, each when nothing writes it any more."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import av

from ..core.errors import SettingsError, StylizeError
from ..media.film_pictures import READ_SUFFIXES
from ..media.header import is_cut
from ..media.images import is_whole
from ..media.source_file import SourceFile
from .inputs import Input, files_below, is_media, is_same

AT_REST = 5.0
"""Seconds for which a file must not have changed before it is begun."""

PATIENCE = 30.0
"""Seconds for which one must not have changed that can't be read as a whole film or picture: the
copying may be making a pause."""

POLL = 1.0
"""Seconds between two looks at the folder."""

_State = tuple[int, int]
"""Size in bytes, and time of the last change in ns."""


@dataclass
class _Seen:
    state: _State
    since: float
    """When it was first seen so, s on the monotonic clock."""
    given: bool = False


class WatchedFolder:
    """The films and pictures that come into a folder; one that changes later comes again.

    Args:
        folder: which is looked at again and again.
        to: the folder of the results; what is in it is no input.

    Raises:
        SettingsError: there is no such folder, or the results would be put into it.
    """

    def __init__(self, folder: Path, to: Path) -> None:
        if not folder.is_dir():
            raise SettingsError(f"--watch {folder} is no folder; create it first: mkdir {folder}")
        if is_same(folder, to):
            raise SettingsError(
                f"--to {to} is the folder that is watched: results would be taken for inputs; give "
                "another folder"
            )
        self._folder = folder
        self._to = to
        self._seen: dict[Path, _Seen] = {}

    def files(self) -> Generator[Input | None]:
        """The next file that is complete, without end; ``None``: there is none at the moment."""
        while True:
            ready = [path for path in self._media() if self._is_ready(path)]
            for path in ready:
                self._seen[path].given = True
                yield Input(path, path.relative_to(self._folder))
            if not ready:
                yield None
                time.sleep(POLL)

    def _media(self) -> list[Path]:
        return [path for path in files_below(self._folder, self._to) if is_media(path)]

    def _is_ready(self, path: Path) -> bool:
        """Whether a file is new, and complete as far as can be seen."""
        try:
            status = path.stat()
        except OSError:
            return False
        state, now = (status.st_size, status.st_mtime_ns), time.monotonic()
        seen = self._seen.get(path)
        if seen is None or seen.state != state:
            self._seen[path] = seen = _Seen(state, now)
        rests = now - seen.since
        if seen.given or not status.st_size or rests < AT_REST or _is_being_written(path):
            return False
        return rests >= PATIENCE or _is_complete(path)


def _is_complete(path: Path) -> bool:
    """Whether a file can be read as a film or a picture, and none of it is missing."""
    try:
        if path.suffix.lower() in READ_SUFFIXES:
            return is_whole(path)
        file = SourceFile(path)
        with file.open() as container:
            return bool(container.streams.video) and not is_cut(file)
    except (av.FFmpegError, OSError, StylizeError):
        return False


def _is_being_written(path: Path) -> bool:
    """Whether a program of this machine has a file open to write it, where the system says so."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return sys.platform == "win32"  # elsewhere it is no sign of that
    try:
        return sys.platform == "linux" and _has_writers(descriptor)
    finally:
        os.close(descriptor)


if sys.platform == "linux":
    import fcntl
    import signal

    def _has_writers(descriptor: int) -> bool:
        """Ask for a lease, which Linux gives only on a file that nobody has open to write it."""
        try:
            # Whoever opens it at that moment makes the kernel send a signal: one that ends nothing.
            fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except BlockingIOError:
            return True
        except OSError:  # it is another user's file, or on a disk that has no leases
            pass
        return False
else:

    def _has_writers(descriptor: int) -> bool:
        return False

"""The file of a source: opened once, and read through that descriptor whatever happens to its name.

Between the plan and the join of a long film its file may be moved, deleted, or replaced by another.
"""

from __future__ import annotations

import io
import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from av.codec.hwaccel import HWAccel
from av.container import InputContainer

from .container import open_container

_SPOT = 4096  # bytes that are compared at each of three places
_PLACES = 4  # quarters: recorders rewrite the beginning and the end of a file that still grows


class MediaFile(Protocol):
    """What FFmpeg reads a source from: a file, here or elsewhere, or what came through a pipe."""

    name: str
    """For messages."""

    @property
    def is_truncated(self) -> bool:
        """It has become shorter since it was opened."""
        ...

    @property
    def is_overwritten(self) -> bool:
        """Other bytes were written into the same file since it was opened."""
        ...

    def open(self, hwaccel: HWAccel | None = None) -> InputContainer:
        """Open it once more with FFmpeg, from its beginning.

        Args:
            hwaccel: the hardware that decodes.

        Raises:
            av.FFmpegError, OSError: FFmpeg can't read it.
        """
        ...

    def open_buffered(self) -> InputContainer:
        """Open it for what can be read without waiting for more; see ``open``."""
        ...


class StoredFile(ABC):
    """A file whose bytes can be read in any order, here or elsewhere."""

    name: str
    """For messages."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes that it has."""

    @abstractmethod
    def read_at(self, offset: int, count: int) -> bytes:
        """Read up to ``count`` bytes at ``offset``; fewer at the end.

        Raises:
            OSError: the disk or the network failed, or is gone.
        """

    @abstractmethod
    def open(self, hwaccel: HWAccel | None = None) -> InputContainer:
        """See ``MediaFile.open``."""

    def open_buffered(self) -> InputContainer:
        """See ``MediaFile.open_buffered``: all of a file can be read."""
        return self.open()

    def reader(self) -> io.RawIOBase:
        """A reader of its own position, from the beginning."""
        return PositionedReader(self.read_at, lambda: self.size)


class SourceFile(StoredFile):
    """A file that stays open. What is deleted or replaced meanwhile is still read as it was.

    Args:
        path: the file.

    Raises:
        OSError: it can't be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        weakref.finalize(self, os.close, self._descriptor)
        self._positioned = threading.Lock()
        self._format: str | None = None
        self._size = os.fstat(self._descriptor).st_size
        self._spots = self._read_spots(self._size)

    def open(self, hwaccel: HWAccel | None = None) -> InputContainer:
        """See ``MediaFile.open``."""
        if self._is_in_place():
            container = open_container(self.path, hwaccel=hwaccel)
        else:
            container = open_container(self.reader(), format=self._format, hwaccel=hwaccel)  # pyright: ignore[reportArgumentType]
        self._format = container.format.name
        return container

    def read_at(self, offset: int, count: int) -> bytes:
        """See ``StoredFile.read_at``."""
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, count, offset)
        with self._positioned:  # Windows
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, count)

    @property
    def size(self) -> int:
        """See ``StoredFile``: that it has now."""
        return os.fstat(self._descriptor).st_size

    @property
    def is_truncated(self) -> bool:
        """See ``MediaFile``."""
        return self.size < self._size

    @property
    def is_overwritten(self) -> bool:
        """See ``MediaFile``."""
        now = self._read_spots(self.size)
        return any(a[: len(b)] != b[: len(a)] for a, b in zip(self._spots, now, strict=True))

    def _is_in_place(self) -> bool:
        try:
            there = self.path.stat()
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(self._descriptor))

    def _read_spots(self, size: int) -> list[bytes]:
        """Some bytes at a quarter, the half, and three quarters of the size that it had."""
        offsets = (self._size * part // _PLACES for part in range(1, _PLACES))
        try:
            return [self.read_at(o, min(_SPOT, max(0, size - o))) for o in offsets]
        except OSError:
            return [b""] * (_PLACES - 1)


class PositionedReader(io.RawIOBase):
    """A reader of its own position, for FFmpeg.

    Args:
        read_at: (offset, count) → up to so many bytes; empty at the end.
        size: how many there are in all.
    """

    def __init__(self, read_at: Callable[[int, int], bytes], size: Callable[[], int]) -> None:
        self._read_at = read_at
        self._size = size
        self._offset = 0

    def readable(self) -> bool:
        """See ``io.IOBase``."""
        return True

    def seekable(self) -> bool:
        """See ``io.IOBase``."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See ``io.RawIOBase``."""
        data = self._read_at(self._offset, len(buffer))
        buffer[: len(data)] = data
        self._offset += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """See ``io.IOBase``."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._offset}.get(whence)
        self._offset = (self._size() if base is None else base) + offset
        return self._offset

    def tell(self) -> int:
        """See ``io.IOBase``."""
        return self._offset

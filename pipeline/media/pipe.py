"""A source that can be read only once: standard input, or a named pipe.

What comes is written aside while it is decoded, so that the sound can be read for the join. Raw
video has no sound, and would fill the disk: of it only the beginning is kept.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
import tempfile
import threading
from functools import partial
from pathlib import Path
from typing import Any

from av.codec.hwaccel import HWAccel
from av.container import InputContainer

from ..core.errors import SourceError
from .container import open_container
from .source_file import PositionedReader

PIPE = "-"
"""Standard input or output, as it is typed."""

_RAW_FORMATS = frozenset({"yuv4mpegpipe", "rawvideo"})
_PATIENCE = 0.2  # s between two questions whether the run was stopped


def is_pipe(name: str) -> bool:
    """Whether an input can be read only once: ``-``, or a named pipe. ``-`` may also be a file."""
    if name == PIPE:
        return not stat.S_ISREG(_mode(sys.stdin.fileno()))
    return Path(name).is_fifo()


def _mode(descriptor: int) -> int:
    try:
        return os.fstat(descriptor).st_mode
    except OSError:
        return 0


class PipedFile:
    """The bytes of a pipe, as a ``MediaFile``: each reader begins at the first one.

    Args:
        name: ``-``, or a named pipe.
        folder: for what is written aside; ``None``: the system's temporary folder. It is freed at
            any end of the program.
        options: FFmpeg's format and its options, where the bytes do not say them.

    Raises:
        SourceError: standard input is a terminal.
        OSError: the pipe can't be opened.
    """

    is_truncated = False
    is_overwritten = False

    def __init__(
        self, name: str, folder: Path | None = None, options: dict[str, str] | None = None
    ) -> None:
        if name == PIPE and os.isatty(sys.stdin.fileno()):
            raise SourceError("standard input is a terminal; pipe a film into it")
        self.name = "standard input" if name == PIPE else name
        self._pipe = os.dup(sys.stdin.fileno()) if name == PIPE else os.open(name, os.O_RDONLY)
        self._spool = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self._options = dict(options or {})
        self._format = self._options.pop("format", None)
        self._spooled = 0
        self._ended = False
        self._gone = False
        self._probed = False
        self._pulling = threading.Lock()
        self._reading = threading.Lock()
        self.stop: threading.Event | None = None
        """When set, the pipe has ended, whatever may still come."""

    @property
    def is_raw(self) -> bool:
        """It is raw video: its frames can be read once."""
        return self._format in _RAW_FORMATS

    def open(self, hwaccel: HWAccel | None = None) -> InputContainer:
        """See ``MediaFile.open``. It waits for the bytes that it needs; the CPU decodes.

        Raises:
            av.FFmpegError, OSError: FFmpeg can't read it, or raw video was read already.
        """
        if self._gone:
            raise OSError(errno.ESPIPE, "raw video from a pipe can be read only once")
        return self._open(waits=True)

    def open_buffered(self) -> InputContainer:
        """See ``MediaFile.open_buffered``: it ends where no more bytes have come yet."""
        return self._open(waits=False)

    def _open(self, waits: bool) -> InputContainer:
        reader: Any = _Reader(self, waits, aside=not (waits and self._probed and self.is_raw))
        if self._ended and not self.is_raw:  # all of it is here
            reader = PositionedReader(partial(self.read_at, waits=False), lambda: self._spooled)
        container = open_container(reader, format=self._format, options=self._options)
        assert isinstance(container, InputContainer)
        self._format = container.format.name
        self._probed = True
        return container

    def read_at(self, offset: int, count: int, waits: bool) -> bytes:
        """Read up to ``count`` bytes at ``offset``, as many as there are; empty at the end."""
        while offset >= self._spooled and waits and not self._ended:
            with self._pulling:
                if offset >= self._spooled and not self._ended:
                    self._pull(count)
        with self._reading:
            self._spool.seek(offset)
            return self._spool.read(min(count, max(0, self._spooled - offset))) or b""

    def read_through(self, count: int) -> bytes:
        """Read on past what was written aside; nobody can read that again."""
        self._gone = True
        return self._next(count)

    def _pull(self, count: int) -> None:
        data = self._next(count)
        with self._reading:
            self._spool.seek(self._spooled)
            left = memoryview(data)
            while left:
                left = left[self._spool.write(left) :]
            self._spooled += len(data)

    def _next(self, count: int) -> bytes:
        """The next bytes of the pipe; empty at its end."""
        while not self._ended:
            if sys.platform != "win32" and not select.select([self._pipe], [], [], _PATIENCE)[0]:
                self._ended = self.stop is not None and self.stop.is_set()
                continue
            data = os.read(self._pipe, count)
            self._ended = not data
            return data
        return b""

    @property
    def spooled(self) -> int:
        """Bytes that were written aside."""
        return self._spooled


class _Reader:
    """Reads for FFmpeg, which can't seek in it."""

    def __init__(self, file: PipedFile, waits: bool, aside: bool) -> None:
        self._file = file
        self._waits = waits
        self._aside = aside
        self._offset = 0

    def read(self, count: int) -> bytes:
        file = self._file
        if not self._aside and self._offset >= file.spooled:
            return file.read_through(count)
        data = file.read_at(self._offset, count, self._waits)
        self._offset += len(data)
        return data

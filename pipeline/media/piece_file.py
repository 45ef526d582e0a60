"""The file into which FFmpeg writes a film, whose fragments are whole however it ends."""

from __future__ import annotations

import io
import logging
import os
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av

from ..core.files import writing

log = logging.getLogger(__name__)


class PieceFile(io.FileIO):
    """A new file. Each write is done as a whole or not at all, on a disk that becomes full too.

    FFmpeg takes no notice of a write that was done in part.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self._path = path
        self._failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Write all bytes or none.

        Raises:
            OSError: there is no space for them.
        """
        begin, left = self._position(), memoryview(data)
        try:
            while left:
                left = left[super().write(left) :]
        except OSError as error:
            self._failure = self._failure or error
            if begin is not None:
                with suppress(OSError):
                    self.truncate(begin)
            raise
        return len(data)

    @property
    def failed(self) -> bool:
        """A write has failed."""
        return self._failure is not None

    @contextmanager
    def writing(self, target: Path) -> Generator[None]:
        """See ``files.writing``; the first failure of this file is told, not what it led to."""
        with writing(target):
            try:
                yield
            except (av.FFmpegError, OSError):
                if self._failure is not None:
                    raise self._failure from None
                raise

    def restore(self) -> None:
        """Write the file once more if it was deleted while it was open, and its folder with it.

        Raises:
            OSError: it can't be written.
        """
        if self._path.exists():
            return
        folder = self._path.parent
        log.warning("%s was deleted during the run, and is made again", folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.seek(0)
        with self._path.open("wb") as out:
            shutil.copyfileobj(self, out)

    def _position(self) -> int | None:
        return self.tell()


class StandardOutput(PieceFile):
    """Standard output. What anything else prints there goes to standard error until ``close``."""

    def __init__(self) -> None:
        sys.stdout.flush()
        io.FileIO.__init__(self, os.dup(1), "w")
        self._failure = None
        os.dup2(2, 1)

    def seekable(self) -> bool:
        """See ``io.IOBase``: a file to which it leads is written from front to back, too."""
        return False

    def restore(self) -> None:
        """See ``PieceFile``: there is nothing to restore."""

    def close(self) -> None:
        """Give standard output back."""
        if not self.closed:
            with suppress(OSError):
                sys.stdout.flush()
            os.dup2(self.fileno(), 1)
        super().close()

    def _position(self) -> int | None:
        return None

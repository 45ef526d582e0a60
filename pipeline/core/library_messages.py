"""What C libraries print of damaged files: kept from the terminal, and asked for instead.

libjpeg, libpng, libtiff and OpenCV write to the file descriptor of standard error, in their own
words, and libjpeg says in no other way that a picture is damaged. A command has that descriptor
lead into a pipe, and gives Python's own standard error another one.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress

_STANDARD_ERROR = 2
_PIPE_SIZE = 1 << 16

_pipe: int | None = None  # where the libraries' messages can be read, while they are kept
_one_at_a_time = threading.Lock()


@contextmanager
def messages_kept_from_the_terminal() -> Generator[None]:
    """Within the block nothing but Python writes to the terminal; not where there is none."""
    global _pipe
    try:
        kept = os.dup(_STANDARD_ERROR)
    except OSError:  # it is closed
        yield
        return
    reader, writer = os.pipe()
    for end in (reader, writer):
        os.set_blocking(end, False)  # a full pipe loses messages: nobody waits
    before, number = sys.stderr, _pipe
    stream = io.TextIOWrapper(
        io.FileIO(kept, "w"), "utf-8", "backslashreplace", line_buffering=True
    )
    if _descriptor(before) == _STANDARD_ERROR:
        stream.reconfigure(encoding=before.encoding)
        sys.stderr = stream
    os.dup2(writer, _STANDARD_ERROR)
    os.close(writer)
    _pipe = reader
    try:
        yield
    finally:
        _pipe = number
        sys.stderr = before
        os.dup2(kept, _STANDARD_ERROR)
        os.close(reader)
        with suppress(OSError, ValueError):
            stream.close()


@contextmanager
def complaints() -> Generator[list[bytes]]:
    """The messages of the block, in the list after it; none where they are not kept.

    One block runs at a time, so that no picture gets the messages of another.
    """
    found: list[bytes] = []
    with _one_at_a_time:
        _drain()
        yield found
        found += _drain().splitlines()


def _drain() -> bytes:
    text = b""
    with suppress(OSError):  # there is nothing more
        while _pipe is not None and (part := os.read(_pipe, _PIPE_SIZE)):
            text += part
    return text


def _descriptor(stream: object) -> int | None:
    try:
        return stream.fileno()  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):  # no file, or closed
        return None

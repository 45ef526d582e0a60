"""Standard input, output and error: closed by the shell, or by a reader that goes away."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress

_MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


@contextmanager
def lasting_streams() -> Generator[None]:
    """For the time of the block, and at the program's end, all three streams can be used.

    A stream that is closed (``2>&-``) leads to nowhere. Else the next file that is opened would get
    its number, and what a library prints would be written into a film.
    """
    for number, (name, mode) in enumerate(_MODES.items()):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
    try:
        yield
    finally:
        _leave_nothing_unwritten()


def _leave_nothing_unwritten() -> None:
    """The interpreter writes the rest at its end, and complains where nobody reads it."""
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, number)
                os.close(nowhere)

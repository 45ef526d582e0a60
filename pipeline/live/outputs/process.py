"""A sink in a process of its own: whatever hangs there, nothing hangs here.

FFmpeg is called with Python's lock held while it connects to a server. One that accepts and never
answers would stop every thread of this process, and with them the picture.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from ...core.errors import SinkError
from ..audio import AudioBlock
from .output import LiveOutput, OutputFrame

_OPENS = 30.0  # seconds that it is given to be there
_HANGS = 20.0  # seconds that it is given to take what it got
_ENDS = 3.0  # seconds that it is given to finish


class ProcessOutput:
    """Runs a sink elsewhere; what it is given goes through a pipe, one thing at a time.

    Args:
        name: for what is said of it.
        make: opens the sink; can be pickled.

    Raises:
        SinkError: it can't be opened.
    """

    def __init__(self, name: str, make: Callable[[], LiveOutput]) -> None:
        self._name = name
        context = get_context("spawn")
        self._pipe, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, make), daemon=True)
        self._process.start()
        there.close()
        self._busy = True
        try:
            self._hear_of_it(_OPENS)
        except SinkError:
            self._end()
            raise

    def write_frame(self, item: OutputFrame) -> None:
        """See ``LiveOutput.write_frame``."""
        self._tell("frame", replace(item, frame=replace(item.frame, original=None)))

    def write_audio(self, block: AudioBlock) -> None:
        """See ``LiveOutput.write_audio``."""
        self._tell("audio", block)

    def close(self) -> None:
        """See ``LiveOutput.close``."""
        with suppress(SinkError):
            self._tell("close", None, _ENDS)
        self._process.join(_ENDS)
        self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()

    def _tell(self, action: str, what: Any, limit: float | None = None) -> None:
        if self._busy:  # to send while it takes nothing would wait without end
            self._hear_of_it(_HANGS if limit is None else limit)
        try:
            self._pipe.send((action, what))
            self._busy = True
        except OSError as error:
            self._hear_of_it(0)
            raise SinkError(f"{self._name} is gone") from error

    def _hear_of_it(self, limit: float) -> None:
        """Its word after what it was given last: that all is well, or what failed."""
        try:
            if not self._pipe.poll(limit):
                raise SinkError(f"{self._name} takes nothing: not a word for {limit:g} s")
            failed = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise SinkError(f"{self._name} is gone: its process has ended") from error
        self._busy = False
        if failed is not None:
            raise SinkError(failed)


def _serve(pipe: Connection, make: Callable[[], LiveOutput]) -> None:
    """In the other process: open the sink and pass on what comes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the first one closes this
    try:
        output = make()
        pipe.send(None)
        try:
            _pass_on(pipe, output)
        finally:
            output.close()
    except SinkError as error:
        with suppress(OSError):
            pipe.send(str(error))


def _pass_on(pipe: Connection, output: LiveOutput) -> None:
    with suppress(EOFError):  # who made it has gone
        while True:
            action, what = pipe.recv()
            if action == "close":
                return
            output.write_frame(what) if action == "frame" else output.write_audio(what)
            pipe.send(None)

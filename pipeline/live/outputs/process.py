"""A live output in a separate process: what hangs there does not hang the picture.

FFmpeg holds Python's lock while it connects to a server. A server that accepts and never answers
would stop every thread of this process, and the picture with them.
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

_OPEN_TIMEOUT = 30.0  # seconds that the output has to open
_WRITE_TIMEOUT = 20.0  # seconds that it has to take one frame or block
_CLOSE_TIMEOUT = 3.0  # seconds that it has to finish


class ProcessOutput:
    """Runs a live output in another process, and passes it one frame or block at a time.

    Args:
        name: the name of the output, for messages.
        open_output: opens it, in the other process; it is pickled.

    Raises:
        SinkError: it can't be opened.
    """

    def __init__(self, name: str, open_output: Callable[[], LiveOutput]) -> None:
        self._name = name
        context = get_context("spawn")
        self._pipe, child_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(child_end, open_output), daemon=True)
        self._process.start()
        child_end.close()
        self._busy = True
        try:
            self._wait_until_done(_OPEN_TIMEOUT)
        except SinkError:
            self._kill()
            raise

    def write_frame(self, item: OutputFrame) -> None:
        """See ``LiveOutput.write_frame``."""
        # Only what is displayed goes through the pipe.
        output = replace(item.frame, source=item.frame.picture, painted=None, motion=None)
        self._send("frame", replace(item, frame=output))

    def write_audio(self, block: AudioBlock) -> None:
        """See ``LiveOutput.write_audio``."""
        self._send("audio", block)

    def close(self) -> None:
        """See ``LiveOutput.close``."""
        with suppress(SinkError):
            self._send("close", None, _CLOSE_TIMEOUT)
        self._process.join(_CLOSE_TIMEOUT)
        self._kill()

    def _kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()

    def _send(self, action: str, value: Any, timeout: float | None = None) -> None:
        if self._busy:  # a send while the other process reads nothing could block forever
            self._wait_until_done(_WRITE_TIMEOUT if timeout is None else timeout)
        try:
            self._pipe.send((action, value))
            self._busy = True
        except OSError as error:
            self._wait_until_done(0)
            raise SinkError(f"{self._name} is gone") from error

    def _wait_until_done(self, timeout: float) -> None:
        """Wait for the answer to what was sent last: done, or the error that it raised."""
        try:
            if not self._pipe.poll(timeout):
                raise SinkError(f"{self._name} takes nothing: no answer for {timeout:g} s")
            failure = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise SinkError(f"{self._name} is gone: its process has ended") from error
        self._busy = False
        if failure is not None:
            raise SinkError(failure)


def _serve(pipe: Connection, open_output: Callable[[], LiveOutput]) -> None:
    """In the other process: open the output and write to it what comes through the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the first one closes this
    try:
        output = open_output()
        pipe.send(None)
        try:
            _write_all(pipe, output)
        finally:
            output.close()
    except SinkError as error:
        with suppress(OSError):
            pipe.send(str(error))


def _write_all(pipe: Connection, output: LiveOutput) -> None:
    with suppress(EOFError):  # the process that started this one has ended
        while True:
            action, value = pipe.recv()
            if action == "close":
                return
            output.write_frame(value) if action == "frame" else output.write_audio(value)
            pipe.send(None)

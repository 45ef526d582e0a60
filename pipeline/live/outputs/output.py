"""Live outputs: what one is, and the threads that run them so that none delays the others."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from ...core.concurrency import LatestQueue, RetryPauses, thread_name
from ...core.errors import SinkError, reason
from ...core.frame import Frame
from ..audio import AudioBlock

log = logging.getLogger(__name__)

_POLL = 0.05  # seconds that audio may wait where no frame comes
_AUDIO_BLOCKS = 500  # that may wait, about ten seconds
_PATIENCE = 3.0  # seconds that an output has to finish


@dataclass(frozen=True)
class OutputFrame:
    """A frame to write to the live outputs."""

    frame: Frame
    """Painted; its time is on the clock of the outputs."""
    notice: str = ""
    """A line for the viewer: why the picture stands still."""


class LiveOutput(Protocol):
    """Something that a live picture and its audio are written to."""

    def write_frame(self, item: OutputFrame) -> None:
        """Write the next frame.

        Raises:
            SinkError: the output is gone.
        """
        ...

    def write_audio(self, block: AudioBlock) -> None:
        """Write the next audio; an output without audio ignores it.

        Raises:
            SinkError: the output is gone.
        """
        ...

    def close(self) -> None:
        """Finish what was written.

        Raises:
            SinkError: it could not be finished.
        """
        ...


class OutputThread:
    """Runs a live output in a thread, opens it again when it fails, and never delays the caller.

    Args:
        name: the name of the output, for messages.
        open_output: opens it, in the thread; may take its time.
        reconnects: whether it is opened again after a failure; else the first failure is final.
        depth: frames that may wait; the oldest is dropped.
        on_output: called after each frame was written, with the time of its capture, seconds.
        blocking: the caller waits for room instead of dropping a frame.
    """

    def __init__(
        self,
        name: str,
        open_output: Callable[[], LiveOutput],
        reconnects: bool = True,
        depth: int = 1,
        on_output: Callable[[float], None] | None = None,
        blocking: bool = False,
    ) -> None:
        self.name = name
        self.failed: SinkError | None = None
        """The final failure."""
        self.opened = 0
        """How often it was opened."""
        self._open = open_output
        self._reconnects = reconnects
        self._on_output = on_output
        self._blocking = blocking
        self._frames: LatestQueue[OutputFrame] = LatestQueue(depth)
        self._audio: deque[AudioBlock] = deque(maxlen=_AUDIO_BLOCKS)
        self._closing = threading.Event()
        self._pauses = RetryPauses()
        self._thread = threading.Thread(
            target=self._run, name=thread_name(f"to {name}"), daemon=True
        )
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Frames that the output was too slow for."""
        return self._frames.dropped

    def write_frame(self, item: OutputFrame) -> None:
        """Pass on the next frame; waits only where the thread is ``blocking``."""
        if self.failed is None:
            self._frames.put(item, wait=self._blocking)

    def write_audio(self, block: AudioBlock) -> None:
        """Pass on the next audio; never waits."""
        if self.failed is None:
            self._audio.append(block)

    def close(self) -> None:
        """Let the output finish what it has; one that hangs is abandoned."""
        self._closing.set()
        self._frames.close()
        # A file is only worth something when it is finished.
        self._thread.join(_PATIENCE if self._reconnects else None)
        if self._thread.is_alive():
            log.warning("%s does not answer; it was not closed properly", self.name)
        if self.dropped:
            log.warning("%s missed %d frames", self.name, self.dropped)

    def _run(self) -> None:
        """Open the output and write to it, again and again, until it is closed or fails."""
        while not self._closing.is_set():
            try:
                self._write_all()
                return
            except SinkError as error:
                failure = error
            except Exception as error:  # noqa: BLE001 - others may wait for this thread
                failure = SinkError(f"{self.name} failed: {reason(error)}")
            if not self._reconnects:
                self.failed = failure
                self._frames.close()
                log.warning("%s", failure)
                return
            pause = self._pauses.next()
            log.warning("%s; trying again in %g s", failure, pause)
            self._closing.wait(pause)
            self._audio.clear()

    def _write_all(self) -> None:
        """Open the output once and write to it until it is closed or fails."""
        output = self._open()
        self.opened += 1
        try:
            while not self._frames.exhausted:
                item = self._frames.get(_POLL)
                while self._audio:
                    output.write_audio(self._audio.popleft())
                if item is not None:
                    output.write_frame(item)
                    self._pauses.reset()
                    if self._on_output is not None and item.frame.captured:
                        self._on_output(item.frame.captured)
        except BaseException:
            with suppress(SinkError):
                output.close()
            raise
        output.close()


class Outputs:
    """All outputs of a live run. Outputs may be added and removed while it runs."""

    def __init__(self) -> None:
        self._threads: list[OutputThread] = []
        self._lock = threading.Lock()

    @property
    def threads(self) -> list[OutputThread]:
        """The outputs that there are now."""
        with self._lock:
            return list(self._threads)

    def add(self, thread: OutputThread) -> None:
        """Add an output."""
        with self._lock:
            self._threads.append(thread)

    def remove(self, thread: OutputThread) -> None:
        """Remove an output and close it."""
        with self._lock:
            self._threads.remove(thread)
        thread.close()

    def check(self) -> None:
        """Stop the run when no output is left.

        Raises:
            SinkError: the failure of the last output, where all have failed.
        """
        failures = [thread.failed for thread in self.threads]
        if failures and failures[-1] is not None and all(failures):
            raise failures[-1]

    def write_frame(self, item: OutputFrame) -> None:
        """Pass a frame on to every output."""
        for thread in self.threads:
            thread.write_frame(item)

    def write_audio(self, block: AudioBlock) -> None:
        """Pass audio on to every output."""
        for thread in self.threads:
            thread.write_audio(block)

    def close(self) -> None:
        """Close all outputs at the same time: none waits for another."""
        closers = [
            threading.Thread(target=t.close, name=thread_name("closer"), daemon=True)
            for t in self.threads
        ]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join()

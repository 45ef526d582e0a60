"""Outputs of a live picture, each in a thread of its own: slow or dead, one holds nobody up."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from ...core.concurrency import LatestQueue
from ...core.errors import SinkError, reason
from ...core.frame import Frame
from ..audio import AudioBlock
from ..sources.reconnect import PAUSES

log = logging.getLogger(__name__)

_POLL = 0.05  # seconds that sound may wait where no picture comes
_HEARD = 500  # blocks of sound that wait, about ten seconds
_PATIENCE = 3.0  # seconds that an output is given to finish


@dataclass(frozen=True)
class OutputFrame:
    """A frame to be shown."""

    frame: Frame
    """Painted, on the outputs' clock; with its source as ``original``."""
    notice: str = ""
    """What the viewer is to know: why the picture stands still."""


class LiveOutput(Protocol):
    """Takes a live picture and its sound."""

    def write_frame(self, item: OutputFrame) -> None:
        """The next frame.

        Raises:
            SinkError: it is gone.
        """
        ...

    def write_audio(self, block: AudioBlock) -> None:
        """The next sound; one that has no use for it lets it pass."""
        ...

    def close(self) -> None:
        """Finish what was written."""
        ...


class OutputThread:
    """Runs a sink, opens it again when it fails, and never makes anybody wait.

    Args:
        name: for what is said of it.
        open_sink: opens it; may take its time.
        lasts: it is opened again; else its first failure is its last.
        depth: frames that may wait; the oldest is dropped.
        heard: is told, of each frame that was shown, when it was captured.
        waits: who shows it something waits for it: nothing is dropped.
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
        """Why it is gone for good."""
        self.opened = 0
        """How often it was."""
        self._open = open_output
        self._reconnects = reconnects
        self._on_output = on_output
        self._blocking = blocking
        self._frames: LatestQueue[OutputFrame] = LatestQueue(depth)
        self._blocks: deque[AudioBlock] = deque(maxlen=_HEARD)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"to {name}", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Frames that it was too slow for."""
        return self._frames.dropped

    def write_frame(self, item: OutputFrame) -> None:
        """The next frame."""
        if self.failed is None:
            self._frames.put(item, self._blocking)

    def write_audio(self, block: AudioBlock) -> None:
        """The next sound; never waits."""
        if self.failed is None:
            self._blocks.append(block)

    def close(self) -> None:
        """Let it finish what it has; one that hangs is left behind."""
        self._closing.set()
        self._frames.close()
        # A file is only worth something when it is finished.
        self._thread.join(_PATIENCE if self._reconnects else None)
        if self._thread.is_alive():
            log.warning("%s does not answer; it is left as it is", self.name)
        if self.dropped:
            log.warning("%s missed %d frames", self.name, self.dropped)

    def _work(self) -> None:
        attempt = 0
        while not self._closing.is_set():
            try:
                self._run()
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
            pause = PAUSES[min(attempt, len(PAUSES) - 1)]
            attempt = 0 if self._worked else attempt + 1
            log.warning("%s; trying again in %g s", failure, pause)
            self._closing.wait(pause)
            self._blocks.clear()

    def _run(self) -> None:
        """Until it is closed, or fails."""
        self._worked = False
        output = self._open()
        self.opened += 1
        try:
            while not self._frames.closed:
                item = self._frames.get(_POLL)
                while self._blocks:
                    output.write_audio(self._blocks.popleft())
                if item is not None:
                    output.write_frame(item)
                    self._worked = True
                    if self._on_output is not None and item.frame.captured:
                        self._on_output(item.frame.captured)
        except BaseException:
            with suppress(SinkError):
                output.close()
            raise
        output.close()


class Outputs:
    """All outputs of a run; more may come while it runs, and some may go."""

    def __init__(self) -> None:
        self._threads: list[OutputThread] = []
        self._lock = threading.Lock()

    @property
    def threads(self) -> list[OutputThread]:
        """Those that there are."""
        with self._lock:
            return list(self._threads)

    def add(self, thread: OutputThread) -> None:
        """One more."""
        with self._lock:
            self._threads.append(thread)

    def check(self) -> None:
        """Say so when nobody is left to show anything to.

        Raises:
            SinkError: why the last one is gone for good.
        """
        gone = [thread.failed for thread in self.threads]
        if gone and gone[-1] is not None and all(gone):
            raise gone[-1]

    def remove(self, thread: OutputThread) -> None:
        """Close one that is no longer wanted."""
        with self._lock:
            self._threads.remove(thread)
        thread.close()

    def write_frame(self, item: OutputFrame) -> None:
        """To all."""
        for thread in self.threads:
            thread.write_frame(item)

    def write_audio(self, block: AudioBlock) -> None:
        """To all."""
        for thread in self.threads:
            thread.write_audio(block)

    def close(self) -> None:
        """All of them, side by side: none waits for another."""
        closers = [threading.Thread(target=o.close, daemon=True) for o in self.threads]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join()

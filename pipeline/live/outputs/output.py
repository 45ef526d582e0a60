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
from ..audio import Block
from ..sources.reconnect import PAUSES

log = logging.getLogger(__name__)

_POLL = 0.05  # seconds that sound may wait where no picture comes
_HEARD = 500  # blocks of sound that wait, about ten seconds
_PATIENCE = 3.0  # seconds that an output is given to finish


@dataclass(frozen=True)
class Shown:
    """A frame to be shown."""

    frame: Frame
    """Painted, on the outputs' clock; with its source as ``original``."""
    notice: str = ""
    """What the viewer is to know: why the picture stands still."""


class LiveOutput(Protocol):
    """Takes a live picture and its sound."""

    def show(self, shown: Shown) -> None:
        """The next frame.

        Raises:
            SinkError: it is gone.
        """
        ...

    def hear(self, block: Block) -> None:
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
        open_sink: Callable[[], LiveOutput],
        lasts: bool = True,
        depth: int = 1,
        heard: Callable[[float], None] | None = None,
        waits: bool = False,
    ) -> None:
        self.name = name
        self.failed: SinkError | None = None
        """Why it is gone for good."""
        self.opened = 0
        """How often it was."""
        self._open = open_sink
        self._lasts = lasts
        self._heard = heard
        self._waits = waits
        self._frames: LatestQueue[Shown] = LatestQueue(depth)
        self._blocks: deque[Block] = deque(maxlen=_HEARD)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name=f"to {name}", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Frames that it was too slow for."""
        return self._frames.dropped

    def show(self, shown: Shown) -> None:
        """The next frame."""
        if self.failed is None:
            self._frames.put(shown, self._waits)

    def hear(self, block: Block) -> None:
        """The next sound; never waits."""
        if self.failed is None:
            self._blocks.append(block)

    def close(self) -> None:
        """Let it finish what it has; one that hangs is left behind."""
        self._closing.set()
        self._frames.close()
        # A file is only worth something when it is finished.
        self._thread.join(_PATIENCE if self._lasts else None)
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
            if not self._lasts:
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
        sink = self._open()
        self.opened += 1
        try:
            while not self._frames.closed:
                shown = self._frames.get(_POLL)
                while self._blocks:
                    sink.hear(self._blocks.popleft())
                if shown is not None:
                    sink.show(shown)
                    self._worked = True
                    if self._heard is not None and shown.frame.captured:
                        self._heard(shown.frame.captured)
        except BaseException:
            with suppress(SinkError):
                sink.close()
            raise
        sink.close()


class Outputs:
    """All outputs of a run; more may come while it runs, and some may go."""

    def __init__(self) -> None:
        self._outlets: list[OutputThread] = []
        self._lock = threading.Lock()

    @property
    def outlets(self) -> list[OutputThread]:
        """Those that there are."""
        with self._lock:
            return list(self._outlets)

    def add(self, outlet: OutputThread) -> None:
        """One more."""
        with self._lock:
            self._outlets.append(outlet)

    def check(self) -> None:
        """Say so when nobody is left to show anything to.

        Raises:
            SinkError: why the last one is gone for good.
        """
        gone = [outlet.failed for outlet in self.outlets]
        if gone and gone[-1] is not None and all(gone):
            raise gone[-1]

    def remove(self, outlet: OutputThread) -> None:
        """Close one that is no longer wanted."""
        with self._lock:
            self._outlets.remove(outlet)
        outlet.close()

    def show(self, shown: Shown) -> None:
        """To all."""
        for outlet in self.outlets:
            outlet.show(shown)

    def hear(self, block: Block) -> None:
        """To all."""
        for outlet in self.outlets:
            outlet.hear(block)

    def close(self) -> None:
        """All of them, side by side: none waits for another."""
        closers = [threading.Thread(target=o.close, daemon=True) for o in self.outlets]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join()

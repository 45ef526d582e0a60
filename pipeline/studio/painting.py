"""Painted frames for the page: one at a time, the newest request first, stale ones dropped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ..core.concurrency import thread_name
from ..core.errors import StylizeError

SMALL = 240
"""A picture of this height or less, px, is one of the wall: the frame is painted small."""

_MOST = 64  # requests that wait; of a page that shows the wall there are some twenty


@dataclass(frozen=True)
class PaintedFrame:
    """A painted frame as it is sent."""

    jpeg: bytes
    preview: bool
    """The film's own frame may differ: here the canvas does not move, and nothing is blended."""


class Painter(Protocol):
    """Paints single frames."""

    def paint(
        self,
        clip_path: Path,
        seconds: float,
        settings: Mapping[str, object],
        exact: bool,
        height: int,
    ) -> PaintedFrame:
        """Paint the frame at a time.

        Args:
            clip_path: the film.
            seconds: the time, after the film's first frame.
            settings: of the run, checked.
            exact: as in the film; else quickly.
            height: px, of the picture that is sent, at most.
        """
        ...

    def know_shots(self, clip_path: Path, starts: Sequence[float]) -> None:
        """Remember when the shots of a film begin, seconds after its first frame."""
        ...

    def give_up(self) -> None:
        """Stop what takes long: another frame is asked for. Called in any thread."""
        ...


class SupersededError(StylizeError):
    """Another frame is asked for: this one is not finished."""


class StaleError(Exception):
    """A newer request has taken this one's place."""


Task = Callable[[], PaintedFrame]


class PaintQueue:
    """One thread that paints, because one frame takes all cores.

    The newest request is painted first. A newer one of the same slot takes the place of one that
    waits: who drags the playhead wants the last frame, not all of them.

    Args:
        on_ask: called when a frame is asked for.
    """

    def __init__(self, on_ask: Callable[[], None] = lambda: None) -> None:
        self._on_ask = on_ask
        self._wake = threading.Condition()
        self._waiting: list[tuple[str, Task, Future[PaintedFrame]]] = []
        self._closing = False
        self._thread = threading.Thread(
            target=self._work, name=thread_name("studio painter"), daemon=True
        )
        self._thread.start()

    def ask(self, slot: str, task: Task) -> Future[PaintedFrame]:
        """Ask for a frame.

        Args:
            slot: the place on the page where it is shown.
            task: paints it.

        Returns:
            Its result; or ``StaleError``, when a newer request has come.
        """
        future: Future[PaintedFrame] = Future()
        with self._wake:
            for item in [item for item in self._waiting if item[0] == slot]:
                self._drop(item)
            if len(self._waiting) >= _MOST:
                self._drop(self._waiting[0])
            self._waiting.append((slot, task, future))
            self._on_ask()
            self._wake.notify()
        return future

    def close(self) -> None:
        """End the thread, after the frame in work."""
        with self._wake:
            self._closing = True
            for item in list(self._waiting):
                self._drop(item)
            self._wake.notify()
        self._thread.join()

    def _drop(self, item: tuple[str, Task, Future[Any]]) -> None:
        self._waiting.remove(item)
        if item[2].set_running_or_notify_cancel():
            item[2].set_exception(StaleError("a newer request has come"))

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._closing:
                    self._wake.wait()
                if self._closing:
                    return
                _, task, future = self._waiting.pop()
            if not future.set_running_or_notify_cancel():  # whoever asked has gone
                continue
            try:
                future.set_result(task())
            except BaseException as error:  # noqa: BLE001 - it belongs to who asked
                future.set_exception(error)

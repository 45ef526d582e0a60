"""What has changed, sent to every page that is open (server-sent events)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

PAGES = 16
"""Pages that may listen at once."""
_WAITING = 200  # events that one may be behind
_HEARTBEAT = 15.0  # seconds after which a silent line is tried: a page that has gone is noticed


class Events:
    """Gives events of any thread to the pages that listen."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pages: set[asyncio.Queue[str | None]] = set()
        self._closed = False

    @property
    def is_full(self) -> bool:
        """So many pages listen that no other may."""
        return len(self._pages) >= PAGES

    def open(self) -> None:
        """Begin: called in the loop of the server."""
        self._loop = asyncio.get_running_loop()

    def send(self, kind: str, data: Any) -> None:
        """Tell all pages; called in any thread.

        Args:
            kind: ``job``, ``jobs``, ``clips`` or ``shots``.
            data: ready for JSON.
        """
        text = f"event: {kind}\ndata: {json.dumps(data)}\n\n"
        if self._loop is not None:
            with suppress(RuntimeError):  # the server has ended
                self._loop.call_soon_threadsafe(self._put, text)

    def close(self) -> None:
        """End every line; called in the loop of the server."""
        self._closed = True
        self._put(None)

    async def listen(self) -> AsyncIterator[str]:
        """Yield events, as they are written to one page."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(_WAITING)
        self._pages.add(queue)
        try:
            yield "retry: 1000\n\n"
            while not self._closed:
                try:
                    text = await asyncio.wait_for(queue.get(), _HEARTBEAT)
                except TimeoutError:
                    text = ": still here\n\n"
                if text is None:
                    return
                yield text
        finally:
            self._pages.discard(queue)

    def _put(self, text: str | None) -> None:
        for queue in self._pages:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(text)

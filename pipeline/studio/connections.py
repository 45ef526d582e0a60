"""Connections of the server: so many and no more, and none that stays silent."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from ..web.requests import SILENCE

MOST = 100
"""Connections at once. A browser has six; of more than these, the oldest idle one is closed."""

_HEAD = 32_768
"""Bytes of a request's head. Cookies of other programs on this machine come along."""


class StudioProtocol(H11Protocol):
    """Uvicorn's protocol, which waits for the head of a request for ten seconds only.

    The guard limits how long a body and an answer may stall. A hundred slow clients keep nobody
    out: a new connection takes the place of the one that has been idle longest.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_deadline: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """No request is being answered on it."""
        cycle: Any = self.cycle
        return cycle is None or cycle.response_complete

    def connection_made(self, transport: Any) -> None:
        """Take a new connection, at the cost of an idle one."""
        super().connection_made(transport)
        self._expect_head()
        others = [one for one in _open_lines(self) if one is not self]
        if len(others) >= MOST:
            idle = [one for one in others if one.is_idle]
            victim = min(idle, key=lambda one: one.made, default=self)
            victim.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._forget_deadline()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Read what has come; the clock of the head ends when a request begins."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self._forget_deadline()
        elif self.is_idle and self._head_deadline is None and not self.transport.is_closing():
            self._expect_head()  # the head of a further request has begun

    @property
    def made(self) -> float:
        """When its head was expected; the order of connections."""
        return self._made

    def _expect_head(self) -> None:
        self._made = self.loop.time()
        self._head_deadline = self.loop.call_later(SILENCE, self.transport.abort)

    def _forget_deadline(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None


def _open_lines(one: StudioProtocol) -> list[StudioProtocol]:
    lines = [line for line in one.connections if isinstance(line, StudioProtocol)]
    return [line for line in lines if not line.transport.is_closing()]


SERVER_OPTIONS: dict[str, Any] = {
    "http": StudioProtocol,
    "ws": "none",
    "h11_max_incomplete_event_size": _HEAD,
    "timeout_keep_alive": 5,
    "log_config": None,
    "log_level": "critical",
    "access_log": False,
    "server_header": False,
    "date_header": False,
    "proxy_headers": False,
    "backlog": 128,
}
"""Uvicorn's configuration, except the app and the socket."""

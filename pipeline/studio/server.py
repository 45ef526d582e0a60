"""Serves a studio until it is stopped."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable

import uvicorn

from ..core.errors import SinkError, reason
from ..web.access import Access
from ..web.address import page_url
from .app import make_app
from .connections import SERVER_OPTIONS
from .studio import Studio

HERE = "127.0.0.1"
EVERYWHERE = "0.0.0.0"


def open_socket(lan: bool, port: int) -> socket.socket:
    """Bind the socket of the server.

    Args:
        lan: on all addresses of this machine; else on 127.0.0.1.
        port: 0 takes any that is free.

    Raises:
        SinkError: the port is in use.
    """
    host = EVERYWHERE if lan else HERE
    try:
        return socket.create_server((host, port), reuse_port=False)
    except (OSError, OverflowError) as error:
        raise SinkError(f"port {port} can't be used: {reason(error)}; type another") from error


class StudioServer:
    """The server of one studio.

    Args:
        studio: what it serves.
        bound: its socket.
        on_ready: called when it answers.
    """

    def __init__(
        self, studio: Studio, bound: socket.socket, on_ready: Callable[[], None] = lambda: None
    ) -> None:
        self._studio = studio
        self._bound = bound
        self._on_ready = on_ready
        host, port = bound.getsockname()[:2]
        self.token = secrets.token_urlsafe(24)
        name = socket.gethostname().lower()
        access = Access(
            host,
            self.token,
            cookie=f"stylize-studio-{port}",
            names=(name, f"{name}.local") if host == EVERYWHERE else (),
        )
        self.url = page_url(HERE, port, self.token)
        """The address for this machine."""
        self.lan_url = page_url(host, port, self.token) if host == EVERYWHERE else ""
        """The address for a phone; empty unless it is served to the network."""
        config = uvicorn.Config(
            make_app(studio, access), lifespan="on", timeout_graceful_shutdown=2, **SERVER_OPTIONS
        )
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        """Serve until Ctrl-C, SIGTERM or ``stop``."""
        runner = asyncio.Runner()
        with runner:
            runner.run(self._serve())

    def stop(self) -> None:
        """End ``run``; called in any thread."""
        self._server.should_exit = True

    async def _serve(self) -> None:
        serving = asyncio.ensure_future(self._server.serve(sockets=[self._bound]))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.01)
        if not serving.done():
            self._on_ready()
        while not self._server.should_exit and not serving.done():
            await asyncio.sleep(0.1)
        self._studio.events.close()  # else the open pages are waited for
        await serving

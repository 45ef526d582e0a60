"""The live picture in a browser, with buttons and sliders: a small server of one page."""

from __future__ import annotations

import secrets
import threading
from urllib.parse import urlsplit

from ...core.concurrency import thread_name
from ...core.errors import SinkError, reason
from ...web.access import Access
from ...web.address import is_loopback, page_url
from ..audio import AudioBlock
from ..controls import Controls
from ..stats import LiveStats
from .mjpeg import MjpegFeed
from .output import OutputFrame
from .overlay import compose, reduced
from .web_server import PageServer

_PORT = 8080


def is_page(output: str) -> bool:
    """Return whether an output is an address at which the page is served."""
    return output.lower().startswith("http://")


class Page:
    """The page as a live output.

    On an address of this machine alone, everybody on it may use the page. On any other a token is
    needed, which is part of ``url``.

    Args:
        output: ``http://ADDRESS:PORT``; port 0 takes any that is free.
        controls: the controls that buttons and sliders change.
        stats: the statistics that the page displays.

    Raises:
        SinkError: the address is wrong or in use.
    """

    def __init__(self, output: str, controls: Controls, stats: LiveStats) -> None:
        parts = urlsplit(output)
        try:
            self.host = parts.hostname or "127.0.0.1"
            port = _PORT if parts.port is None else parts.port
            self.token = "" if is_loopback(self.host) else secrets.token_urlsafe(16)
        except ValueError as error:
            raise SinkError(f"{output} is no address; write http://127.0.0.1:8080") from error
        self.controls = controls
        self.feed = MjpegFeed()
        access = Access(self.host, self.token)
        try:
            self._server = PageServer((self.host, port), access, self.feed, controls, stats)
        except OSError as error:
            raise SinkError(f"{output} can't be served: {reason(error)}") from error
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, name=thread_name("page"), daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """The address to type into a browser; of a page for the network, one that opens there."""
        return page_url(self.host, self.port, self.token)

    def write_frame(self, item: OutputFrame) -> None:
        """See ``LiveOutput.write_frame``; nothing is encoded while nobody watches."""
        if self.feed.is_needed:
            state = self.controls.state
            item = reduced(item, state.compare, self.feed.width)
            self.feed.write(compose(item, state.compare, state.wipe))

    def write_audio(self, block: AudioBlock) -> None:
        """See ``LiveOutput.write_audio``; a page has no audio."""

    def close(self) -> None:
        """See ``LiveOutput.close``."""
        self.feed.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

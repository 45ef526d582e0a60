"""The HTTP server of the page: what each path answers."""

from __future__ import annotations

import json
import math
import re
import socket
import threading
from contextlib import suppress
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ...core.concurrency import thread_name
from ...core.errors import SettingsError, reason
from ...web.access import Access, refusal
from ...web.answers import ICON, ICON_PATH, security_headers
from ...web.requests import SILENCE, declared_length, read_json
from ..controls import Controls
from ..stats import LiveStats
from .mjpeg import VIEWERS, MjpegFeed

_LONGEST = 1024  # bytes of a request's body
_BOUNDARY = "frame"
_WAITING = 1 << 18  # bytes that may be on their way to a browser
_WRONG_REQUEST = (
    ValueError, KeyError, TypeError, AttributeError, SettingsError,
)  # fmt: skip

_HEADERS = security_headers({"script-src": "'unsafe-inline'", "style-src": "'unsafe-inline'"})


class PageServer(ThreadingHTTPServer):
    """Answers requests for the page, its pictures, its statistics and its controls.

    Args:
        address: the host and port; port 0 takes any that is free.
        access: the rules that say who may use the page.
        feed: the pictures.
        controls: the controls that buttons and sliders change.
        stats: the statistics that the page displays.

    Raises:
        OSError: the address can't be bound.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self,
        address: tuple[str, int],
        access: Access,
        feed: MjpegFeed,
        controls: Controls,
        stats: LiveStats,
    ) -> None:
        self.access = access
        self.feed = feed
        self.controls = controls
        self._stats = stats
        self._connections: set[socket.socket] = set()
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind the socket; one bound to ``::`` takes IPv4 as well, on Windows too."""
        if self.address_family == socket.AF_INET6:
            with suppress(OSError):
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def status(self) -> dict[str, Any]:
        """Return styles, state and statistics, ready for JSON."""
        styles = {"styles": self.controls.styles}
        return {**styles, **asdict(self.controls.state), **asdict(self._stats.read())}

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer one connection in a thread; a browser keeps it open for its next request."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one connection, in its thread."""
        threading.current_thread().name = thread_name("page client")
        super().process_request_thread(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End one connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """End the server and every connection, so that no thread answers for a closed page."""
        super().server_close()
        for request in tuple(self._connections):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a browser that goes away in the middle of an answer."""


class _Handler(BaseHTTPRequestHandler):
    timeout = SILENCE
    disable_nagle_algorithm = True  # a picture's last bytes don't wait for an answer to the others
    server_version = "stylize-video"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    @property
    def _server(self) -> PageServer:
        assert isinstance(self.server, PageServer)
        return self.server

    def do_GET(self) -> None:
        """Answer with the page, its pictures or its statistics."""
        path = urlsplit(self.path).path
        if path == ICON_PATH:
            self._answer(200, ICON, "image/svg+xml")
            return
        if not self._check_access():
            return
        if path == "/":
            page = files(__package__ or "").joinpath("page.html").read_bytes()
            self._answer(200, page, "text/html; charset=utf-8")
        elif path == "/live.mjpg":
            self._send_feed()
        elif path == "/state":
            self._answer_json(self._server.status())
        else:
            self._answer(404, b"there is no such page\n", "text/plain")

    def do_POST(self) -> None:
        """Do what a button or a slider says."""
        if not self._check_access():
            return
        if urlsplit(self.path).path != "/do" or "X-Stylize-Video" not in self.headers:
            # A page of another site can't set that header.
            self._answer(403, b"the request does not come from this page\n", "text/plain")
            return
        try:
            length = declared_length(self.headers.get("Content-Length"), _LONGEST, missing=0)
            request = read_json(self.rfile.read(length))
            self._server.controls.do(str(request["action"]), float(request.get("value", 0)))
        except _WRONG_REQUEST as error:
            self._answer(400, f"{reason(error)}\n".encode(), "text/plain")
            return
        self._answer_json(self._server.status())

    def _check_access(self) -> bool:
        """Whether the request is allowed; answers one that is not."""
        line = refusal(self._server.access, self.command, self.path, self.headers)
        if line:
            self._answer(403, f"{line}\n".encode(), "text/plain")
        return not line

    def _send_feed(self) -> None:
        if self._server.feed.is_full:
            line = f"{VIEWERS} browsers show the picture already; close one of them\n"
            self._answer(503, line.encode(), "text/plain")
            return
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        # What a slow browser has not read yet is old when it comes to it.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _WAITING)
        # Browsers display a picture when they have the headers of the next one.
        head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\n\r\n".encode()
        with suppress(OSError):
            self.wfile.write(head)
            for jpeg in self._server.feed.jpegs(self._width()):
                self.wfile.write(jpeg + b"\r\n" + head)

    def _width(self) -> float:
        """Px across at which the viewer says that it displays the picture."""
        asked = parse_qs(urlsplit(self.path).query).get("width", [""])[0]
        return float(asked) if re.fullmatch(r"[1-9]\d{0,4}", asked, re.ASCII) else math.inf

    def _answer_json(self, values: dict[str, Any]) -> None:
        self._answer(200, json.dumps(values).encode(), "application/json")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if status != 200:
            # The body of a refused request may not have been read: it must not be read as another.
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        """End the headers of any answer; errors that the base class finds have them too."""
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Log no requests."""

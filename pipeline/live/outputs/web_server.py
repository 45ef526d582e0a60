"""The HTTP server of the page: who may use it, and what each path answers."""

from __future__ import annotations

import hmac
import json
import math
import re
import socket
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ...core.concurrency import thread_name
from ...core.errors import SettingsError, reason
from ..controls import Controls
from ..stats import LiveStats
from .mjpeg import VIEWERS, MjpegFeed

_LONGEST = 1024  # bytes of a request's body
_SILENCE = 10.0  # seconds that a browser may be silent in the middle of a request
_BOUNDARY = "frame"
_WAITING = 1 << 18  # bytes that may be on their way to a browser
_WRONG_REQUEST = (
    ValueError, KeyError, TypeError, AttributeError, RecursionError, SettingsError,
)  # fmt: skip
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

_HEADERS = {
    # Nothing but the page itself may use what is served: no other site frames it, shows its picture
    # or learns its address, which may hold a token.
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; connect-src 'self'; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

_ICON = b"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16"
rx="3" fill="#111"/><path d="M3 11c3-8 6 4 10-6" fill="none" stroke="#d9a441" stroke-width="3"
stroke-linecap="round"/></svg>"""


@dataclass(frozen=True)
class Access:
    """Who may use the page: on a loopback address everybody here, else who has the token."""

    host: str
    """The address that the page is bound to."""
    token: str
    """Empty on a loopback address."""

    def allows(self, host_header: str, path: str) -> bool:
        """Return whether a request with this ``Host`` header and this path may be answered."""
        if not self.token:
            # A name of another site that leads to this machine is refused (DNS rebinding).
            try:
                return urlsplit(f"//{host_header}").hostname in (*_LOOPBACK, self.host)
            except ValueError:
                return False
        given = parse_qs(urlsplit(path).query).get("token", [""])[0]
        return hmac.compare_digest(given.encode(), self.token.encode())


def is_from_elsewhere(headers: Message, is_page: bool) -> bool:
    """Return whether a page of another site makes the request.

    Args:
        headers: of the request.
        is_page: the page itself is requested: a link to it may be anywhere.
    """
    origin = headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() != headers.get("Host", "").lower():
        return True
    if is_page and headers.get("Sec-Fetch-Mode") == "navigate":
        return headers.get("Sec-Fetch-Dest") != "document"
    return headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none")


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches the address.

    Raises:
        ValueError: ``host`` is not an address.
    """
    return host == "localhost" or ip_address(host).is_loopback


def lan_address(family: socket.AddressFamily = socket.AF_INET) -> str:
    """Find the address at which the local network reaches this machine; else the loopback address.

    A UDP socket that is connected has the address of the interface that leads there. Nothing is
    sent: the destinations are reserved for documentation (RFC 5737, RFC 3849).
    """
    is_v6 = family == socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(("2001:db8::1" if is_v6 else "192.0.2.1", 9))
            return probe.getsockname()[0]
    except OSError:
        return "::1" if is_v6 else "127.0.0.1"


def reachable_host(host: str) -> str:
    """Return the host to print for a page that is bound to ``host``: an address that opens."""
    if host not in ("0.0.0.0", "::"):
        return host
    address = lan_address()
    if host == "::" and is_loopback(address):  # there may be a network with IPv6 only
        return lan_address(socket.AF_INET6)
    return address


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
    timeout = _SILENCE
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
        if path == "/favicon.ico":  # browsers ask for it without the token
            self._answer(200, _ICON, "image/svg+xml")
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
            length = int(self.headers.get("Content-Length", "0"))
            if not 0 <= length <= _LONGEST:
                raise ValueError(f"a request of {length} bytes is refused")
            request = json.loads(self.rfile.read(length))
            self._server.controls.do(str(request["action"]), float(request.get("value", 0)))
        except _WRONG_REQUEST as error:
            self._answer(400, f"{reason(error)}\n".encode(), "text/plain")
            return
        self._answer_json(self._server.status())

    def _check_access(self) -> bool:
        """Whether the request is allowed; answers one that is not."""
        is_page = self.command == "GET" and urlsplit(self.path).path == "/"
        if is_from_elsewhere(self.headers, is_page):
            self._answer(403, b"the request comes from another site\n", "text/plain")
        elif not self._server.access.allows(self.headers.get("Host", ""), self.path):
            self._answer(403, b"the address needs its token\n", "text/plain")
        else:
            return True
        return False

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

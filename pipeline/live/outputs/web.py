"""The live picture in a browser, with buttons and sliders: a small server of one page."""

from __future__ import annotations

import hmac
import json
import secrets
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qs, urlsplit

import cv2

from ...core.errors import SettingsError, SinkError, reason
from ..audio import AudioBlock
from ..controls import Controls
from ..stats import LiveStats
from .output import OutputFrame
from .overlay import compose

_QUALITY = 85  # of JPEG
_CLIENTS = 8  # who look at once
_LONGEST = 1024  # bytes of a request's body
_QUIET = 10.0  # seconds that a browser may be silent in the middle of a request
_BOUNDARY = "frame"


def is_page(output: str) -> bool:
    """Whether an output is an address to serve the page at."""
    return output.lower().startswith("http://")


class Page:
    """Serves the page; as a sink it takes the frames.

    On this machine's own address anybody here may use it. On any other a token is needed, which is
    part of the address that ``url`` tells.

    Args:
        output: ``http://ADDRESS:PORT``.
        controls: what buttons and sliders change.
        meter: what is told of it.

    Raises:
        SinkError: it is no address, or it is taken.
    """

    def __init__(self, output: str, controls: Controls, stats: LiveStats) -> None:
        parts = urlsplit(output)
        try:
            self.host = parts.hostname or "127.0.0.1"
            port = 8080 if parts.port is None else parts.port  # 0: any that is free
            self.is_local = self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError as error:
            raise SinkError(f"{output} is no address; write http://127.0.0.1:8080") from error
        self.controls = controls
        self.stats = stats
        self.token = "" if self.is_local else secrets.token_urlsafe(16)
        self._changed = threading.Condition()
        self._looking = 0
        self._number = 0
        self._jpeg = b""
        self._closed = False
        try:
            self._server = _Server((self.host, port), self)
        except OSError as error:
            raise SinkError(f"{output} can't be served: {reason(error)}") from error
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="page", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """What to type into a browser."""
        asked = f"/?token={self.token}" if self.token else "/"
        return f"http://{self.host}:{self.port}{asked}"

    def write_frame(self, item: OutputFrame) -> None:
        """See ``LiveOutput.write_frame``; encodes once for all viewers, if there are any."""
        if not self._looking and self._jpeg:
            return
        state = self.controls.state
        picture = compose(item, state.compare, state.wipe)
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        _, encoded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        with self._changed:
            self._jpeg = encoded.tobytes()
            self._number += 1
            self._changed.notify_all()

    def write_audio(self, block: AudioBlock) -> None:
        """See ``LiveOutput.write_audio``: a page has no sound."""

    def close(self) -> None:
        """See ``LiveOutput.close``."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def jpegs(self) -> Generator[bytes]:
        """For one who looks: the newest JPEG, again and again. None, where too many do."""
        with self._changed:
            if self._looking >= _CLIENTS:
                return
            self._looking += 1
        seen = -1
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(self._newer_than(seen), 1.0)
                    if self._closed:
                        return
                    seen, jpeg = self._number, self._jpeg
                if jpeg:  # the same again after a second: who has gone is noticed so
                    yield jpeg
        finally:
            with self._changed:
                self._looking -= 1

    def _newer_than(self, seen: int) -> Callable[[], bool]:
        return lambda: self._number != seen or self._closed

    def status(self) -> dict[str, Any]:
        """The state, as JSON has it."""
        styles = {"styles": self.controls.styles}
        return {**styles, **asdict(self.controls.state), **asdict(self.stats.read())}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], page: Page) -> None:
        self.page = page
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer one connection in a thread; a browser keeps it open for its next request."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End one connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """End the server and every connection, so that no thread answers for a closed page."""
        super().server_close()
        for request in tuple(self._open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle is nothing to speak of."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _QUIET
    protocol_version = "HTTP/1.1"

    @property
    def _page(self) -> Page:
        assert isinstance(self.server, _Server)
        return self.server.page

    def do_GET(self) -> None:
        """The page, its pictures, its figures."""
        if not self._allowed():
            return
        path = urlsplit(self.path).path
        if path == "/":
            page = files(__package__ or "").joinpath("page.html").read_bytes()
            self._answer(200, page, "text/html; charset=utf-8")
        elif path == "/live.mjpg":
            self._stream()
        elif path == "/state":
            self._tell(self._page.status())
        else:
            self._answer(404, b"there is no such page\n", "text/plain")

    def do_POST(self) -> None:
        """A button or a slider."""
        if not self._allowed():
            return
        if urlsplit(self.path).path != "/do" or "X-Stylize-Video" not in self.headers:
            # A page of another site can't set that header.
            self._answer(403, b"not from here\n", "text/plain")
            return
        try:
            length = int(self.headers.get("Content-Length", "0"))
            if not 0 <= length <= _LONGEST:
                raise ValueError(f"{length} bytes are no request")
            asked = json.loads(self.rfile.read(length))
            self._page.controls.do(str(asked["action"]), float(asked.get("value", 0)))
        except (ValueError, KeyError, TypeError, AttributeError, SettingsError) as error:
            self._answer(400, f"{reason(error)}\n".encode(), "text/plain")
            return
        self._tell(self._page.status())

    def _allowed(self) -> bool:
        """Whether who asks may; answers who may not."""
        page = self._page
        if page.is_local:
            # Another site's name that leads to this machine is not this machine's.
            host = self.headers.get("Host", "").rsplit(":", 1)[0].strip("[]")
            right = host in ("localhost", "127.0.0.1", "::1", page.host)
        else:
            given = parse_qs(urlsplit(self.path).query).get("token", [""])[0]
            right = hmac.compare_digest(given.encode(), page.token.encode())
        if not right:
            self._answer(403, b"the address needs its token\n", "text/plain")
        return right

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with suppress(OSError):
            for jpeg in self._page.jpegs():
                head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}"
                self.wfile.write(head.encode() + b"\r\n\r\n" + jpeg + b"\r\n")

    def _tell(self, status: dict[str, Any]) -> None:
        self._answer(200, json.dumps(status).encode(), "application/json")

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if status != 200:
            # What was refused may not have been read: it is no next request.
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is said of requests."""

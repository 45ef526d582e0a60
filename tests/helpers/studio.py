"""A studio that answers at a real socket, and requests to it as a browser or an attacker sends."""

from __future__ import annotations

import http.client
import json
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from stylize_video.pipeline.core.concurrency import thread_name
from stylize_video.pipeline.studio.painting import PaintedFrame
from stylize_video.pipeline.studio.server import StudioServer, open_socket
from stylize_video.pipeline.studio.stills import jpeg_of, still
from stylize_video.pipeline.studio.studio import Studio

LAUNCHER = [sys.executable, "-m", "stylize_video.cli.studio_job"]


class Answer(NamedTuple):
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class Visitor:
    """Somebody at an address of a studio; one connection for each request.

    Args:
        url: as it was printed.
    """

    def __init__(self, url: str) -> None:
        found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=(\S+)", url.strip())
        assert found is not None, url
        self.port, self.token = int(found[1]), found[2]

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        token: str | None = None,
        **query: object,
    ) -> Answer:
        """Send a request; objects are sent as JSON.

        Args:
            method: GET, POST, PUT or DELETE.
            path: without a query.
            body: bytes, an object, or an iterator of bytes, whose length is not declared.
            headers: others than usual.
            token: another than the right one; empty: none.
            query: more of the address.
        """
        token = self.token if token is None else token
        asked = urlencode({**query, **({"token": token} if token else {})}, doseq=True)
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with closing(line):
            line.request(method, f"{path}?{asked}", body, headers or {})
            answer = line.getresponse()
            return Answer(answer.status, dict(answer.headers.items()), answer.read())

    def get(self, path: str, **query: object) -> Answer:
        """See ``ask``."""
        return self.ask("GET", path, **query)  # pyright: ignore[reportArgumentType]

    def raw(self, data: bytes, timeout: float = 20.0) -> bytes:
        """Send bytes; returns all that comes until the server closes the line."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as line:
            line.sendall(data)
            return b"".join(iter(lambda: line.recv(65536), b""))

    def until(self, path: str, test: Any, patience: float = 60.0) -> Any:
        """Ask again and again for JSON until ``test`` of it is true."""
        end = time.monotonic() + patience
        while not test(value := self.get(path).json):
            assert time.monotonic() < end, value
            time.sleep(0.1)
        return value


class PlainPainter:
    """Gives the film's own frame back, as a preview."""

    def paint(
        self,
        clip_path: Path,
        seconds: float,
        settings: Mapping[str, object],
        exact: bool,
        height: int,
    ) -> PaintedFrame:
        return PaintedFrame(jpeg_of(still(clip_path, seconds), height), True)

    def know_shots(self, clip_path: Path, starts: Sequence[float]) -> None:
        pass

    def give_up(self) -> None:
        pass


@contextmanager
def running_studio(folder: Path) -> Iterator[Visitor]:
    """A studio in this process, with a thread for its server."""
    with (
        open_socket(False, 0) as bound,
        closing(Studio(folder, LAUNCHER, PlainPainter())) as studio,
    ):
        ready = threading.Event()
        server = StudioServer(studio, bound, ready.set)
        thread = threading.Thread(target=server.run, name=thread_name("studio server"))
        thread.start()
        assert ready.wait(10)
        try:
            yield Visitor(server.url)
        finally:
            server.stop()
            thread.join()

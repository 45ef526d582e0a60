"""The rules of ``web`` for every request that reaches the studio."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..web.access import Access, refusal
from ..web.answers import ICON, ICON_PATH, security_headers
from ..web.requests import SILENCE, RequestError

HEADERS = security_headers(
    {
        "img-src": "'self' blob: data:",
        "media-src": "'self' blob:",
        "font-src": "'self'",
        "manifest-src": "'self'",
    }
)
"""Of every answer."""

STALLED = 60.0
"""Seconds that a browser may take none of an answer. One that pauses a film asks again later."""


class SilentError(RequestError):
    """The other end sends nothing in the middle of a request, or takes none of the answer."""

    def __init__(self) -> None:
        super().__init__(408, "the request stalled")


class Guard:
    """Answers what may not be answered; adds the headers; ends requests that stall.

    Args:
        app: what answers the others.
        access: the rules.
    """

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        line = _Line(receive, send, self._cookie(scope))
        if scope["path"] == ICON_PATH:
            await line.answer(200, ICON, "image/svg+xml")
            return
        headers = Headers(scope=scope)
        if len(headers.getlist("host")) != 1:
            await line.answer(400, b"a request names one host\n")
            return
        why = refusal(self._access, scope["method"], _path(scope), headers)
        if why:
            await line.answer(403, f"{why}\n".encode())
            return
        await self._app(scope, line.receive, line.send)

    def _cookie(self, scope: Scope) -> str:
        """The cookie that is set on a first visit, with the token in the address."""
        if not self._access.cookie or scope["path"] != "/":
            return ""
        name, token = self._access.cookie, self._access.token
        return f"{name}={token}; Path=/; HttpOnly; SameSite=Strict"


def _path(scope: Scope) -> str:
    path = scope.get("raw_path") or scope["path"].encode()
    query = scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")


class _Line:
    """One request and its answer, which must both go on."""

    def __init__(self, receive: Receive, send: Send, cookie: str) -> None:
        self._receive = receive
        self._send = send
        self._cookie = cookie
        self._more = True

    async def receive(self) -> Message:
        if not self._more:  # then it waits for the other end to go away
            return await self._receive()
        try:
            async with asyncio.timeout(SILENCE):
                message = await self._receive()
        except TimeoutError as error:
            raise SilentError from error
        self._more = message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            if message["status"] >= 400:
                # Its body may not have been read: it must not be read as another request.
                headers["Connection"] = "close"
            if self._cookie:
                headers["Set-Cookie"] = self._cookie
        try:
            async with asyncio.timeout(STALLED):
                await self._send(message)
        except TimeoutError as error:
            raise SilentError from error

    async def answer(self, status: int, body: bytes, kind: str = "text/plain") -> None:
        """Answer without reading the request."""
        self._cookie = ""
        length = str(len(body)).encode()
        head = [(b"content-type", kind.encode()), (b"content-length", length)]
        await self.send({"type": "http.response.start", "status": status, "headers": head})
        await self.send({"type": "http.response.body", "body": body})

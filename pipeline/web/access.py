"""Who may use a page: its token, the ``Host`` that the browser names, the site that asks."""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Names under which a browser reaches the machine that it runs on."""


class Headers(Protocol):
    """Headers of a request; names are found in upper and lower case."""

    def get(self, name: str, /) -> str | None:
        """Return a header's value, or ``None``."""
        ...


@dataclass(frozen=True)
class Access:
    """Who may use the page.

    With a token, only who has it. Without one, everybody on this machine: the page must then be
    bound to a loopback address.
    """

    host: str
    """The address that the page is bound to."""
    token: str = ""
    """Empty: none is needed."""
    cookie: str = ""
    """Name of the cookie that may hold the token; empty: the token is in the address alone."""
    names: Collection[str] = ()
    """More names of this machine that the ``Host`` header may have, in lower case."""

    def knows_host(self, host_header: str) -> bool:
        """Return whether the ``Host`` header names this machine.

        A name of another site can be made to lead here (DNS rebinding); an address can't.
        """
        try:
            host = urlsplit(f"//{host_header}").hostname
        except ValueError:
            return False
        if host in (*LOOPBACK, self.host, *self.names):
            return True
        return self.host in ("0.0.0.0", "::") and host is not None and _is_address(host)

    def has_token(self, path: str, headers: Headers) -> bool:
        """Return whether a request has the token, in its address or in the page's cookie."""
        query = path.partition("?")[2]
        given = [*parse_qs(query).get("token", [])[:1], self._in_cookie(headers)]
        return any(hmac.compare_digest(one.encode(), self.token.encode()) for one in given if one)

    def refusal(self, path: str, headers: Headers) -> str:
        """Return why a request is refused, as one line; empty: it may be answered.

        Args:
            path: with its query.
            headers: of the request.
        """
        # With a token in the address alone no other site can ask; a cookie is sent by itself.
        by_host = self.cookie or not self.token
        if by_host and not self.knows_host(headers.get("Host") or ""):
            return "the request is for another host"
        if self.token and not self.has_token(path, headers):
            return "the address needs its token"
        return ""

    def _in_cookie(self, headers: Headers) -> str:
        if not self.cookie:
            return ""
        try:
            jar = SimpleCookie(headers.get("Cookie") or "")
        except CookieError:
            return ""
        return jar[self.cookie].value if self.cookie in jar else ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_from_elsewhere(headers: Headers, is_page: bool) -> bool:
    """Return whether a page of another site makes the request.

    Args:
        headers: of the request.
        is_page: the page itself is requested: a link to it may be anywhere.
    """
    origin = headers.get("Origin")
    if origin is not None and _netloc(origin) != (headers.get("Host") or "").lower():
        return True
    if is_page and headers.get("Sec-Fetch-Mode") == "navigate":
        return headers.get("Sec-Fetch-Dest") != "document"
    return (headers.get("Sec-Fetch-Site") or "none") not in ("same-origin", "none")


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def refusal(access: Access, method: str, path: str, headers: Headers) -> str:
    """Return why a request is refused, as one line; empty: it may be answered.

    Args:
        access: the rules.
        method: in upper case.
        path: with its query, as the browser sent it.
        headers: of the request.
    """
    if is_from_elsewhere(headers, is_page=method == "GET" and path.partition("?")[0] == "/"):
        return "the request comes from another site"
    return access.refusal(path, headers)

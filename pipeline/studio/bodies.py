"""Read the body of a request, so much and no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request

from ..web.requests import RequestError, declared_length, read_json

LONGEST_JSON = 65_536
"""Bytes of a JSON request."""


async def pieces(request: Request, longest: int) -> AsyncIterator[bytes]:
    """Yield a body as it comes.

    Args:
        request: its length may be declared or not.
        longest: bytes.

    Raises:
        RequestError: 413, it is longer: at once if that is declared, else as soon as it is.
    """
    declared = request.headers.get("content-length")
    if declared is not None:
        declared_length(declared, longest)
    count = 0
    async for piece in request.stream():
        count += len(piece)
        if count > longest:
            raise RequestError(413, f"the request is longer than {longest} bytes")
        if piece:
            yield piece


async def read_body(request: Request, longest: int) -> bytes:
    """Return a whole body; see ``pieces``."""
    return b"".join([piece async for piece in pieces(request, longest)])


async def read_object(request: Request, longest: int = LONGEST_JSON) -> dict[str, Any]:
    """Return a body that is a JSON object."""
    return read_json(await read_body(request, longest))

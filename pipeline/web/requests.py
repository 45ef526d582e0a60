"""Limits of requests: how long, how deep, how silent."""

from __future__ import annotations

import json
from typing import Any

SILENCE = 10.0
"""Seconds that a browser may be silent in the middle of a request."""

_DEEPEST = 20  # levels of a JSON text; what a page sends has four


class RequestError(ValueError):
    """A request that is not answered; its text says why, in one line."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


def declared_length(value: str | None, longest: int, missing: int | None = None) -> int:
    """Read ``Content-Length``.

    Args:
        value: of the header.
        longest: bytes that are accepted.
        missing: the length where the header is missing; ``None``: that is refused.

    Raises:
        RequestError: 411 without a length, 413 above the limit, 400 for nonsense.
    """
    if value is None:
        if missing is None:
            raise RequestError(411, "the request does not say how long it is")
        return missing
    if not (value.isascii() and value.isdigit()):
        raise RequestError(400, f"a request of {value[:20]} bytes is refused")
    length = int(value[:20])
    if length > longest:
        raise RequestError(413, f"a request of {length} bytes is refused; at most {longest}")
    return length


def read_json(body: bytes) -> dict[str, Any]:
    """Read an object from a JSON text.

    Raises:
        RequestError: it is no JSON, no object, or nested too deeply.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, "the request is no JSON") from error
    if not isinstance(value, dict):
        raise RequestError(400, "the request is no JSON object")
    if _depth(value) > _DEEPEST:
        raise RequestError(400, f"the request is nested more than {_DEEPEST} levels deep")
    return value


def _depth(value: Any) -> int:
    """Levels of lists and objects, counted no further than is allowed."""
    level, depth = [value], 0
    while level and depth <= _DEEPEST:
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        depth += any(isinstance(item, (dict, list)) for item in level)
        level = inner
    return depth

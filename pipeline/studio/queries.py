"""What is in the address of a request, checked; and files as answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from ..web.requests import RequestError

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Table = list[tuple[str, str, Handler]]
"""Method, path, and what answers it."""

_NOT_SETTINGS = frozenset({"t", "height", "exact", "slot", "token", "v"})
_FILM_TYPES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime"}


def seconds_of(request: Request) -> float:
    """Return the time ``t``, seconds after a film's first frame.

    Raises:
        RequestError: it is none.
    """
    return _number(request, "t", 0.0, 0.0, 1e6)


def height_of(request: Request) -> int:
    """Return the ``height`` of a picture, px.

    Raises:
        RequestError: it is none.
    """
    return int(_number(request, "height", 720, 16, 2160))


def settings_of(query: QueryParams) -> dict[str, Any]:
    """Return what of a query is a setting; one that is given several times is a list."""
    chosen: dict[str, Any] = {}
    for name in query:
        if name not in _NOT_SETTINGS:
            values = query.getlist(name)
            chosen[name] = values[0] if len(values) == 1 else values
    return chosen


def jpeg(data: bytes, headers: dict[str, str] | None = None) -> Response:
    """Return a JPEG as an answer."""
    return Response(data, media_type="image/jpeg", headers=headers)


def file_answer(path: Path, download: bool = False) -> Response:
    """Return a file as an answer, with byte ranges.

    Args:
        path: the file.
        download: the browser saves it instead of showing it.
    """
    kind = _FILM_TYPES.get(path.suffix.lower())
    return FileResponse(path, media_type=kind, filename=path.name if download else None)


def _number(request: Request, name: str, usual: float, least: float, most: float) -> float:
    text = request.query_params.get(name)
    if text is None or text == "":
        return usual
    try:
        value = float(text[:30])
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise RequestError(400, f"{name} is a number from {least:g} to {most:g}")
    return value

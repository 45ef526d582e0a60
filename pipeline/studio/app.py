"""What the browser reaches of a studio: the page, and the requests that it makes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from ..core.errors import StylizeError
from ..web.access import Access
from ..web.requests import RequestError
from .clip_routes import ClipRoutes
from .guard import Guard
from .job_routes import JobRoutes
from .keyframe_routes import KeyframeRoutes
from .painting import StaleError
from .queries import Table
from .studio import Studio
from .style_routes import StyleRoutes
from .uploads import Uploads

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
}


def make_app(studio: Studio, access: Access) -> ASGIApp:
    """Make the ASGI application.

    Args:
        studio: what it serves.
        access: who may use it.
    """
    uploads = Uploads(studio.folder)
    table = [
        *ClipRoutes(studio, uploads).table(),
        *StyleRoutes(studio, uploads).table(),
        *JobRoutes(studio).table(),
        *KeyframeRoutes(studio, uploads).table(),
        *_PageRoutes(studio).table(),
    ]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        studio.events.open()
        yield

    failures = (RequestError, StylizeError, StaleError, OSError, ClientDisconnect)
    app = Starlette(
        routes=[Route(path, handler, methods=[method]) for method, path, handler in table],
        lifespan=lifespan,
        exception_handlers=dict.fromkeys(failures, _refused),
    )
    app.router.redirect_slashes = False
    return Guard(app, access)


async def _refused(request: Request, error: Exception) -> Response:
    """A failure as one line: ``{"error": line}``."""
    status = 500 if isinstance(error, OSError) else 409 if isinstance(error, StaleError) else 400
    if isinstance(error, RequestError):
        status = error.status
    return JSONResponse({"error": str(error) or type(error).__name__}, status)


class _PageRoutes:
    """The page itself, and what it is told."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._files = dict(_page_files(files(__package__ or "").joinpath("page")))

    def table(self) -> Table:
        return [
            ("GET", "/api/state", self.state),
            ("GET", "/api/events", self.events),
            ("GET", "/{path:path}", self.page),
        ]

    async def page(self, request: Request) -> Response:
        """A file of the page: one of those that came with the program, by its whole name."""
        name = request.path_params["path"] or "index.html"
        if name not in self._files:
            raise RequestError(404, "there is no such page")
        kind = _TYPES.get(Path(name).suffix, "application/octet-stream")
        return Response(self._files[name].read_bytes(), media_type=kind)

    async def state(self, request: Request) -> Response:
        """Everything that the page shows at first."""
        return JSONResponse(await run_in_threadpool(self._studio.state))

    async def events(self, request: Request) -> Response:
        """What changes, from now on."""
        events = self._studio.events
        if events.is_full:
            raise RequestError(503, "so many pages are open already; close one")
        return StreamingResponse(events.listen(), media_type="text/event-stream")


def _page_files(folder: Traversable, before: str = "") -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for entry in folder.iterdir() if folder.is_dir() else ():
        name = before + entry.name
        found += _page_files(entry, f"{name}/") if entry.is_dir() else [(name, entry)]
    return found

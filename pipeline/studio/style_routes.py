"""Requests about styles: those that have a name, and the paintings in the folder."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .library import PAINTING_SUFFIXES, Painting
from .probe import check_painting
from .queries import Table, height_of, jpeg
from .stills import painting_jpeg
from .studio import Studio
from .uploads import Uploads


class StyleRoutes:
    """The requests about styles.

    Args:
        studio: that they are about.
        uploads: receives new paintings.
    """

    def __init__(self, studio: Studio, uploads: Uploads) -> None:
        self._studio = studio
        self._uploads = uploads

    def table(self) -> Table:
        """Return every path, and what answers it."""
        one = "/api/paintings/{id}"
        return [
            ("GET", "/api/styles", self.styles),
            ("GET", "/api/paintings", self.all),
            ("POST", "/api/paintings", self.add),
            ("DELETE", one, self.remove),
            ("GET", f"{one}/picture", self.picture),
        ]

    async def styles(self, request: Request) -> Response:
        """The styles that have a name."""
        return JSONResponse(await run_in_threadpool(self._studio.styles))

    async def all(self, request: Request) -> Response:
        """The pictures in the folder."""
        found = await run_in_threadpool(self._studio.library.paintings)
        return JSONResponse([one.to_json() for one in found])

    async def add(self, request: Request) -> Response:
        """Take a picture into the folder."""
        library = self._studio.library
        place = await self._uploads.take(request, PAINTING_SUFFIXES, check_painting, library)
        found = await run_in_threadpool(library.paintings)
        return JSONResponse(next(one.to_json() for one in found if one.path == place), 201)

    async def remove(self, request: Request) -> Response:
        """Remove a picture that came through the page."""
        await run_in_threadpool(self._studio.library.remove, await self._painting(request))
        return Response(status_code=204)

    async def picture(self, request: Request) -> Response:
        """A painting, reduced."""
        one, height = await self._painting(request), height_of(request)
        return jpeg(await run_in_threadpool(painting_jpeg, one.path, height))

    async def _painting(self, request: Request) -> Painting:
        library = self._studio.library
        return await run_in_threadpool(library.painting, request.path_params["id"])

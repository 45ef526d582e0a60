"""Key frames on the page: written by a job, downloaded, painted elsewhere, dropped back."""

from __future__ import annotations

import re

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..core.files import PICTURE_SUFFIXES
from ..web.requests import RequestError
from .bodies import read_object
from .probe import check_painting
from .queries import Table
from .studio import Studio
from .uploads import Uploads

_NAME = re.compile(r"\d{1,9}\.[a-z]{3,5}")


class KeyframeRoutes:
    """The requests about key frames.

    Args:
        studio: that they are about.
        uploads: receives painted ones.
    """

    def __init__(self, studio: Studio, uploads: Uploads) -> None:
        self._studio = studio
        self._uploads = uploads

    def table(self) -> Table:
        """Return every path, and what answers it."""
        return [
            ("POST", "/api/keyframes", self.write),
            ("GET", "/api/clips/{id}/keyframes", self.painted),
            ("PUT", "/api/clips/{id}/keyframes", self.put_painted),
        ]

    async def write(self, request: Request) -> Response:
        """Queue a job that writes the frames to paint: its result is a .zip, its notes say more.

        With ``check``, its notes say what the frames that have come back cover.
        """
        asked = {**await read_object(request), "kind": "keyframes"}
        job = await run_in_threadpool(self._studio.add_job, asked)
        return JSONResponse(job.to_json(), 201)

    async def painted(self, request: Request) -> Response:
        """Name the painted frames that have come back."""
        clip = await run_in_threadpool(self._studio.library.clip, request.path_params["id"])
        folder = self._studio.notes.painted_folder(clip)
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        return JSONResponse({"painted": [name for name in names if _NAME.fullmatch(name)]})

    async def put_painted(self, request: Request) -> Response:
        """Take a painted frame under its number: ``?name=000042.png``."""
        clip = await run_in_threadpool(self._studio.library.clip, request.path_params["id"])
        async with self._uploads.received(request, PICTURE_SUFFIXES) as (part, name):
            if _NAME.fullmatch(name.lower()) is None:
                raise RequestError(400, f"{name} is no key frame; keep its number: 000042.png")
            await run_in_threadpool(check_painting, part)
            folder = self._studio.notes.painted_folder(clip)
            folder.mkdir(exist_ok=True)
            part.replace(folder / name.lower())
        return JSONResponse({"name": name.lower()}, 201)

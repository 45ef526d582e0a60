"""Requests about clips: the film, its frames, its shots, what is drawn and written for it."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ..web.requests import RequestError
from .bodies import read_body
from .library import Clip
from .notes import LARGEST_MASK, LONGEST_TIMELINE
from .painting import PaintedFrame, StaleError, SupersededError
from .probe import CLIP_SUFFIXES, clip_facts
from .queries import Table, file_answer, height_of, jpeg, seconds_of, settings_of
from .stills import jpeg_of, still
from .studio import Studio
from .uploads import Uploads


class ClipRoutes:
    """The requests about clips.

    Args:
        studio: that they are about.
        uploads: receives new ones.
    """

    def __init__(self, studio: Studio, uploads: Uploads) -> None:
        self._studio = studio
        self._uploads = uploads

    def table(self) -> Table:
        """Return every path, and what answers it."""
        one = "/api/clips/{id}"
        return [
            ("GET", "/api/clips", self.all),
            ("POST", "/api/clips", self.add),
            ("DELETE", one, self.remove),
            ("GET", f"{one}/file", self.file),
            ("GET", f"{one}/frame", self.frame),
            ("GET", f"{one}/painted", self.painted),
            ("GET", f"{one}/shots", self.shots),
            ("GET", f"{one}/mask", self.mask),
            ("PUT", f"{one}/mask", self.set_mask),
            ("GET", f"{one}/timeline", self.timeline),
            ("PUT", f"{one}/timeline", self.set_timeline),
        ]

    async def all(self, request: Request) -> Response:
        """The films in the folder."""
        found = await run_in_threadpool(self._studio.library.clips)
        return JSONResponse([clip.to_json() for clip in found])

    async def add(self, request: Request) -> Response:
        """Take a film into the folder."""
        place = await self._uploads.take(request, CLIP_SUFFIXES, clip_facts, self._studio.library)
        found = await run_in_threadpool(self._studio.library.clips)
        return JSONResponse(next(c.to_json() for c in found if c.path == place), 201)

    async def remove(self, request: Request) -> Response:
        """Remove a film that came through the page."""
        clip = await self._clip(request)
        await run_in_threadpool(self._studio.library.remove, clip)
        return Response(status_code=204)

    async def file(self, request: Request) -> Response:
        """A film, with byte ranges."""
        return file_answer((await self._clip(request)).path)

    async def frame(self, request: Request) -> Response:
        """A frame as it is."""
        clip = await self._clip(request)
        seconds, height = seconds_of(request), height_of(request)
        return jpeg(await run_in_threadpool(lambda: jpeg_of(still(clip.path, seconds), height)))

    async def painted(self, request: Request) -> Response:
        """A frame as it is painted with the settings in the query."""
        clip = await self._clip(request)
        seconds, height = seconds_of(request), height_of(request)
        exact = request.query_params.get("exact") == "1"
        chosen = settings_of(request.query_params)
        slot = request.query_params.get("slot") or f"{chosen.get('style')} {height} {exact}"
        future = await run_in_threadpool(
            self._studio.paint, clip, seconds, chosen, exact, height, slot
        )
        try:
            frame = await self._painted(request, future)
        except (StaleError, SupersededError):  # no failure: a newer request is answered instead
            return Response(status_code=204)
        return jpeg(frame.jpeg, {"X-Preview": "1"} if frame.preview else {})

    async def shots(self, request: Request) -> Response:
        """The shots of a film, as far as they are known."""
        clip = await self._clip(request)
        return JSONResponse(await run_in_threadpool(self._studio.shots.shots, clip))

    async def mask(self, request: Request) -> Response:
        """The mask that was painted nearest to a time."""
        clip = await self._clip(request)
        path = self._studio.notes.mask(clip, seconds_of(request))
        if path is None:
            raise RequestError(404, f"{clip.name} has no mask on this page yet")
        return file_answer(path)

    async def set_mask(self, request: Request) -> Response:
        """Keep a mask; an empty one removes it."""
        clip = await self._clip(request)
        png = await read_body(request, LARGEST_MASK)
        await run_in_threadpool(self._studio.notes.set_mask, clip, seconds_of(request), png)
        return Response(status_code=204)

    async def timeline(self, request: Request) -> Response:
        """The text of a timeline."""
        return PlainTextResponse(self._studio.notes.timeline(await self._clip(request)))

    async def set_timeline(self, request: Request) -> Response:
        """Keep a timeline; an empty one removes it."""
        clip = await self._clip(request)
        body = await read_body(request, LONGEST_TIMELINE)
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise RequestError(400, "the timeline is no text in UTF-8") from error
        await run_in_threadpool(self._studio.set_timeline, clip, text)
        return Response(status_code=204)

    async def _clip(self, request: Request) -> Clip:
        return await run_in_threadpool(self._studio.library.clip, request.path_params["id"])

    async def _painted(self, request: Request, future: Future[PaintedFrame]) -> PaintedFrame:
        """A frame from the painter; who goes away before it is begun gets none."""
        result = asyncio.wrap_future(future)
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait({result, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not result.done():
                raise StaleError("nobody waits for it any more")
            return result.result()
        finally:
            gone.cancel()
            result.cancel()


async def _gone(request: Request) -> None:
    """Wait for the browser to go away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass

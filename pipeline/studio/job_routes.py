"""Requests about jobs: to queue, watch, stop and resume them, and to get what they have made."""

from __future__ import annotations

from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..web.requests import RequestError
from .bodies import read_object
from .jobs import Job
from .queries import Table, file_answer
from .studio import Studio


class JobRoutes:
    """The requests about jobs.

    Args:
        studio: that they are about.
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def table(self) -> Table:
        """Return every path, and what answers it."""
        one = "/api/jobs/{id}"
        return [
            ("POST", "/api/command", self.command),
            ("GET", "/api/jobs", self.all),
            ("POST", "/api/jobs", self.add),
            ("GET", one, self.one),
            ("DELETE", one, self.remove),
            ("POST", f"{one}/cancel", self.cancel),
            ("POST", f"{one}/resume", self.resume),
            ("GET", f"{one}/result", self.result),
            ("GET", f"{one}/picture", self.picture),
        ]

    async def command(self, request: Request) -> Response:
        """The state of the page as a command line and as YAML."""
        asked = await read_object(request)
        return JSONResponse(await run_in_threadpool(self._studio.orders.command, asked))

    async def all(self, request: Request) -> Response:
        """All jobs, the oldest first."""
        return JSONResponse([job.to_json() for job in self._studio.jobs.all()])

    async def one(self, request: Request) -> Response:
        """One job."""
        return JSONResponse(self._job(request).to_json())

    async def add(self, request: Request) -> Response:
        """Queue a job."""
        job = await run_in_threadpool(self._studio.add_job, await read_object(request))
        return JSONResponse(job.to_json(), 201)

    async def remove(self, request: Request) -> Response:
        """Take a job off the list."""
        await run_in_threadpool(self._studio.remove_job, self._job(request))
        return Response(status_code=204)

    async def cancel(self, request: Request) -> Response:
        """Stop a job as Ctrl-C does."""
        await run_in_threadpool(self._studio.runner.cancel, self._job(request).id)
        return JSONResponse(self._job(request).to_json())

    async def resume(self, request: Request) -> Response:
        """Go on with a job that failed or was stopped."""
        await run_in_threadpool(self._studio.resume, self._job(request))
        return JSONResponse(self._job(request).to_json())

    async def result(self, request: Request) -> Response:
        """What a job has made, with byte ranges; with ``?download=1`` to be saved."""
        job = self._job(request)
        if not job.is_over or not job.file.is_file() or not self._studio.folder.holds(job.file):
            raise RequestError(404, "this job has no result yet")
        return file_answer(job.file, download="download" in request.query_params)

    async def picture(self, request: Request) -> Response:
        """Of a learning: the picture as it improves."""
        path = Path(self._job(request).samples)
        if path.suffix != ".png" or not path.is_file():
            raise RequestError(404, "there is no picture of it yet")
        return file_answer(path)

    def _job(self, request: Request) -> Job:
        job = self._studio.jobs.get(request.path_params["id"])
        if job is None:
            raise RequestError(404, "there is no such job any more")
        return job

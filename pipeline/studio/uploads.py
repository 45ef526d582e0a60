"""Files that come into the folder: hidden until they are complete and can be read."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ..core.errors import SourceError, reason
from ..core.files import NO_SPACE
from ..web.requests import RequestError
from .bodies import pieces
from .folder import StudioFolder, plain_name
from .library import Library

LARGEST = 8_000_000_000
"""Bytes of an upload. A larger film is put into the folder by hand."""
AT_ONCE = 4
"""Uploads at the same time."""
_BLOCK = 1 << 20  # bytes that are written at once


class Uploads:
    """Receives files.

    Args:
        folder: of the studio.
    """

    def __init__(self, folder: StudioFolder) -> None:
        self._folder = folder
        self._running = 0

    @asynccontextmanager
    async def received(
        self, request: Request, suffixes: Collection[str]
    ) -> AsyncGenerator[tuple[Path, str]]:
        """Give the complete file of a request for the time of the block; then it is removed.

        Args:
            request: its body is the file, its query has the ``name``.
            suffixes: endings that are taken.

        Raises:
            RequestError: its name, its size, no room, too many at once.
        """
        name = plain_name(request.query_params.get("name", ""), suffixes)
        if self._running >= AT_ONCE:
            raise RequestError(503, f"{AT_ONCE} files are being uploaded already; wait for one")
        ending = Path(name).suffix.lower()
        part = self._folder.part("uploads", secrets.token_hex(8) + ending)
        self._running += 1
        try:
            await self._receive(request, part)
            yield part, name
        finally:
            self._running -= 1
            part.unlink(missing_ok=True)

    async def take(
        self,
        request: Request,
        suffixes: Collection[str],
        check: Callable[[Path], object],
        library: Library,
    ) -> Path:
        """Take a file into the folder; what can't be read is not kept.

        Args:
            request: see ``received``.
            suffixes: endings that are taken.
            check: reads it; raises ``SourceError`` where it is not what its name says.
            library: of the folder.

        Raises:
            RequestError: see ``received``; 415, it is not what its name says.
        """
        async with self.received(request, suffixes) as (part, name):
            try:
                await run_in_threadpool(check, part)
            except SourceError as error:
                line = str(error).replace(str(part), name).replace(part.name, name)
                raise RequestError(415, line) from error
            return await run_in_threadpool(library.add, part, name)

    async def _receive(self, request: Request, part: Path) -> None:
        room = self._folder.room()
        longest = min(LARGEST, room)
        try:
            with part.open("xb") as file:
                block = bytearray()
                async for piece in pieces(request, longest):
                    block += piece
                    if len(block) >= _BLOCK:
                        await run_in_threadpool(file.write, bytes(block))
                        block.clear()
                await run_in_threadpool(file.write, bytes(block))
        except RequestError as error:
            if error.status == 413 and room < LARGEST:
                line = f"the disk has room for {room // 1_000_000} MB more"
                raise RequestError(507, line) from error
            raise
        except OSError as error:
            if error.errno in NO_SPACE:
                raise RequestError(507, "the disk is full") from error
            raise RequestError(500, f"the file can't be kept: {reason(error)}") from error

"""The container of an encoded live output: opened, written and closed, with errors of one line."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet

from ...core.errors import SinkError, reason
from ...core.files import unfinished_path, unused_path
from ..relay import RelayedOut
from .target import Target

log = logging.getLogger(__name__)


class LiveContainer:
    """An open container: a stream, an HLS folder or a file.

    What PyAV's own FFmpeg cannot open goes through the program ``ffmpeg``. A file takes its name
    when it is complete; until then it is a hidden ``.part`` file, which plays if the run is killed.

    Args:
        target: the stream, folder or file to write.
        add_streams: adds the streams to the container; may be called twice.
        overwrite: a file of that name is replaced.

    Raises:
        SinkError: it can't be opened.
    """

    def __init__(
        self, target: Target, add_streams: Callable[[OutputContainer], None], overwrite: bool
    ) -> None:
        self._target = target
        self._add_streams = add_streams
        self._overwrite = overwrite
        self._part: Path | None = None
        if target.file is not None:
            self._part = unused_path(unfinished_path(target.file))
        self._relay: RelayedOut | None = None
        try:
            with self.errors("can't be opened"):
                self._open()
        except SinkError:
            self._close_relay()
            raise

    def _open(self) -> None:
        try:
            self._container = self._begin()
        except av.ProtocolNotFoundError:
            self._relay = RelayedOut(self._target.url)
            self._container = self._begin()

    def _begin(self) -> OutputContainer:
        """Open the container, add its streams and write its header."""
        options = {"flush_packets": "1", "max_interleave_delta": "500000", **self._target.options}
        url: Any = self._target.url if self._part is None else str(self._part)
        if self._relay is not None:
            url = self._relay.pipe
        container = av.open(url, "w", format=self._target.form, options=options)
        try:
            self._add_streams(container)
            container.start_encoding()
        except BaseException:
            with suppress(av.FFmpegError, OSError):
                container.close()
            raise
        return container

    def mux(self, packets: Sequence[Packet]) -> None:
        """Write encoded packets; call it within ``errors``."""
        self._container.mux(packets)

    def close(self, flush: Callable[[], None]) -> None:
        """Finish the container and give a file its name.

        Args:
            flush: writes the packets that the encoders still hold.

        Raises:
            SinkError: it can't be finished.
        """
        with self.errors("can't be finished"):
            with ExitStack() as last:
                last.callback(self._close_relay)
                last.callback(self._container.close)
                flush()
            if self._part is not None and self._target.file is not None:
                self._rename(self._part, self._target.file)

    def _rename(self, part: Path, file: Path) -> None:
        """Give the file its name; a file that has appeared there is not replaced."""
        name = file if self._overwrite else unused_path(file)
        if name != file:
            log.warning("%s appeared during the run and was not replaced; see %s", file, name)
        part.replace(name)

    def _close_relay(self) -> None:
        if self._relay is not None:
            self._relay.close()

    @contextmanager
    def errors(self, what: str) -> Generator[None]:
        """Turn the errors of FFmpeg and of the system into one line.

        Args:
            what: what has happened to the output, as "is gone".

        Raises:
            SinkError: an error was raised inside.
        """
        try:
            yield
        except (av.FFmpegError, OSError, ValueError) as error:
            cause = error if self._relay is None else self._relay.error_message(error)
            raise SinkError(f"{self._target.name} {what}: {reason(cause)}") from error

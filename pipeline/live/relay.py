"""Protocols that PyAV's own FFmpeg was built without, as SRT: through the program ``ffmpeg``.

It copies packets as MPEG-TS; nothing is encoded again.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
from contextlib import suppress
from typing import IO

import av
from av.container import InputContainer

from ..core.concurrency import thread_name
from ..media.container import open_container

_START_TIMEOUT = 5.0  # seconds that the program has to connect
_END_TIMEOUT = 2.0  # seconds that it has to send what is left
_LOW_DELAY = ["-fflags", "nobuffer", "-probesize", "1000000", "-analyzeduration", "1000000"]
_COPY = ["-map", "0", "-c", "copy", "-flush_packets", "1", "-muxdelay", "0", "-muxpreload", "0"]


class _Ffmpeg:
    """The running program; its error messages are collected."""

    def __init__(self, source: str, target: str, with_stdin: bool) -> None:
        program = shutil.which("ffmpeg")
        if program is None:
            raise OSError("PyAV can't speak this; install FFmpeg's program, ffmpeg, which can")
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the program
        self._last_line = ""
        command = [program, "-hide_banner", "-loglevel", "error", *_LOW_DELAY]
        self.process = subprocess.Popen(
            [*command, "-i", source, *_COPY, "-f", "mpegts", target],
            stdin=subprocess.PIPE if with_stdin else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )

    def error_message(self, otherwise: BaseException) -> OSError:
        """Make an error of the last line that the program printed; else of another's message."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(0.5)
        return OSError(self._read_last_line() or str(otherwise))

    def _read_last_line(self) -> str:
        if not self._log.closed:
            self._log.seek(0)
            printed = self._log.read().decode(errors="replace").strip().splitlines()
            self._last_line = printed[-1] if printed else ""
        return self._last_line

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._read_last_line()
        self._log.close()


def free_port() -> int:
    """Find a TCP port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RelayedIn:
    """Reads an address through a port of this machine, with PyAV's own timeouts.

    Args:
        url: the address.
        timeout: the time to wait for data, seconds.

    Raises:
        OSError: it can't be reached, or there is no ``ffmpeg``.
    """

    def __init__(self, url: str, timeout: float) -> None:
        port = free_port()
        local = f"tcp://127.0.0.1:{port}"
        self._ffmpeg = _Ffmpeg(url, local, with_stdin=False)
        self._watcher = threading.Thread(
            target=self._watch, args=(port,), name=thread_name("relay")
        )
        self._watcher.start()
        wait = max(_START_TIMEOUT, timeout)
        try:
            self.container: InputContainer = open_container(
                f"{local}?listen=1&listen_timeout={round(1000 * wait)}",
                format="mpegts",
                timeout=(wait, timeout),
            )
        except (av.FFmpegError, OSError) as error:
            failure = self._ffmpeg.error_message(error)
            self.close()
            raise failure from error

    def _watch(self, port: int) -> None:
        """When the program ends before it has connected, connect: so PyAV stops waiting for it."""
        self._ffmpeg.process.wait()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()

    def close(self) -> None:
        """End the program. The container is the caller's to close."""
        self._ffmpeg.close()
        self._watcher.join()


class RelayedOut:
    """Writes to an address through a pipe.

    Args:
        url: the address.

    Raises:
        OSError: there is no ``ffmpeg``.
    """

    def __init__(self, url: str) -> None:
        self._ffmpeg = _Ffmpeg("pipe:0", url, with_stdin=True)
        assert self._ffmpeg.process.stdin is not None
        self.pipe: IO[bytes] = self._ffmpeg.process.stdin

    def error_message(self, otherwise: BaseException) -> OSError:
        """Make an error that says why the program ended; else one of another's message."""
        return self._ffmpeg.error_message(otherwise)

    def close(self) -> None:
        """Let the program send what it has, and end it."""
        with suppress(OSError):
            self.pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self._ffmpeg.process.wait(_END_TIMEOUT)
        self._ffmpeg.close()

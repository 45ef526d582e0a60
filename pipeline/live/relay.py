"""Schemes that PyAV's own FFmpeg was built without, SRT first: through the system's ``ffmpeg``.

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

_STARTS = 5.0  # seconds that it may take to be there
_ENDS = 2.0  # seconds that it may take to send what it has
_QUICK = ["-fflags", "nobuffer", "-probesize", "1000000", "-analyzeduration", "1000000"]
_COPY = ["-map", "0", "-c", "copy", "-flush_packets", "1", "-muxdelay", "0", "-muxpreload", "0"]


class _Ffmpeg:
    """The program, running; what it complains of is kept."""

    def __init__(self, source: str, target: str, heard: bool) -> None:
        program = shutil.which("ffmpeg")
        if program is None:
            raise OSError("PyAV can't speak this; install FFmpeg's program, ffmpeg, which can")
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the program
        words = [program, "-hide_banner", "-loglevel", "error", *_QUICK]
        self._words = ""
        self.process = subprocess.Popen(
            [*words, "-i", source, *_COPY, "-f", "mpegts", target],
            stdin=subprocess.PIPE if heard else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
        )

    def error_message(self, otherwise: BaseException) -> OSError:
        """Its last words; else another's."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(0.5)
        return OSError(self._last_words() or str(otherwise))

    def _last_words(self) -> str:
        if not self._said.closed:
            self._said.seek(0)
            lines = self._said.read().decode(errors="replace").strip().splitlines()
            self._words = lines[-1] if lines else ""
        return self._words

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._last_words()
        self._said.close()


def free_port() -> int:
    """A port of this machine that nobody has now."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


class RelayedIn:
    """What comes from an address, through a port of this machine, with PyAV's own timeouts.

    Args:
        url: the address.
        timeout: seconds to wait for something.

    Raises:
        OSError: it can't be reached, or there is no ``ffmpeg``.
    """

    def __init__(self, url: str, timeout: float) -> None:
        port = free_port()
        local = f"tcp://127.0.0.1:{port}"
        self._ffmpeg = _Ffmpeg(url, local, heard=False)
        self._watching = threading.Thread(
            target=self._watch, args=(port,), name=thread_name("relay")
        )
        self._watching.start()
        wait = max(_STARTS, timeout)
        try:
            self.container: InputContainer = av.open(
                f"{local}?listen=1&listen_timeout={round(1000 * wait)}",
                format="mpegts",
                timeout=(wait, timeout),
            )
        except (av.FFmpegError, OSError) as error:
            told = self._ffmpeg.error_message(error)
            self.close()
            raise told from error

    def _watch(self, port: int) -> None:
        """Where it ends before it has come, nobody needs to wait for it."""
        self._ffmpeg.process.wait()
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()

    def close(self) -> None:
        """End it. The container is the caller's to close."""
        self._ffmpeg.close()
        self._watching.join()


class RelayedOut:
    """What goes to an address, through a pipe.

    Args:
        url: the address.

    Raises:
        OSError: there is no ``ffmpeg``.
    """

    def __init__(self, url: str) -> None:
        self._ffmpeg = _Ffmpeg("pipe:0", url, heard=True)
        assert self._ffmpeg.process.stdin is not None  # it was asked for
        self.pipe: IO[bytes] = self._ffmpeg.process.stdin

    def error_message(self, otherwise: BaseException) -> OSError:
        """Why it ended."""
        return self._ffmpeg.error_message(otherwise)

    def close(self) -> None:
        """End it, after it has sent what it has."""
        with suppress(OSError):
            self.pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self._ffmpeg.process.wait(_ENDS)
        self._ffmpeg.close()

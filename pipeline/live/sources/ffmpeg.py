"""Live pictures and audio by FFmpeg: network streams, the screen, a file at its own speed."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from fractions import Fraction
from math import inf
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from ...core.errors import SourceError, reason
from ...core.frame import Frame
from ...media.adapters import Orientation, ToPicture
from ...media.color import tags_of
from ...media.container import open_container
from ...media.source import SourceInfo, fit_size
from ..relay import RelayedIn
from .address import ANALYSIS_SECONDS, Address
from .source import MAX_JUMP, AudioChunk

_PLANAR = ("yuv420p", "yuvj420")  # beginnings of the pixel formats that need no conversion


class FfmpegSource:
    """Reads an address.

    Args:
        address: the address to open.
        size: ``WxH`` or ``720p`` of the frames; ``None``: the stream's own.
        timeout: seconds without data after which the source has failed.

    Raises:
        SourceError: it can't be opened, or it has no video.
    """

    def __init__(self, address: Address, size: str | None, timeout: float) -> None:
        self._address = address
        self._timeout = timeout
        self._relay: RelayedIn | None = None
        self._container = self._open()
        # FFmpeg reads the segments of a playlist, and a film on a server, as fast as it can.
        is_film = address.url.startswith(("http://", "https://")) and bool(self._container.duration)
        is_playlist = self._container.format.name in ("hls", "dash")
        self._paced = address.paced or is_film or is_playlist
        self.reconnects = address.reconnects and not is_film
        try:
            self._video, self._audio = self._find_streams()
            orientation = Orientation()
            if address.paced:
                orientation = _read_orientation(self._container, self._video, address.name)
            self.info = _describe(self._video, orientation, address.name, size)
        except BaseException:
            self.close()
            raise
        self.has_audio = self._audio is not None
        shape = self.info.width, self.info.height
        self._to_picture = ToPicture(*shape, orientation, planar=True, rescale=True)

    def _open(self) -> InputContainer:
        address = self._address
        timeout = None if address.paced else (self._timeout + ANALYSIS_SECONDS, self._timeout)
        try:
            try:
                return open_container(
                    address.url, format=address.form, options=address.options, timeout=timeout
                )
            except av.ProtocolNotFoundError:
                self._relay = RelayedIn(address.url, self._timeout)
                return self._relay.container
        except (av.FFmpegError, OSError, ValueError) as error:
            raise SourceError(f"{address.name} can't be opened: {self._reason(error)}") from error

    def _reason(self, error: BaseException) -> str:
        if isinstance(error, av.ExitError):
            return f"no data for {self._timeout:g} s"
        return reason(error)

    def _find_streams(self) -> tuple[VideoStream, AudioStream | None]:
        video = self._container.streams.best("video")
        if not isinstance(video, VideoStream):
            raise SourceError(f"{self._address.name} has no video")
        video.thread_type = "SLICE"  # frame threads would delay the picture by as many frames
        audio = self._container.streams.best("audio", related=video)
        return video, audio if isinstance(audio, AudioStream) else None

    def items(self) -> Generator[Frame | AudioChunk]:
        """See ``LiveSource.items``."""
        pace = Pace(inf if self._address.paced else MAX_JUMP) if self._paced else None
        for packet, captured in self._packets():
            for decoded in _decode(packet):
                time_base = decoded.time_base or packet.time_base
                if decoded.pts is None or time_base is None:
                    continue
                if isinstance(decoded, av.AudioFrame):
                    yield AudioChunk(decoded, decoded.pts * time_base)
                    continue
                if pace is not None:
                    captured = pace.wait(float(decoded.pts * time_base))
                picture = self._to_picture(decoded)
                yield Frame(picture, decoded.pts, Fraction(time_base), captured=captured)

    def _packets(self) -> Iterator[tuple[Packet, float]]:
        """Packets, and when each was read, seconds of ``time.monotonic``."""
        streams = [s for s in (self._video, self._audio) if s is not None]
        packets = self._container.demux(streams)
        while True:
            try:
                packet = next(packets, None)
            except av.EOFError:
                return
            except (av.FFmpegError, OSError) as error:
                why = self._reason(error)
                raise SourceError(f"{self._address.name} was interrupted: {why}") from error
            if packet is None:
                return
            yield packet, time.monotonic()

    def close(self) -> None:
        """See ``LiveSource.close``."""
        self._container.close()
        if self._relay is not None:
            self._relay.close()


def _read_orientation(container: InputContainer, video: VideoStream, name: str) -> Orientation:
    """The orientation of a file, which its first frame has; the file is then at its start again."""
    with suppress(av.FFmpegError):
        for frame in container.decode(video):
            container.seek(0)
            return Orientation.of(frame)
    raise SourceError(f"{name}: no frame of it can be decoded")


def _describe(
    video: VideoStream, orientation: Orientation, name: str, size: str | None
) -> SourceInfo:
    """Size, rate and time base of the frames that the source will give."""
    width, height = video.codec_context.width, video.codec_context.height
    if not (width and height):
        raise SourceError(f"{name}: no picture arrived, so its size is unknown")
    height, width = orientation.size(height, width)
    aspect = orientation.aspect(Fraction(video.sample_aspect_ratio or 1))
    if size is None and aspect != 1:
        size = f"{height}p"  # a window and a page can only display square pixels
    output_size = fit_size(size, width, height, aspect)
    return SourceInfo(
        name=name,
        width=output_size[0],
        height=output_size[1],
        time_base=Fraction(video.time_base or Fraction(1, 90000)),
        rate=Fraction(video.average_rate or video.guessed_rate or 25),
        frames=None,
        start=Fraction(0),
        duration=None,
        color=tags_of(av.VideoFrame(2, 2, "yuv420p")),
        sample_aspect=Fraction(1),
        files=(),
        container=None,
    )


def _decode(packet: Packet) -> list[Any]:
    """The frames of a packet; none of a damaged one, which a network delivers now and then."""
    try:
        return packet.decode()
    except av.FFmpegError:
        return []


class Pace:
    """Waits so that frames come at the speed of their file.

    Args:
        max_jump: seconds that a frame may be early or late; beyond that the clock starts again
            from this frame.
    """

    def __init__(self, max_jump: float) -> None:
        self._max_jump = max_jump
        self._zero: float | None = None

    def wait(self, time_in_file: float) -> float:
        """Wait for a frame.

        Args:
            time_in_file: the time of the frame, seconds on the clock of the file.

        Returns:
            When the frame is due, seconds of ``time.monotonic``.
        """
        now = time.monotonic()
        due = now if self._zero is None else self._zero + time_in_file
        if self._zero is None or abs(due - now) > self._max_jump:
            self._zero, due = now - time_in_file, now
        if due > now:
            time.sleep(due - now)
        return due

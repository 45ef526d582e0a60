"""Live pictures and sound by FFmpeg: network streams, the screen, a file at its own speed."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from math import inf
from typing import Any, Protocol

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from ...core.errors import SourceError, reason
from ...core.frame import Frame, Picture
from ...media.color import ToRgb, planes_of, tags_of
from ...media.source import SourceInfo, fit_size
from ...media.video import Orientation
from ..relay import RelayedIn

NETWORK = ("rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "tcp", "rtp", "http", "https")
"""Schemes of addresses that are read."""

SCREEN = "screen:"
"""Begins the name of a screen, or of a part: ``screen:640x360+100+50``."""

MAX_JUMP = 3.0
"""Seconds that what comes may be early or late: more is another clock."""

# A live stream is joined in the middle; what is looked at first is delay.
_LOOKS = 1.5  # seconds, at most, until it is known what there is
_AT_ONCE = {
    "fflags": "nobuffer",
    "analyzeduration": str(round(_LOOKS * 1_000_000)),
    "probesize": "1000000",
}


@dataclass(frozen=True)
class AudioChunk:
    """A piece of sound, and when it begins on the source's clock, seconds."""

    frame: av.AudioFrame
    time: Fraction


class LiveSource(Protocol):
    """Pictures that come when they come."""

    info: SourceInfo
    has_audio: bool
    """It gives ``AudioChunk`` too."""
    reconnects: bool
    """Its end is a failure: it is to be opened anew."""

    def items(self) -> Generator[Frame | AudioChunk]:
        """What comes in, stamped with when; once.

        Raises:
            SourceError: it broke, or nothing came for too long.
        """
        ...

    def close(self) -> None:
        """Give the device or the connection back."""
        ...


@dataclass(frozen=True)
class Address:
    """What FFmpeg is told to open."""

    name: str
    """As the user typed it."""
    url: str
    form: str | None = None
    """FFmpeg's name of the format or device; ``None``: it finds out."""
    options: dict[str, str] = field(default_factory=dict[str, str])
    reconnects: bool = True
    """See ``LiveSource``."""
    paced: bool = False
    """It is a file, to be read at its own speed."""


def is_address(name: str) -> bool:
    """Whether an input is a network stream or a screen."""
    return name.partition("://")[0].lower() in NETWORK or name.startswith(SCREEN)


def address_of(name: str) -> Address:
    """How a network stream, or a screen, is opened.

    Raises:
        SourceError: a screen's part can't be read, or none can be had here.
    """
    if name.startswith(SCREEN):
        return _screen(name)
    options = dict(_AT_ONCE)
    scheme = name.partition("://")[0].lower()
    if scheme in ("http", "https"):
        del options["fflags"]  # of a film or a playlist, what was looked at is its beginning
    if scheme in ("rtsp", "rtsps"):
        options["rtsp_transport"] = "tcp"
    if scheme == "udp":
        options |= {"overrun_nonfatal": "1", "fifo_size": "50000"}
    return Address(name, name, options=options)


def _screen(name: str) -> Address:
    part = re.fullmatch(r"(?:(\d+)x(\d+)(?:\+(\d+)\+(\d+))?)?", name.removeprefix(SCREEN))
    if part is None:
        raise SourceError(f"{name} is no part of a screen; write screen: or screen:640x360+100+50")
    width, height, x, y = (int(n) if n else 0 for n in part.groups())
    options = {"framerate": "30", "draw_mouse": "1"}
    if width:
        options["video_size"] = f"{width}x{height}"
    if sys.platform == "darwin":
        return Address(name, "Capture screen 0", "avfoundation", {"framerate": "30"})
    if sys.platform == "win32":
        corner = {"offset_x": str(x), "offset_y": str(y)}
        return Address(name, "desktop", "gdigrab", options | corner)
    display = os.environ.get("DISPLAY")
    if not display:
        raise SourceError(f"{name}: there is no screen; DISPLAY is not set")
    return Address(name, f"{display}+{x},{y}", "x11grab", options)


class FfmpegSource:
    """What an address gives.

    Args:
        address: of it.
        size: ``WxH`` or ``720p``; ``None`` keeps its own.
        timeout: seconds without anything after which it is lost.

    Raises:
        SourceError: it can't be opened, or holds no video.
    """

    def __init__(self, address: Address, size: str | None, timeout: float) -> None:
        self._address = address
        self._timeout = timeout
        self._relay: RelayedIn | None = None
        self._container = self._opened()
        # FFmpeg reads a playlist's segments, and a film on a server, as fast as they come.
        whole = address.url.startswith(("http://", "https://")) and bool(self._container.duration)
        playlist = self._container.format.name in ("hls", "dash")
        self._paced = address.paced or whole or playlist
        self.reconnects = address.reconnects and not whole
        try:
            self._video, self._audio = self._streams()
            self._turn = Orientation()
            self.info = self._told(size)
        except BaseException:
            self.close()
            raise
        self.has_audio = self._audio is not None
        self._to_rgb = ToRgb(self.info.width, self.info.height)
        self._scaler = VideoReformatter()

    def _opened(self) -> InputContainer:
        address = self._address
        try:
            try:
                return av.open(
                    address.url,
                    format=address.form,
                    options=address.options,
                    timeout=None if address.paced else (self._timeout + _LOOKS, self._timeout),
                )
            except av.ProtocolNotFoundError:
                self._relay = RelayedIn(address.url, self._timeout)
                return self._relay.container
        except (av.FFmpegError, OSError, ValueError) as error:
            raise SourceError(f"{address.name} can't be opened: {self._why(error)}") from error

    def _why(self, error: BaseException) -> str:
        if isinstance(error, av.ExitError):
            return f"nothing came for {self._timeout:g} s"
        return reason(error)

    def _streams(self) -> tuple[VideoStream, AudioStream | None]:
        video = self._container.streams.best("video")
        if not isinstance(video, VideoStream):
            raise SourceError(f"{self._address.name} holds no video")
        video.thread_type = "SLICE"  # frame threads would be so many frames late
        audio = self._container.streams.best("audio", related=video)
        return video, audio if isinstance(audio, AudioStream) else None

    def _told(self, size: str | None) -> SourceInfo:
        video = self._video
        width, height = video.codec_context.width, video.codec_context.height
        if not (width and height):
            raise SourceError(f"{self._address.name}: no picture came that tells its size")
        if self._address.paced:  # a file's first frame tells whether it lies on its side
            self._turn = self._first_turn()
            height, width = self._turn.size(height, width)
        aspect = self._turn.aspect(Fraction(video.sample_aspect_ratio or 1))
        if size is None and aspect != 1:
            size = f"{height}p"  # neither a window nor a page knows other pixels than square ones
        given = fit_size(size, width, height, aspect)
        return SourceInfo(
            name=self._address.name,
            width=given[0],
            height=given[1],
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

    def _first_turn(self) -> Orientation:
        with suppress(av.FFmpegError):
            for frame in self._container.decode(self._video):
                self._container.seek(0)
                return Orientation.of(frame)
        raise SourceError(f"{self._address.name}: no frame of it can be decoded")

    def items(self) -> Generator[Frame | AudioChunk]:
        """See ``LiveSource.items``."""
        pace = _Pace(inf if self._address.paced else MAX_JUMP) if self._paced else None
        for packet, came in self._packets():
            for decoded in _decoded(packet):
                time_base = decoded.time_base or packet.time_base
                if decoded.pts is None or time_base is None:
                    continue
                if isinstance(decoded, av.AudioFrame):
                    yield AudioChunk(decoded, decoded.pts * time_base)
                    continue
                if pace is not None:
                    came = pace.wait(float(decoded.pts * time_base))
                picture = self._picture(decoded)
                yield Frame(picture, decoded.pts, Fraction(time_base), captured=came)

    def _packets(self) -> Iterator[tuple[Packet, float]]:
        streams = [s for s in (self._video, self._audio) if s is not None]
        packets = self._container.demux(streams)
        while True:
            try:
                packet = next(packets, None)
            except av.EOFError:
                return
            except (av.FFmpegError, OSError) as error:
                raise SourceError(f"{self._address.name} broke off: {self._why(error)}") from error
            if packet is None:
                return
            yield packet, time.monotonic()

    def _picture(self, frame: av.VideoFrame) -> Picture:
        size = self.info.width, self.info.height
        even = not (size[0] % 2 or size[1] % 2)
        planar = even and frame.format.name.startswith("yuv") and not tags_of(frame).is_hdr
        if planar and self._turn == Orientation():
            if (frame.width, frame.height) != size or frame.format.name[:7] not in _WHOLE:
                frame = self._scaler.reformat(
                    frame, *size, "yuv420p", interpolation=Interpolation.BICUBIC, threads=1
                )
            planes = planes_of(frame)
            if planes is not None:
                return planes
        return self._turn(self._to_rgb(frame))

    def close(self) -> None:
        """See ``LiveSource.close``."""
        self._container.close()
        if self._relay is not None:
            self._relay.close()


_WHOLE = ("yuv420p", "yuvj420")


def _decoded(packet: Packet) -> list[Any]:
    """Its frames; none of a damaged packet, which a network has now and then."""
    try:
        return packet.decode()
    except av.FFmpegError:
        return []


class _Pace:
    """Lets time pass as it does in a file.

    Args:
        most: seconds to wait for a frame, or that one may be late; beyond it the clock begins anew.
    """

    def __init__(self, most: float) -> None:
        self._most = most
        self._began: float | None = None

    def wait(self, at: float) -> float:
        """Until the moment ``at``, seconds on the file's clock; when that is."""
        now = time.monotonic()
        due = now if self._began is None else self._began + at
        if self._began is None or abs(due - now) > self._most:
            self._began, due = now - at, now
        if due > now:
            time.sleep(due - now)
        return due

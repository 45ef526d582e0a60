"""Frames of a video file: upright, in order, with their own times and colours."""

from __future__ import annotations

import logging
import struct
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from .color import ToRgb, tags_of
from .errors import SourceError
from .frame import ALL, Frame, Rgb, Span
from .source import SourceInfo, fit_size

log = logging.getLogger(__name__)


class VideoSource:
    """The best video stream of a file, upright, in presentation order.

    Raises:
        SourceError: FFmpeg can't read the file, or it holds no video.
    """

    def __init__(self, path: Path, size: str | None = None) -> None:
        self.path = path
        with _opened(path) as (container, stream):
            first = _first_frame(container, stream, path)
            self._turn = _Turn.of(first)
            height, width = self._turn.size(first.height, first.width)
            info = _info(path, container, stream, first, self._turn)
        given = fit_size(size, width, height, info.sample_aspect)
        if given != (width, height):
            # A size asked for is a size on the screen: square pixels.
            info = replace(info, width=given[0], height=given[1], sample_aspect=Fraction(1))
        self.info = info

    def frames(self, span: Span = ALL) -> Generator[Frame]:
        """See ``Source.frames``."""
        with _opened(self.path) as (container, stream):
            # Frame threads would lose the good pictures that are in flight beside a damaged one.
            stream.thread_type = "SLICE"
            _seek(container, stream, span)
            height, width = self._turn.size(self.info.height, self.info.width)
            to_rgb = ToRgb(width, height)
            time = Fraction(0)
            for decoded in self._decoded(container, stream):
                pts = decoded.pts
                assert pts is not None  # _decoded gives every frame one
                time = pts * self.info.time_base
                if span.end is not None and time >= span.end:
                    return
                if span.holds(time):
                    rgb = self._turn(to_rgb(decoded))
                    yield Frame(rgb, pts, self.info.time_base, int(decoded.duration or 0))
            self._refuse_missing_tail(time)

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
        """Decoded frames, each with a pts above the one before."""
        last: int | None = None
        for frame in _decode(container, stream, self.path):
            step = max(1, round(1 / (self.info.rate * self.info.time_base)))
            if frame.pts is None:
                frame.pts = 0 if last is None else last + step
            elif last is not None and frame.pts <= last:
                frame.pts = last + 1  # a broken clock must not lose a picture
            last = frame.pts
            yield frame

    def _refuse_missing_tail(self, last: Fraction) -> None:
        """A file cut short often just ends; its header still says where it should."""
        if self.info.duration is None:
            return
        missing = self.info.start + self.info.duration - last
        if missing > max(Fraction(1), self.info.duration / 20, 10 / self.info.rate):
            raise SourceError(
                f"{self.path} breaks off at {float(last):.2f} s of "
                f"{float(self.info.start + self.info.duration):.2f} s"
            )


@contextmanager
def _opened(path: Path) -> Generator[tuple[InputContainer, VideoStream]]:
    try:
        container = av.open(path)
    except (av.FFmpegError, OSError) as error:
        raise SourceError(
            f"{path} is not a video that FFmpeg can read: {_reason(error)}"
        ) from error
    with container:
        stream = container.streams.best("video")
        if stream is None or stream.disposition & stream.disposition.attached_pic:
            kinds = ", ".join(sorted({s.type for s in container.streams})) or "no stream at all"
            raise SourceError(f"{path} holds no video stream, only {kinds}")
        assert isinstance(stream, VideoStream)
        yield container, stream


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)


def _first_frame(container: InputContainer, stream: VideoStream, path: Path) -> av.VideoFrame:
    for frame in _decode(container, stream, path):
        return frame
    raise SourceError(f"{path} holds a video stream of which no frame can be decoded")


def _decode(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[av.VideoFrame]:
    """All frames that can be had. Damaged packets are passed over and counted.

    Raises:
        SourceError: the container itself broke.
    """
    damaged = good = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError) as error:
            raise SourceError(f"{path} breaks off: {_reason(error)}") from error
        if packet is None:
            break
        try:
            for frame in packet.decode():
                good += 1
                yield frame
        except av.EOFError:
            break
        except av.FFmpegError:
            damaged += 1
    if damaged and good:
        log.warning(
            "%s: %d damaged packets could not be decoded and were passed over", path, damaged
        )


def _seek(container: InputContainer, stream: VideoStream, span: Span) -> None:
    if span.start is not None and stream.time_base is not None:
        # Half a second early: with B-frames the key frame before may hold earlier pictures.
        target = int((span.start - Fraction(1, 2)) / stream.time_base)
        container.seek(max(target, stream.start_time or 0), stream=stream, backward=True)


def _info(
    path: Path, container: InputContainer, stream: VideoStream, first: av.VideoFrame, turn: _Turn
) -> SourceInfo:
    time_base = stream.time_base or Fraction(1, 1000)
    rate = stream.guessed_rate or stream.average_rate or Fraction(25)
    start = (first.pts or 0) * time_base
    if stream.duration is not None:
        duration = Fraction(stream.duration * time_base)
    elif container.duration is not None:
        begin = Fraction(container.start_time or 0, av.time_base)
        duration = begin + Fraction(container.duration, av.time_base) - start
    else:
        duration = None
    frames = stream.frames or (round(duration * rate) if duration is not None else None)
    height, width = turn.size(first.height, first.width)
    return SourceInfo(
        name=str(path),
        width=width,
        height=height,
        time_base=Fraction(time_base),
        rate=Fraction(rate),
        frames=frames,
        start=Fraction(start),
        duration=duration,
        color=tags_of(first),
        sample_aspect=turn.aspect(Fraction(stream.sample_aspect_ratio or 1)),
        container=path,
    )


@dataclass(frozen=True)
class _Turn:
    """What a display matrix asks for: ``flip`` left–right, then ``quarters`` clockwise."""

    quarters: int = 0
    flip: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> _Turn:
        """What the frame's display matrix asks for, to the nearest quarter."""
        data = frame.side_data.get("DISPLAYMATRIX")
        if data is None:
            return cls()
        a, b, _, c, d, *_ = struct.unpack("<9i", bytes(data)[:36])
        # (x, y) is shown at (a x + c y, b x + d y), y down. A negative determinant mirrors.
        flip = a * d - b * c < 0
        if flip:
            a, b = -a, -b
        quarters = round(np.degrees(np.arctan2(b, a)) / 90) % 4
        return cls(quarters, flip)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) after the turn. It is its own inverse."""
        return (width, height) if self.quarters % 2 else (height, width)

    def aspect(self, sample_aspect: Fraction) -> Fraction:
        """The pixel's shape after the turn."""
        return 1 / sample_aspect if self.quarters % 2 else sample_aspect

    def __call__(self, rgb: Rgb) -> Rgb:
        if self == _Turn():
            return rgb
        flipped = rgb[:, ::-1] if self.flip else rgb
        return np.ascontiguousarray(np.rot90(flipped, -self.quarters))

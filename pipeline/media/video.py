"""Frames of a video file: upright, in order, with their own times and colours."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from ..core.errors import SourceError, reason
from ..core.frame import ALL, Frame, Plane, Span
from ..core.units import parse_time
from .adapters import Orientation, ToPicture
from .color import tags_of
from .declared_size import refuse_pixels
from .source import SourceInfo, fit_size

log = logging.getLogger(__name__)


class VideoSource:
    """The best video stream of a file, upright, in presentation order.

    Args:
        path: the file.
        size: see ``fit_size``.

    Raises:
        SourceError: FFmpeg can't read the file, or it has no video.
    """

    def __init__(self, path: Path, size: str | None = None) -> None:
        self.path = path
        with _opened(path) as (container, stream):
            refuse_pixels(str(path), stream.width, stream.height)
            first = _first_frame(container, stream, path)
            self._orientation = Orientation.of(first)
            height, width = self._orientation.size(first.height, first.width)
            self._end = _stream_end(stream)
            info = _info(path, container, stream, first, self._orientation)
        given = fit_size(size, width, height, info.sample_aspect)
        if given != (width, height):
            # A size that the user gives is a size on the screen: square pixels.
            info = replace(info, width=given[0], height=given[1], sample_aspect=Fraction(1))
        self.info = info

    def frames(self, span: Span = ALL, planar: bool = False) -> Generator[Frame]:
        """See ``Source.frames``."""
        # If a seek fails or lands too late, the file is read from its beginning.
        for seeking in (span.start is not None, False):
            with _opened(self.path) as (container, stream):
                # Frame threads would lose good pictures that are decoded beside a damaged one.
                stream.thread_type = "SLICE"
                if seeking and not _seek(container, stream, span):
                    continue
                decoded = self._decoded(container, stream)
                first = next(decoded, None)
                if seeking and (first is None or not self._precedes(first, span)):
                    continue
                yield from self._inside(chain([first] if first else [], decoded), span, planar)
                return

    def count_before(self, time: Fraction) -> int:
        """See ``Source.count_before``: packets are counted, none is decoded."""
        with _opened(self.path) as (container, stream):
            base = stream.time_base or self.info.time_base
            moments = (
                packet.pts * base
                for packet in container.demux(stream)
                if packet.pts is not None and not packet.is_discard
            )
            return sum(self.info.start <= moment < time for moment in moments)

    def alphas(self) -> Generator[tuple[Fraction, Plane]]:
        """See ``Source.alphas``."""
        with _opened(self.path) as (container, stream):
            for frame in self._decoded(container, stream):
                if not any(component.is_alpha for component in frame.format.components):
                    raise SourceError(f"{self.path} has no alpha channel")
                alpha = self._orientation(
                    np.asarray(frame.to_ndarray(format="rgba")[..., 3], np.uint8)
                )
                yield (frame.pts or 0) * self.info.time_base - self.info.start, alpha

    def _precedes(self, frame: av.VideoFrame, span: Span) -> bool:
        return (frame.pts or 0) * self.info.time_base <= (span.start or 0)

    def _inside(
        self, decoded: Iterable[av.VideoFrame], span: Span, planar: bool
    ) -> Iterator[Frame]:
        """The frames of ``span``, upright."""
        convert = ToPicture(self.info.width, self.info.height, self._orientation, planar)
        end = self.info.start
        for picture in decoded:
            pts = picture.pts or 0  # _decoded gives every picture one
            duration = int(picture.duration or 0)
            time = pts * self.info.time_base
            end = time + duration * self.info.time_base
            if span.end is not None and time >= span.end:
                return
            if span.holds(time):
                yield Frame(convert(picture), pts, self.info.time_base, duration)
        self._refuse_missing_tail(end)

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[av.VideoFrame]:
        """Decoded frames, each with a pts above the one before."""
        last: int | None = None
        step = max(1, round(1 / (self.info.rate * self.info.time_base)))
        for frame in _decode(container, stream, self.path):
            if frame.pts is None:
                frame.pts = 0 if last is None else last + step
            elif last is not None and frame.pts <= last:
                frame.pts = last + 1  # a broken clock must not cost a picture
            last = frame.pts
            yield frame

    def _refuse_missing_tail(self, end: Fraction) -> None:
        """Compare the end with the header's: a file that was cut short often just ends."""
        if self._end is None:
            return
        if self._end - end > max(Fraction(1), (self._end - self.info.start) / 20):
            raise SourceError(
                f"{self.path} breaks off at {float(end):.2f} s of {float(self._end):.2f} s"
            )


@contextmanager
def _opened(path: Path) -> Generator[tuple[InputContainer, VideoStream]]:
    try:
        container = av.open(path.absolute())  # "a:b.mp4" alone would name a protocol
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"{path} is not a video that FFmpeg can read: {reason(error)}") from error
    with container:
        stream = container.streams.best("video")
        if stream is None or stream.disposition & stream.disposition.attached_pic:
            kinds = ", ".join(sorted({s.type for s in container.streams})) or "no stream at all"
            raise SourceError(f"{path} holds no video stream, only {kinds}")
        assert isinstance(stream, VideoStream)
        if getattr(stream, "codec_context", None) is None:
            raise SourceError(f"{path} has video of a kind for which there is no decoder")
        yield container, stream


def _first_frame(container: InputContainer, stream: VideoStream, path: Path) -> av.VideoFrame:
    for frame in _decode(container, stream, path):
        return frame
    raise SourceError(f"{path} holds a video stream of which no frame can be decoded")


def _decode(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[av.VideoFrame]:
    """Decode all frames that can be decoded. Damaged packets are skipped and counted.

    Raises:
        SourceError: the container itself is broken.
    """
    damaged = good = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError) as error:
            raise SourceError(f"{path} breaks off: {reason(error)}") from error
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


def _seek(container: InputContainer, stream: VideoStream, span: Span) -> bool:
    """Seek to a key frame before ``span``; returns whether the container could."""
    assert span.start is not None and stream.time_base is not None
    # Half a second early: with B-frames, pictures before a key frame may follow it in the file.
    target = int((span.start - Fraction(1, 2)) / stream.time_base)
    try:
        container.seek(max(target, stream.start_time or 0), stream=stream, backward=True)
    except (av.FFmpegError, OSError):
        return False
    return True


def _stream_end(stream: VideoStream) -> Fraction | None:
    """End of the stream by its own header, seconds; sound may last longer."""
    if stream.duration is not None and stream.time_base is not None:
        return Fraction(((stream.start_time or 0) + stream.duration) * stream.time_base)
    try:
        return parse_time(stream.metadata.get("DURATION", ""))  # Matroska's
    except ValueError:
        return None


def _info(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    first: av.VideoFrame,
    turn: Orientation,
) -> SourceInfo:
    time_base = Fraction(stream.time_base or Fraction(1, 1000))
    rate = Fraction(stream.guessed_rate or stream.average_rate or 25)
    start = (first.pts or 0) * time_base
    end = _stream_end(stream)
    if end is None and container.duration is not None:
        end = Fraction((container.start_time or 0) + container.duration, av.time_base)
    duration = None if end is None else end - start
    height, width = turn.size(first.height, first.width)
    return SourceInfo(
        name=str(path),
        width=width,
        height=height,
        time_base=time_base,
        rate=rate,
        frames=stream.frames or (None if duration is None else round(duration * rate)),
        start=start,
        duration=duration,
        color=tags_of(first),
        sample_aspect=turn.aspect(Fraction(stream.sample_aspect_ratio or 1)),
        files=(path,),
        container=path,
    )

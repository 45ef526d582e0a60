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
from .adapters import Orientation, ToPicture
from .color import tags_of
from .container import film_index, open_container
from .header import container_end, is_cut, rate_of, scanned, stream_end, zero_of
from .source import SourceInfo, fit_size
from .timeline import may_jump, packets_of

log = logging.getLogger(__name__)

_SCANNED = 100_000_000  # bytes of a file whose clock may jump that are read to know its length
_NEAR = Fraction(4, 5)  # a stream that ends before so much of its file may have a wrong tag


class VideoSource:
    """A video stream of a file, upright, in presentation order.

    Args:
        path: the file.
        size: see ``fit_size``.
        index: of the stream in the file; ``None``: the best one.

    Raises:
        SourceError: FFmpeg can't read the file, or it has no such video.
    """

    def __init__(self, path: Path, size: str | None = None, index: int | None = None) -> None:
        self.path = path
        with _opened(path) as container:
            self._index = film_index(container, str(path), index)
        with self._stream() as (container, stream):
            first = _first_frame(container, stream, path)
            self._orientation = Orientation.of(first)
            height, width = self._orientation.size(first.height, first.width)
            self._end = stream_end(container, stream)
            # A header may be wrong; but a file that was cut short ends before its own end.
            is_mapped = container.format.name.startswith(("mov,", "matroska"))
            self._is_cut = is_cut(path) if is_mapped else stream.duration is not None
            self._jumps = may_jump(container)
            self._changed = False
            info = _info(path, container, stream, first, self._orientation)
        if self._jumps and path.stat().st_size <= _SCANNED:
            with self._stream() as (container, stream):
                info = scanned(info, container, stream)
        given = fit_size(size, width, height, info.sample_aspect)
        if given != (width, height):
            # A size that the user gives is a size on the screen: square pixels.
            info = replace(info, width=given[0], height=given[1], sample_aspect=Fraction(1))
        self.info = info

    def frames(self, span: Span = ALL, planar: bool = False) -> Generator[Frame]:
        """See ``Source.frames``."""
        # If a seek fails or lands too late, the file is read from its beginning.
        for seeking in (span.start is not None and not self._jumps, False):
            with self._stream() as (container, stream):
                # Frame threads would lose good pictures that are decoded beside a damaged one.
                stream.thread_type = "SLICE"
                if seeking and not _seek(container, stream, span):
                    continue
                decoded = self._decoded(container, stream, span.start if self._jumps else None)
                first = next(decoded, None)
                if seeking and (first is None or not self._precedes(first, span)):
                    continue
                frames = chain([first] if first else [], decoded)
                yield from self._inside(frames, stream, span, planar)
                return

    def count_before(self, time: Fraction) -> int:
        """See ``Source.count_before``: packets are counted, none is decoded."""
        with self._stream() as (container, stream):
            base = stream.time_base or self.info.time_base
            moments = (
                packet.pts * base
                for packet in packets_of(container, stream)
                if packet.pts is not None and not packet.is_discard
            )
            return sum(self.info.start <= moment < time for moment in moments)

    def alphas(self) -> Generator[tuple[Fraction, Plane]]:
        """See ``Source.alphas``."""
        with self._stream() as (container, stream):
            for frame in self._decoded(container, stream):
                if not any(component.is_alpha for component in frame.format.components):
                    raise SourceError(f"{self.path} has no alpha channel")
                alpha = self._orientation(
                    np.asarray(frame.to_ndarray(format="rgba")[..., 3], np.uint8)
                )
                yield (frame.pts or 0) * self.info.time_base - self.info.start, alpha

    def _precedes(self, frame: av.VideoFrame, span: Span) -> bool:
        return (frame.pts or 0) * self.info.time_base <= (span.start or 0)

    @contextmanager
    def _stream(self) -> Generator[tuple[InputContainer, VideoStream]]:
        with _opened(self.path) as container:
            try:
                stream = container.streams[self._index]
            except IndexError:
                stream = None
            if not isinstance(stream, VideoStream):
                raise SourceError(f"{self.path} has changed: its video stream is gone")
            yield container, stream

    def _inside(
        self, decoded: Iterable[av.VideoFrame], stream: VideoStream, span: Span, planar: bool
    ) -> Iterator[Frame]:
        """The frames of ``span``, upright."""
        convert = ToPicture(self.info.width, self.info.height, self._orientation, planar)
        end = self.info.start
        size: tuple[int, int] | None = None
        for picture in self._last_to_its_end(decoded):
            self._note_change(size, picture)
            size = picture.width, picture.height
            aspect = Fraction(stream.codec_context.sample_aspect_ratio or 1)
            pts = picture.pts or 0  # _decoded gives every picture one
            duration = int(picture.duration or 0)
            time = pts * self.info.time_base
            end = time + duration * self.info.time_base
            if span.end is not None and time >= span.end:
                return
            if span.holds(time):
                yield Frame(convert(picture, aspect), pts, self.info.time_base, duration)
        self._refuse_missing_tail(end)

    def _note_change(self, before: tuple[int, int] | None, picture: av.VideoFrame) -> None:
        """Say once that the picture's size changes half-way."""
        if self._changed or before in (None, (picture.width, picture.height)):
            return
        self._changed = True
        moment = (picture.pts or 0) * self.info.time_base - self.info.start
        log.warning(
            "%s: the picture changes from %dx%d to %dx%d at %.2f s; every frame is fitted into "
            "%dx%d", self.path, *before, picture.width, picture.height, float(moment),
            self.info.width, self.info.height,
        )  # fmt: skip

    def _last_to_its_end(self, decoded: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """The frames; the last one lasts to the end of the stream: few containers say how long."""
        held: av.VideoFrame | None = None
        for frame in decoded:
            if held is not None:
                yield held
            held = frame
        if held is not None:
            if self._end is not None and not self._is_cut:
                left = round(self._end / self.info.time_base) - (held.pts or 0)
                held.duration = left if left > 0 else int(held.duration or 0)
            yield held

    def _decoded(
        self, container: InputContainer, stream: VideoStream, since: Fraction | None = None
    ) -> Iterator[av.VideoFrame]:
        """Decoded frames, each with a pts above the one before.

        Args:
            container: the file.
            stream: of it.
            since: no frame before this time is needed, seconds; ``None``: all are.
        """
        last: int | None = None
        step = max(1, round(1 / (self.info.rate * self.info.time_base)))
        for frame in _decode(container, stream, self.path, since):
            if frame.pts is None:
                frame.pts = 0 if last is None else last + step
            elif last is not None and frame.pts <= last:
                frame.pts = last + 1  # a broken clock must not cost a picture
            last = frame.pts
            yield frame

    def _refuse_missing_tail(self, end: Fraction) -> None:
        """Compare the end with the header's: a file that was cut short often just ends."""
        if self._end is None or not self._is_cut:
            return
        if self._end - end > max(Fraction(1), (self._end - self.info.start) / 20):
            raise SourceError(
                f"{self.path} breaks off at {float(end):.2f} s of {float(self._end):.2f} s"
            )


@contextmanager
def _opened(path: Path) -> Generator[InputContainer]:
    try:
        container = open_container(path)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise SourceError(f"{path} is not a video that FFmpeg can read: {reason(error)}") from error
    with container:
        yield container


def _first_frame(container: InputContainer, stream: VideoStream, path: Path) -> av.VideoFrame:
    for frame in _decode(container, stream, path):
        return frame
    raise SourceError(f"{path} holds a video stream of which no frame can be decoded")


def _decode(
    container: InputContainer, stream: VideoStream, path: Path, since: Fraction | None = None
) -> Iterator[av.VideoFrame]:
    """Decode all frames that can be decoded. Damaged packets are skipped and counted.

    Raises:
        SourceError: the container itself is broken.
    """
    damaged = good = 0
    packets = packets_of(container, stream, since)
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


def _info(
    path: Path,
    container: InputContainer,
    stream: VideoStream,
    first: av.VideoFrame,
    turn: Orientation,
) -> SourceInfo:
    time_base = Fraction(stream.time_base or Fraction(1, 1000))
    rate = rate_of(stream)
    start = (first.pts or 0) * time_base
    end, whole = stream_end(container, stream), container_end(container)
    if end is None or (stream.duration is None and whole is not None and end < whole * _NEAR):
        end = whole
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
        stream=stream.index,
        zero=zero_of(container, start),
    )

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
from av.codec.context import CodecContext
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from ..core.errors import SourceError, reason
from ..core.frame import ALL, Frame, Layout, Plane, Span
from ..core.units import parse_time
from .adapters import Orientation, ToPicture
from .color import bits_of, has_alpha, tags_of
from .declared_size import refuse_pixels
from .hardware import hardware_decoder
from .hdr import hdr10_parameters
from .interlaced import deinterlaced
from .source import AS_USUAL, Reading, SourceInfo, fit_size
from .source_file import MediaFile, SourceFile

log = logging.getLogger(__name__)


class VideoSource:
    """The best video stream of a file, upright, in presentation order.

    Args:
        file: the file, or a pipe.
        size: see ``fit_size``.
        reading: how its pictures are read.

    Raises:
        SourceError: FFmpeg can't read the file, or it has no video.
    """

    def __init__(
        self, file: Path | MediaFile, size: str | None = None, reading: Reading = AS_USUAL
    ) -> None:
        self._reading = reading
        try:
            self._file = SourceFile(file) if isinstance(file, Path) else file
        except OSError as error:
            raise SourceError(f"{file} can't be read: {reason(error)}") from error
        self.path = path = self._file.path
        self._hardware = hardware_decoder(self._file, reading.decode_on)
        with _opened(self._file) as (container, stream):
            refuse_pixels(str(path), stream.width, stream.height)
            first = _first_frame(container, stream, path)
            self._orientation = Orientation.of(first)
            height, width = self._orientation.size(first.height, first.width)
            self._end = _stream_end(stream)
            info = _info(self._file, container, stream, first, self._orientation)
        given = fit_size(size, width, height, info.sample_aspect)
        if given != (width, height):
            # A size that the user gives is a size on the screen: square pixels.
            info = replace(info, width=given[0], height=given[1], sample_aspect=Fraction(1))
        self.info = info

    def frames(self, span: Span = ALL, layout: Layout = "rgb") -> Generator[Frame]:
        """See ``Source.frames``."""
        # If a seek fails or lands too late, the file is read from its beginning.
        for seeking in (span.start is not None, False):
            with _opened(self._file, self._hardware) as (container, stream):
                # Frame threads would lose good pictures that are decoded beside a damaged one.
                stream.thread_type = "SLICE"
                if seeking and not _seek(container, stream, span):
                    continue
                decoded = self._decoded(container, stream)
                first = next(decoded, None)
                if seeking and (first is None or not self._precedes(first, span)):
                    continue
                pictures = chain([first] if first else [], decoded)
                if self._reading.deinterlace:
                    pictures = deinterlaced(pictures, stream)
                yield from self._inside(pictures, span, layout)
                return

    def count_before(self, time: Fraction) -> int:
        """See ``Source.count_before``: packets are counted, none is decoded."""
        with _opened(self._file) as (container, stream):
            base = stream.time_base or self.info.time_base
            moments = (
                packet.pts * base
                for packet in container.demux(stream)
                if packet.pts is not None and not packet.is_discard
            )
            return sum(self.info.start <= moment < time for moment in moments)

    def alphas(self) -> Generator[tuple[Fraction, Plane]]:
        """See ``Source.alphas``."""
        with _opened(self._file) as (container, stream):
            for frame in self._decoded(container, stream):
                if not has_alpha(frame):
                    raise SourceError(f"{self.path} has no alpha channel")
                alpha = self._orientation(
                    np.asarray(frame.to_ndarray(format="rgba")[..., 3], np.uint8)
                )
                yield (frame.pts or 0) * self.info.time_base - self.info.start, alpha

    def _precedes(self, frame: av.VideoFrame, span: Span) -> bool:
        return (frame.pts or 0) * self.info.time_base <= (span.start or 0)

    def _inside(
        self, decoded: Iterable[av.VideoFrame], span: Span, layout: Layout
    ) -> Iterator[Frame]:
        """The frames of ``span``, upright."""
        convert = ToPicture(
            self.info.width,
            self.info.height,
            self._orientation,
            planar=layout == "planes",
            deep=layout in ("deep", "coded"),
            keep_hdr=self._reading.keep_hdr,
        )
        end = self.info.start
        for picture in decoded:
            pts = picture.pts or 0  # _decoded gives every picture one
            duration = int(picture.duration or 0)
            time = pts * self.info.time_base
            end = time + duration * self.info.time_base
            if span.end is not None and time >= span.end:
                return
            if span.holds(time):
                one = convert.decoded(picture)
                yield Frame(
                    one.source,
                    pts,
                    self.info.time_base,
                    duration,
                    deep=one.deep,
                    alpha=one.alpha,
                    coded=picture if layout == "coded" and self._is_ready(picture) else None,
                )
        self._refuse_missing_tail(end)

    def _is_ready(self, frame: av.VideoFrame) -> bool:
        """Whether a decoder's frame can be encoded as it is: upright, in the output's range."""
        tone_map = tags_of(frame).is_hdr and not self._reading.keep_hdr
        return self._orientation == Orientation() and not tone_map

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
        if self._file.is_truncated and (self._end is None or end + 1 / self.info.rate < self._end):
            raise SourceError(f"{self.path} breaks off at {float(end):.2f} s: it was truncated")
        if self._end is None:
            return
        if self._end - end > max(Fraction(1), (self._end - self.info.start) / 20):
            raise SourceError(
                f"{self.path} breaks off at {float(end):.2f} s of {float(self._end):.2f} s"
            )


@contextmanager
def _opened(
    file: MediaFile, hardware: HWAccel | None = None
) -> Generator[tuple[InputContainer, VideoStream]]:
    path = file.path
    try:
        container = file.open(hwaccel=hardware)
    except (av.FFmpegError, OSError) as error:
        raise SourceError(f"{path} is not a video that FFmpeg can read: {reason(error)}") from error
    with container:
        stream = container.streams.best("video")
        if stream is None or stream.disposition & stream.disposition.attached_pic:
            kinds = ", ".join(sorted({s.type for s in container.streams})) or "no stream at all"
            raise SourceError(f"{path} holds no video stream, only {kinds}")
        assert isinstance(stream, VideoStream)
        yield container, stream


def _first_frame(container: InputContainer, stream: VideoStream, path: Path) -> av.VideoFrame:
    for frame in _decode(container, stream, path):
        return frame
    raise SourceError(f"{path} holds a video stream of which no frame can be decoded")


def _decoder_of(stream: VideoStream) -> VideoCodecContext:
    """What decodes a stream. FFmpeg's own decoders of VP8 and VP9 know no alpha."""
    context = stream.codec_context
    name = {"vp8": "libvpx", "vp9": "libvpx-vp9"}.get(context.name)
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if name is None or tags.get("alpha_mode") != "1":
        return context
    other = CodecContext.create(name, "r")
    assert isinstance(other, VideoCodecContext)
    return other


def _decode(container: InputContainer, stream: VideoStream, path: Path) -> Iterator[av.VideoFrame]:
    """Decode all frames that can be decoded. Damaged packets are skipped and counted.

    Raises:
        SourceError: the container itself is broken.
    """
    damaged = good = 0
    decoder = _decoder_of(stream)
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError) as error:
            raise SourceError(f"{path} breaks off: {reason(error)}") from error
        if packet is None:
            break
        try:
            for frame in decoder.decode(packet):
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


def _has_transparency(first: av.VideoFrame) -> bool:
    """Whether alpha is meant: pictures of GIF, PNG and WebP have it even where all is opaque."""
    if not has_alpha(first):
        return False
    if first.format.name.startswith(("yuva", "gbrap", "ayuv")):
        return True
    return ToPicture(first.width, first.height, Orientation()).decoded(first).alpha is not None


def _info(
    file: MediaFile,
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
        name=str(file.path),
        width=width,
        height=height,
        time_base=time_base,
        rate=rate,
        frames=stream.frames or (None if duration is None else round(duration * rate)),
        start=start,
        duration=duration,
        color=tags_of(first),
        bits=bits_of(first),
        alpha=_has_transparency(first),
        hdr10=hdr10_parameters(first),
        interlaced=first.interlaced_frame,
        sample_aspect=turn.aspect(Fraction(stream.sample_aspect_ratio or 1)),
        files=(file.path,),
        container=file,
    )

"""Frames of a video file: upright, in order, with their own times and colours."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import av
import numpy as np
from av.codec.context import CodecContext
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from ..core.errors import SourceError, reason
from ..core.frame import ALL, Frame, Layout, Plane, Span, clipped
from .adapters import Orientation, ToPicture
from .color import bits_of, has_alpha, tags_of
from .container import film_index
from .declared_size import refuse_pixels
from .hardware import hardware_decoder
from .hdr import hdr10_parameters
from .header import container_end, is_cut, rate_of, scanned, stream_end, zero_of
from .interlaced import deinterlaced
from .source import AS_USUAL, Reading, SourceInfo, fit_size
from .source_file import MediaFile, SourceFile, StoredFile
from .timeline import may_jump, packets_of

log = logging.getLogger(__name__)

_SCANNED = 100_000_000  # bytes of a file whose clock may jump that are read to know its length
_NOTHING = np.zeros((1, 1, 3), np.uint8)  # for a frame of which only the times count
_LOOKED_AT = 500  # frames of a GIF that are searched for transparent ones
_NEAR = Fraction(4, 5)  # a stream that ends before so much of its file may have a wrong tag


class VideoSource:
    """A video stream of a file, upright, in presentation order.

    Args:
        file: the file, or a pipe.
        size: see ``fit_size``.
        reading: how its pictures are read, and of which stream.

    Raises:
        SourceError: FFmpeg can't read the file, or it has no such video.
    """

    def __init__(
        self, file: Path | MediaFile, size: str | None = None, reading: Reading = AS_USUAL
    ) -> None:
        self._reading = reading
        try:
            self._file = SourceFile(file) if isinstance(file, Path) else file
        except OSError as error:
            raise SourceError(f"{file} can't be read: {reason(error)}") from error
        self._name = name = self._file.name
        self._hardware = hardware_decoder(self._file, reading.decode_on)
        self._changed = False
        # Frame threads would lose good pictures that are decoded beside a damaged one.
        self._threads = "SLICE"
        with _opened(self._file) as container:
            self._index = film_index(container, name, reading.stream)
            is_alone = len(container.streams.video) == 1
            info = self._look(container) if is_alone else None
        if info is None:  # finding the film among others has read on
            with _opened(self._file) as container:
                info = self._look(container)
        if self._jumps and isinstance(self._file, StoredFile) and self._file.size <= _SCANNED:
            with self._stream() as (container, stream):
                info = scanned(info, container, stream)
        width, height = info.width, info.height
        given = fit_size(size, width, height, info.sample_aspect)
        if given != (width, height):
            # A size that the user gives is a size on the screen: square pixels.
            info = replace(info, width=given[0], height=given[1], sample_aspect=Fraction(1))
        self.info = info

    def frames(self, span: Span = ALL, layout: Layout = "rgb") -> Generator[Frame]:
        """See ``Source.frames``."""
        # If a seek fails or lands too late, the file is read from its beginning.
        for seeking in (span.start is not None and not self._jumps, False):
            with self._stream(self._hardware) as (container, stream):
                stream.thread_type = self._threads
                if seeking and not _seek(container, stream, span):
                    continue
                decoded = self._decoded(container, stream, span.start if self._jumps else None)
                first = next(decoded, None)
                if seeking and (first is None or not self._precedes(first, span)):
                    continue
                pictures = chain([first] if first else [], decoded)
                if self._reading.deinterlace:
                    pictures = deinterlaced(pictures, stream)
                yield from self._inside(pictures, stream, span, layout)
                return

    def on_all_cores(self) -> VideoSource:
        """The same source, decoded sooner; a damaged picture may cost some that are beside it."""
        other = copy(self)
        other._threads = "AUTO"
        return other

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

    @property
    def seeks(self) -> bool:
        """See ``Source.seeks``: not where the clock may jump, nor in what comes through a pipe."""
        return not self._jumps and isinstance(self._file, StoredFile)

    def alphas(self, since: Fraction = Fraction(0)) -> Generator[tuple[Fraction, Plane]]:
        """See ``Source.alphas``."""
        with self._stream() as (container, stream):
            if since and self.seeks:
                _seek(container, stream, Span(self.info.start + since))
            for frame in self._decoded(container, stream):
                if not has_alpha(frame):
                    raise SourceError(f"{self._name} has no alpha channel")
                alpha = self._orientation(
                    np.asarray(frame.to_ndarray(format="rgba")[..., 3], np.uint8)
                )
                yield (frame.pts or 0) * self.info.time_base - self.info.start, alpha

    def _precedes(self, frame: av.VideoFrame, span: Span) -> bool:
        return (frame.pts or 0) * self.info.time_base <= (span.start or 0)

    def _look(self, container: InputContainer) -> SourceInfo:
        """Decode the first frame, and learn from it and from the headers what can be known."""
        stream = self._film_of(container)
        refuse_pixels(self._name, stream.width, stream.height)
        first = _first_frame(container, stream, self._name)
        self._orientation = Orientation.of(first)
        self._end = stream_end(container, stream)
        # A header may be wrong; but a file that was cut short ends before its own end.
        is_mapped = container.format.name.startswith(("mov,", "matroska"))
        self._is_proven = is_mapped and is_cut(self._file)
        self._is_cut = self._is_proven if is_mapped else stream.duration is not None
        self._jumps = may_jump(container)
        info = _info(self._file, container, stream, first, self._orientation)
        if container.format.name in ("gif", "apng") or first.format.name == "pal8":
            others = _decode(container, stream, self._name)
            info = replace(info, alpha=_has_transparency(first, others))
        return info

    @contextmanager
    def _stream(
        self, hardware: HWAccel | None = None
    ) -> Generator[tuple[InputContainer, VideoStream]]:
        with _opened(self._file, hardware) as container:
            yield container, self._film_of(container)

    def _film_of(self, container: InputContainer) -> VideoStream:
        try:
            stream = container.streams[self._index]
        except IndexError:
            stream = None
        if not isinstance(stream, VideoStream):
            raise SourceError(f"{self._name} has changed: its video stream is gone")
        return stream

    def _inside(
        self, decoded: Iterable[av.VideoFrame], stream: VideoStream, span: Span, layout: Layout
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
        end, usual = self.info.start, 1 / self.info.rate
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
            shown = clipped(Frame(_NOTHING, pts, self.info.time_base, duration), span, usual)
            if shown is not None:
                one = convert.decoded(picture, aspect)
                ready = layout == "coded" and self._is_ready(picture)
                coded = picture if ready and convert.fits(picture, aspect) else None
                yield replace(shown, source=one.source, deep=one.deep, alpha=one.alpha, coded=coded)
        self._refuse_missing_tail(end)

    def _is_ready(self, frame: av.VideoFrame) -> bool:
        """Whether a decoder's frame can be encoded as it is: upright, in the output's range."""
        tone_map = tags_of(frame).is_hdr and not self._reading.keep_hdr
        return self._orientation == Orientation() and not tone_map

    def _note_change(self, before: tuple[int, int] | None, picture: av.VideoFrame) -> None:
        """Say once that the picture's size changes half-way."""
        if self._changed or before in (None, (picture.width, picture.height)):
            return
        self._changed = True
        moment = (picture.pts or 0) * self.info.time_base - self.info.start
        log.warning(
            "%s: the picture changes from %dx%d to %dx%d at %.2f s; every frame is fitted into "
            "%dx%d", self._name, *before, picture.width, picture.height, float(moment),
            self.info.width, self.info.height,
        )  # fmt: skip

    def _last_to_its_end(self, decoded: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """The frames, each until the next one; few containers say how long they last.

        The last one lasts to the end of the stream.
        """
        held: av.VideoFrame | None = None
        for frame in decoded:
            if held is not None:
                held.duration = (frame.pts or 0) - (held.pts or 0)
                yield held
            held = frame
        if held is not None:
            if self._end is not None and not (self._is_cut or self._file.is_truncated):
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
        for frame in _decode(container, stream, self._name, since):
            if frame.pts is None:
                frame.pts = 0 if last is None else last + step
            elif last is not None and frame.pts <= last:
                frame.pts = last + 1  # a broken clock must not cost a picture
            last = frame.pts
            yield frame

    def _refuse_missing_tail(self, end: Fraction) -> None:
        """Compare the end with the header's: a file that was cut short often just ends."""
        if self._file.is_truncated and (self._end is None or end + 1 / self.info.rate < self._end):
            raise SourceError(f"{self._name} breaks off at {float(end):.2f} s: it was truncated")
        if self._end is None or not self._is_cut:
            return
        spare = max(Fraction(1), (self._end - self.info.start) / 20)
        if self._end - end > (2 / self.info.rate if self._is_proven else spare):
            raise SourceError(
                f"{self._name} breaks off at {float(end):.2f} s of {float(self._end):.2f} s"
            )


@contextmanager
def _opened(file: MediaFile, hardware: HWAccel | None = None) -> Generator[InputContainer]:
    try:
        container = file.open(hwaccel=hardware)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise SourceError(
            f"{file.name} is not a video that FFmpeg can read: {reason(error)}"
        ) from error
    with container:
        yield container


def _first_frame(container: InputContainer, stream: VideoStream, name: str) -> av.VideoFrame:
    for frame in _decode(container, stream, name):
        return frame
    raise SourceError(f"{name} holds a video stream of which no frame can be decoded")


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


def _decode(
    container: InputContainer, stream: VideoStream, name: str, since: Fraction | None = None
) -> Iterator[av.VideoFrame]:
    """Decode all frames that can be decoded. Damaged packets are skipped and counted.

    Raises:
        SourceError: the container itself is broken.
    """
    damaged = good = 0
    decoder = _decoder_of(stream)
    packets = packets_of(container, stream, since)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError) as error:
            raise SourceError(f"{name} breaks off: {reason(error)}") from error
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
            "%s: %d damaged packets could not be decoded and were passed over", name, damaged
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


def _has_transparency(first: av.VideoFrame, others: Iterable[av.VideoFrame]) -> bool:
    """Whether alpha is meant: a GIF, an APNG and a palette have it even where all is opaque."""
    if not has_alpha(first):
        return False
    look = ToPicture(first.width, first.height, Orientation())
    frames = islice(chain([first], others), _LOOKED_AT)
    return any(look.decoded(frame).alpha is not None for frame in frames)


def _info(
    file: MediaFile,
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
        name=file.name,
        width=width,
        height=height,
        time_base=time_base,
        rate=rate,
        frames=stream.frames or (None if duration is None else round(duration * rate)),
        start=start,
        duration=duration,
        color=tags_of(first),
        bits=bits_of(first),
        alpha=has_alpha(first),
        hdr10=hdr10_parameters(first),
        interlaced=first.interlaced_frame,
        sample_aspect=turn.aspect(Fraction(stream.sample_aspect_ratio or 1)),
        files=(file.path,) if isinstance(file, SourceFile) else (),
        container=file,
        stream=stream.index,
        zero=zero_of(container, start),
    )

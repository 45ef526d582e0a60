"""What the header of a file says of its film: its rate, its end, its zero; which may be wrong."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from ..core.units import parse_time
from .source import SourceInfo
from .source_file import MediaFile, StoredFile
from .timeline import may_jump, packets_of

_HIGHEST_RATE = 1000  # frames per second; above it, a file tells its clock's rate
_LATE = 10  # seconds: a transport stream that begins later begins at an arbitrary time


def stream_end(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """End of the stream by the headers, seconds; sound may last longer."""
    if may_jump(container):
        return None  # what FFmpeg says is the difference of two clocks
    if stream.duration is not None and stream.time_base is not None:
        return Fraction(((stream.start_time or 0) + stream.duration) * stream.time_base)
    whole = container_end(container)
    try:
        end = parse_time(stream.metadata.get("DURATION", ""))  # Matroska's, which may be wrong
    except ValueError:
        return None
    return end if whole is None else min(end, whole)


def scanned(info: SourceInfo, container: InputContainer, stream: VideoStream) -> SourceInfo:
    """What is known of a film whose clock may jump: all its packets are read for its length."""
    count, end = 0, info.start
    try:
        for packet in packets_of(container, stream):
            if packet.pts is not None:
                count += 1
                end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
    except (av.FFmpegError, OSError):
        return info
    length = end - info.start
    if count < 2 or length <= 0:
        return replace(info, duration=length or None, frames=count or None)
    mean = Fraction(count) / length
    rate = info.rate if info.rate < 2 * mean else mean.limit_denominator(1001)
    return replace(info, duration=length, frames=count, rate=rate)


def container_end(container: InputContainer) -> Fraction | None:
    """End of the whole file by its header, seconds."""
    if container.duration is None:
        return None
    return Fraction((container.start_time or 0) + container.duration, av.time_base)


def zero_of(container: InputContainer, start: Fraction) -> Fraction:
    """See ``SourceInfo.zero``.

    Args:
        container: the file.
        start: of its first frame, seconds.
    """
    begin = min(start, Fraction(container.start_time or 0, av.time_base))
    if may_jump(container) and begin > _LATE:
        return begin
    return min(start, Fraction(0))


def rate_of(stream: VideoStream) -> Fraction:
    """Frames per second: FFmpeg's guess, but of a rate that varies the mean, and no clock's."""
    rates = [Fraction(rate) for rate in (stream.guessed_rate, stream.average_rate) if rate]
    rates = [rate for rate in rates if 0 < rate <= _HIGHEST_RATE]
    if len(rates) == 2 and rates[0] > 2 * rates[1]:
        return rates[1]
    return rates[0] if rates else Fraction(25)


def is_cut(file: MediaFile) -> bool:
    """Whether a Matroska or MP4 file ends before the end that its own structure names."""
    if not isinstance(file, StoredFile):
        return False  # the end of a pipe has not come yet
    try:
        head, length = file.read_at(0, 64), file.size
        if head[4:8] == b"ftyp":
            return _mp4_end(file, length) > length
    except OSError:
        return False
    if head[:4] != b"\x1a\x45\xdf\xa3":
        return False
    size, place = _ebml_size(head, 4)
    place += size
    if head[place : place + 4] != b"\x18\x53\x80\x67":
        return False
    size, place = _ebml_size(head, place + 4)
    return size >= 0 and place + size > length


def _mp4_end(file: StoredFile, length: int) -> int:
    """Where the last box of an MP4 file ends, by its own size."""
    place = 0
    while place < length:
        head = file.read_at(place, 16)
        size = int.from_bytes(head[:4], "big")
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        if size < 8:  # 0: it ends with the file
            return place
        place += size
    return place


def _ebml_size(data: bytes, place: int) -> tuple[int, int]:
    """A size of variable length, -1 where it is unknown, and the place after it."""
    first = data[place] if place < len(data) else 0x80
    count = 9 - first.bit_length()
    if count > 8:
        return -1, place + 1
    raw = int.from_bytes(data[place : place + count], "big")
    value = raw & ((1 << 7 * count) - 1)
    return (-1 if value == (1 << 7 * count) - 1 else value), place + count

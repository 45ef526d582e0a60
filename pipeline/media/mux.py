"""Join pieces of encoded video with the sound, subtitles and chapters of their source.

A stream that the output's container can hold is not encoded again: its packets are copied.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.codec.codec import UnknownCodecError
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from ..core.frame import Span
from .streams import StreamPlan, plan_streams
from .writers import Segment

# The muxer writes these itself. For a time code it would add a track that it can't finish.
_NOT_COPIED = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "timecode"}
)


@dataclass(frozen=True)
class TimeWindow:
    """Which part of the source the output has, and how its clock moves."""

    span: Span
    """Packets that lie in it are copied."""
    shift: Fraction
    """Seconds that are subtracted from every timestamp."""


WHOLE = TimeWindow(Span(), Fraction(0))

Feed = Callable[[Packet], Iterable[Packet]]
"""Turns a packet of the source into packets of the output."""


def join(
    pieces: list[Segment],
    source: Path | None,
    output: Path,
    container: str,
    window: TimeWindow = WHOLE,
    streams: Sequence[StreamPlan] | None = None,
) -> None:
    """Write ``output`` from ``pieces`` and the other streams of ``source``.

    Args:
        pieces: the video, in order, of one encoding.
        source: the file whose sound, subtitles, chapters and metadata are used; ``None``: none.
        output: the file to write.
        container: FFmpeg's name of its format.
        window: the part of ``source`` that the output has.
        streams: what happens to the source's other streams; ``None``: as ``plan_streams`` says.

    Raises:
        av.FFmpegError, OSError: the file can't be written.
    """
    with (
        av.open(pieces[0].path) as first,
        av.open(output, "w", format=container, options=_options(container, first)) as out,
    ):
        video = _video_stream(first, out)
        if source is None:
            _mux(out, [_video_packets(pieces, video, window)])
            return
        with av.open(source.absolute()) as original:
            _copy_facts(original, out, video, window)
            plans = plan_streams(source, container) if streams is None else streams
            feeds = _feeds(original, out, plans)
            _mux(out, [_video_packets(pieces, video, window), _others(original, feeds, window)])


def _video_stream(piece: InputContainer, out: OutputContainer) -> Stream:
    """Add the output's video stream, with the headers and the clock of the pieces."""
    template = piece.streams.video[0]
    try:
        video = out.add_stream_from_template(template)
    except UnknownCodecError:  # a decoder has no encoder of its name, as for AV1
        video = out.add_stream_from_template(template, opaque=True)
    video.time_base = template.time_base
    return video


def _options(container: str, first: InputContainer) -> dict[str, str]:
    if container in ("matroska", "webm"):
        # Sound begins before zero by its encoder's delay; shifting it would move the picture too.
        return {"avoid_negative_ts": "disabled"}
    if container not in ("mp4", "mov"):
        return {}
    # The movie's clock stores a stream's late start; a thousandth of a second is too coarse.
    base = first.streams.video[0].time_base
    clock = base.denominator if base is not None else 1000
    return {"movflags": "+faststart", "movie_timescale": str(clock)}


def _mux(out: OutputContainer, sources: list[Iterator[Packet]]) -> None:
    for packet in heapq.merge(*sources, key=_moment):
        out.mux_one(packet)


def _moment(packet: Packet) -> float:
    return float((packet.dts or 0) * packet.time_base)


def _video_packets(pieces: list[Segment], video: Stream, window: TimeWindow) -> Iterator[Packet]:
    for piece in pieces:
        with av.open(piece.path) as container:
            for packet in container.demux(video=0):
                if packet.dts is not None or packet.pts is not None:
                    yield _move(packet, video, window.shift - piece.start)


def _move(packet: Packet, stream: Stream, shift: Fraction) -> Packet:
    ticks = round(shift / packet.time_base)
    if packet.pts is not None:
        packet.pts -= ticks
    if packet.dts is not None:
        packet.dts -= ticks
    packet.stream = stream
    return packet


# ---- the source's other streams ----


def _copy_facts(
    original: InputContainer, out: OutputContainer, video: Stream, window: TimeWindow
) -> None:
    """Copy the metadata of the file and of its picture, and the chapters."""
    out.metadata.update(_copied_tags(original.metadata))
    best = original.streams.best("video")
    if best is not None:
        video.metadata.update(_copied_tags(best.metadata))
    in_window = (_chapter(chapter, window) for chapter in original.chapters())
    if chapters := [chapter for chapter in in_window if chapter is not None]:
        out.set_chapters(chapters)


def _copied_tags(metadata: dict[str, str]) -> dict[str, str]:
    return {
        key: value
        for key, value in metadata.items()
        if key.lower() not in _NOT_COPIED and not key.startswith(("_STATISTICS", "BPS", "DURATION"))
    }


def _chapter(chapter: Any, window: TimeWindow) -> Any | None:
    """The chapter on the output's clock; ``None`` if it is outside the window."""
    base = chapter["time_base"]
    start, end = chapter["start"] * base, chapter["end"] * base
    if window.span.start is not None:
        start = max(start, window.span.start)
    if window.span.end is not None:
        end = min(end, window.span.end)
    if start >= end:
        return None
    ticks = {
        "start": round((start - window.shift) / base),
        "end": round((end - window.shift) / base),
    }
    return {**chapter, **ticks}


def _feeds(
    original: InputContainer, out: OutputContainer, streams: Sequence[StreamPlan]
) -> dict[int, Feed]:
    """For each stream of the output, by index in the source: how its packets are made."""
    feeds: dict[int, Feed] = {}
    for plan in streams:
        stream = original.streams[plan.index]
        if plan.action == "copy":
            feed = _copy(stream, out)
            if stream.type != "attachment":
                feeds[plan.index] = feed
        elif plan.action == "transcode" and isinstance(stream, AudioStream):
            feeds[plan.index] = _transcode_audio(stream, out, plan.encoder)
        elif plan.action == "transcode" and isinstance(stream, SubtitleStream):
            feeds[plan.index] = _transcode_subtitles(stream, out, plan.encoder)
    return feeds


def _copy(stream: Stream, out: OutputContainer) -> Feed:
    """Copy packets unchanged."""
    target = out.add_stream_from_template(stream)
    _describe(stream, target)

    def feed(packet: Packet) -> Iterable[Packet]:
        packet.stream = target
        return (packet,)

    return feed


def _describe(stream: Stream, target: Stream) -> None:
    target.metadata.update(_copied_tags(stream.metadata))
    target.disposition = stream.disposition


def _transcode_audio(stream: AudioStream, out: OutputContainer, encoder: str) -> Feed:
    rate = 48000 if encoder == "libopus" else stream.rate
    target = out.add_stream(encoder, rate=rate)
    assert isinstance(target, AudioStream)
    target.codec_context.layout = stream.layout
    target.codec_context.open(strict=False)
    _describe(stream, target)
    context = target.codec_context
    resampler = av.AudioResampler(
        format=context.format, layout=context.layout, rate=rate, frame_size=context.frame_size
    )

    def feed(packet: Packet) -> Iterable[Packet]:
        flushing = packet.size == 0 and packet.pts is None
        for frame in packet.decode():
            for piece in resampler.resample(frame):
                yield from target.encode(piece)
        if flushing:
            for piece in resampler.resample(None):
                yield from target.encode(piece)
            yield from target.encode(None)

    return feed


def _transcode_subtitles(stream: SubtitleStream, out: OutputContainer, encoder: str) -> Feed:
    target = out.add_stream(encoder)
    assert isinstance(target, SubtitleStream)
    source = stream.codec_context
    source.open(strict=False)  # its header is known only then
    target.codec_context.subtitle_header = source.subtitle_header
    target.time_base = target.codec_context.time_base = Fraction(1, 1000)
    _describe(stream, target)

    def feed(packet: Packet) -> Iterable[Packet]:
        subtitle = source.decode2(packet) if packet.size else None
        if subtitle is None:
            return
        encoded = target.codec_context.encode_subtitle(subtitle)
        encoded.stream = target
        encoded.pts = encoded.dts = packet.pts
        encoded.duration = packet.duration
        encoded.time_base = packet.time_base
        yield encoded

    return feed


def _others(
    original: InputContainer, feeds: dict[int, Feed], window: TimeWindow
) -> Iterator[Packet]:
    """Packets of the other streams, inside the window, on the output's clock."""
    streams = [original.streams[index] for index in feeds]
    if not streams:
        return
    if window.span.start is not None:
        early = int((window.span.start - 1) * av.time_base)
        with suppress(av.FFmpegError, OSError):  # then all of it is read, and the window selects
            original.seek(max(early, original.start_time or 0), backward=True)
    for packet in original.demux(streams):
        flushing = packet.size == 0 and packet.pts is None
        if not flushing and (packet.pts is None or not _in_window(packet, window.span)):
            continue
        for produced in feeds[packet.stream.index](packet):
            if produced.dts is not None or produced.pts is not None:
                yield _move(produced, produced.stream, window.shift)


def _in_window(packet: Packet, span: Span) -> bool:
    """Whether any part of the packet's time lies in the span."""
    start = (packet.pts or 0) * packet.time_base
    end = start + max(1, packet.duration or 0) * packet.time_base
    after = span.start is None or end > span.start
    return after and (span.end is None or start < span.end)

"""Decide which other streams of the source go into the output: sound, subtitles, attachments.

Each stream is tried before any work: its first packets are written into a file of the output's
container in memory, as they are, or through its decoder and an encoder, and read back.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from .container import is_cover, open_container, readable
from .feeds import is_last, open_feed
from .packets import after_the_last
from .source_file import MediaFile

# Container → encoder for sound, and for text subtitles, that it can't hold as they are.
_AUDIO_ENCODER = {"webm": "libopus", "gif": None}
_SUBTITLE_ENCODER = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}

_BITMAPS = frozenset({"dvdsub", "pgssub", "dvbsub", "xsub", "dvd_subtitle", "hdmv_pgs_subtitle"})

_MPEG_AUDIO = frozenset({"mp1", "mp2", "mp3"})  # one kind to MP4 and MPEG-TS

# What a container holds by a number that is registered for nothing: few players know it.
_PRIVATE = frozenset({("mp4", "vorbis")})

# Containers for fonts and the like. Others accept such a stream and then fail at the header.
_ATTACHMENTS = frozenset({"matroska"})
TIMECODES = frozenset({"mp4", "mov", "matroska"})
"""Containers that hold a time code; they make its track themselves."""

# Containers that hold cover art as a stream, which is no second film to players.
_COVERS = frozenset({"mp4", "mov"})

# How far the source is read for the first packets of its streams.
_FIRST_SECONDS, _FIRST_BYTES = 10, 50_000_000
_ENOUGH = 8  # packets of a stream; the first one of some codecs gives no sound

Action = Literal["copy", "transcode", "leave out"]


@dataclass(frozen=True)
class StreamPlan:
    """What happens to one stream of the source."""

    index: int
    """In the source."""
    kind: str
    """``audio``, ``subtitle``, ``attachment``, ``cover``, ``video``, ``data``,
    ``timecode``."""
    codec: str
    """FFmpeg's name; empty where it has none."""
    action: Action
    encoder: str = ""
    """Of a stream that is transcoded."""
    container: str = ""
    """FFmpeg's name of the output's format."""
    decodable: bool = True
    """This FFmpeg has a decoder for it."""
    met: bool = True
    """One of its packets was found and tried; else the plan is by its header alone."""
    payload: bytes = field(default=b"", repr=False)
    """Of a cover: the picture's file."""

    @property
    def name(self) -> str:
        """As messages have it."""
        return f"{self.kind} stream {self.index}" + (f" ({self.codec})" if self.codec else "")

    @property
    def line(self) -> str:
        """One line for the user."""
        unmet = "" if self.met else " (planned from its header alone)"
        if self.action == "copy":
            return f"{self.name} is copied{unmet}"
        if self.action == "transcode":
            how = f"encoded as {self.encoder}: {self.container} can't hold it as it is"
            return f"{self.name} is {how}{unmet}"
        if self.kind == "video":
            return f"{self.name} is left out: one picture is painted"
        unknown = "" if self.decodable else ", and there is no decoder for it"
        return f"{self.name} is left out: {self.container} can't hold it{unknown}"


def plan_streams(source: MediaFile, container: str, film: int = 0) -> list[StreamPlan]:
    """Plan every stream of a file but the picture that is painted, in order.

    Args:
        source: the file.
        container: FFmpeg's name of the output's format.
        film: index of the stream that is painted.

    Raises:
        av.FFmpegError, OSError: the file can't be read.
    """
    with source.open_buffered() as original:
        streams = [stream for stream in original.streams if stream.index != film]
        packets = _first_packets(original, [s for s in streams if _is_tried(s)])
        return [_plan(stream, packets.get(stream.index, []), container) for stream in streams]


def notes(plans: Sequence[StreamPlan]) -> list[str]:
    """What the user is told before the run: a line for each stream that is not copied."""
    changed = [plan for plan in plans if plan.action != "copy"]
    if len(changed) > 1 and all(plan.container == "gif" for plan in changed):
        names = ", ".join(plan.name for plan in changed)
        return [f"a GIF holds the picture alone; left out: {names}"]
    return [plan.line for plan in changed]


def _is_tried(stream: Stream) -> bool:
    if is_cover(stream):
        return True
    return stream.type in ("audio", "subtitle", "data") and not _is_timecode(stream)


def _is_timecode(stream: Stream) -> bool:
    return stream.type == "data" and "timecode" in stream.metadata


def _first_packets(original: InputContainer, tried: Sequence[Stream]) -> dict[int, list[Packet]]:
    """The first packets of some streams, by index; a damaged file is read as far as it goes."""
    found: dict[int, list[Packet]] = {stream.index: [] for stream in tried}
    needed = {s.index: _ENOUGH if s.type == "audio" else 1 for s in tried}
    begin: float | None = None
    read = 0
    try:
        for packet in original.demux() if tried else ():
            read += packet.size
            of_stream = found.get(packet.stream.index)
            if of_stream is not None and not is_last(packet) and len(of_stream) < _ENOUGH:
                of_stream.append(packet)
            enough = all(len(found[index]) >= count for index, count in needed.items())
            if packet.dts is not None and not is_cover(packet.stream):
                moment = float(packet.dts * packet.time_base)
                begin = moment if begin is None else begin
                enough = enough or moment - begin > _FIRST_SECONDS
            if enough or read > _FIRST_BYTES:
                break
    except (av.FFmpegError, OSError):
        pass
    return found


def _plan(stream: Stream, packets: Sequence[Packet], container: str) -> StreamPlan:
    context = getattr(stream, "codec_context", None)
    action, encoder = _decide(stream, packets, container)
    cover = is_cover(stream)
    return StreamPlan(
        index=stream.index,
        kind="timecode" if _is_timecode(stream) else "cover" if cover else str(stream.type),
        codec=_codec_of(stream),
        action=action,
        encoder=encoder,
        container=container,
        decodable=context is not None or stream.type not in ("audio", "subtitle"),
        met=bool(packets) or not _is_tried(stream),
        payload=bytes(packets[0]) if cover and packets else b"",
    )


def _codec_of(stream: Stream) -> str:
    """FFmpeg's name of a stream's codec; empty where it has none."""
    name = getattr(getattr(stream, "codec_context", None), "name", None)
    if name is None and stream.type == "data":
        name = getattr(stream, "name", None)
    return readable(name or "")


def _decide(stream: Stream, packets: Sequence[Packet], container: str) -> tuple[Action, str]:
    if stream.type == "attachment" or (is_cover(stream) and container in _ATTACHMENTS):
        return ("copy" if container in _ATTACHMENTS else "leave out"), ""
    if _is_timecode(stream):
        return ("copy" if container in TIMECODES else "leave out"), ""
    if not _is_tried(stream) or (is_cover(stream) and container not in _COVERS):
        return "leave out", ""
    private = (container, _canonical(stream)) in _PRIVATE
    if not private and _can_hold(stream, packets, container, ""):
        return "copy", ""
    encoder = _encoder_for(stream, container)
    if encoder is not None and _can_hold(stream, packets, container, encoder):
        return "transcode", encoder
    return "leave out", ""


def _can_hold(stream: Stream, packets: Sequence[Packet], container: str, encoder: str) -> bool:
    """Whether a container holds a stream, so that a player finds it there again.

    Args:
        stream: of the source.
        packets: its first ones.
        container: FFmpeg's name.
        encoder: what encodes it again; empty: nothing does.
    """
    if isinstance(stream, SubtitleStream) and container == "mpegts":
        return False  # it would take any bytes, which no player reads
    written = io.BytesIO()
    anything = False
    ends: dict[int, int] = {}
    try:
        with av.open(written, "w", format=container) as scratch:
            feed = open_feed(stream, scratch, encoder)
            name = _canonical(scratch.streams[0])
            scratch.start_encoding()
            for packet in packets:
                for produced in feed(packet):
                    after_the_last(produced, ends)
                    scratch.mux_one(produced)
                    anything = True
                packet.stream = stream  # the next trial decodes it
        return not anything or _reads_back(written, stream.type, name)
    except (ValueError, av.FFmpegError):
        return False


def _reads_back(written: io.BytesIO, kind: str, codec: str) -> bool:
    """Whether the first stream of a file is what was written. A container may take any bytes."""
    written.seek(0)
    with open_container(written) as container:
        if not container.streams:
            return False
        stream = container.streams[0]
        found = _canonical(stream)
        if not found or stream.type != kind:
            return False
        return found == codec or {found, codec} <= _MPEG_AUDIO


def _canonical(stream: Stream) -> str:
    """The one name of a stream's codec; empty where it has none."""
    context = getattr(stream, "codec_context", None)
    return _codec_of(stream) if context is None else context.codec.canonical_name


def _encoder_for(stream: Stream, container: str) -> str | None:
    if getattr(stream, "codec_context", None) is None:
        return None
    if isinstance(stream, AudioStream):
        return _AUDIO_ENCODER.get(container, "aac")
    if not isinstance(stream, SubtitleStream) or stream.codec_context.name in _BITMAPS:
        return None
    return _SUBTITLE_ENCODER.get(container)

"""Decide which other streams of the source go into the output: sound, subtitles, attachments.

Each stream is tried on an empty file of the output's container, before any work.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

# Container → encoder for sound, and for text subtitles, that it can't hold as they are.
_AUDIO_ENCODER = {"webm": "libopus", "gif": None}
_SUBTITLE_ENCODER = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}

_BITMAPS = frozenset({"dvdsub", "pgssub", "dvbsub", "xsub", "dvd_subtitle", "hdmv_pgs_subtitle"})

# Containers for fonts and the like. Others accept such a stream and then fail at the header.
_ATTACHMENTS = frozenset({"matroska"})

Action = Literal["copy", "transcode", "leave out"]


@dataclass(frozen=True)
class StreamPlan:
    """What happens to one stream of the source."""

    index: int
    """In the source."""
    kind: str
    """``audio``, ``subtitle``, ``attachment``, ``video``, ``data``."""
    codec: str
    """FFmpeg's name; empty where it has none."""
    action: Action
    encoder: str = ""
    """Of a stream that is transcoded."""
    container: str = ""
    """FFmpeg's name of the output's format."""

    @property
    def line(self) -> str:
        """One line for the user."""
        what = f"{self.kind} stream {self.index}" + (f" ({self.codec})" if self.codec else "")
        if self.action == "copy":
            return f"{what} is copied"
        if self.action == "transcode":
            return f"{what} is encoded as {self.encoder}: {self.container} can't hold it as it is"
        if self.kind == "video":
            return f"{what} is left out: one picture is painted"
        return f"{what} is left out: {self.container} can't hold it"


def plan_streams(source: Path, container: str) -> list[StreamPlan]:
    """Plan every stream of a file but the picture that is painted, in order.

    Args:
        source: the file.
        container: FFmpeg's name of the output's format.

    Raises:
        av.FFmpegError, OSError: the file can't be read.
    """
    with (
        av.open(source.absolute()) as original,
        av.open(io.BytesIO(), "w", format=container) as scratch,
    ):
        best = original.streams.best("video")
        streams = [stream for stream in original.streams if stream is not best]
        return [_plan(stream, scratch) for stream in streams]


def _plan(stream: Stream, scratch: OutputContainer) -> StreamPlan:
    container = scratch.format.name
    action, encoder = _decide(stream, scratch)
    codec = getattr(getattr(stream, "codec_context", None), "name", "") or ""
    return StreamPlan(stream.index, str(stream.type), codec, action, encoder, container)


def _decide(stream: Stream, scratch: OutputContainer) -> tuple[Action, str]:
    if isinstance(stream, (AudioStream, SubtitleStream)):
        if _can_hold(stream, scratch):
            return "copy", ""
        encoder = _encoder_for(stream, scratch.format.name)
        return ("leave out", "") if encoder is None else ("transcode", encoder)
    if stream.type == "attachment" and scratch.format.name in _ATTACHMENTS:
        return "copy", ""
    return "leave out", ""


def _can_hold(stream: Stream, scratch: OutputContainer) -> bool:
    """Whether the container can hold a stream's packets unchanged."""
    if isinstance(stream, SubtitleStream) and scratch.format.name == "mpegts":
        return False  # it would take any bytes, which no player reads
    try:
        scratch.add_stream_from_template(stream)
    except (ValueError, av.FFmpegError):
        return False
    return True


def _encoder_for(stream: AudioStream | SubtitleStream, container: str) -> str | None:
    if isinstance(stream, AudioStream):
        return _AUDIO_ENCODER.get(container, "aac")
    if stream.codec_context.name in _BITMAPS:
        return None
    return _SUBTITLE_ENCODER.get(container)

"""Open media files for reading: text in any encoding, and which stream is the film."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from ..core.errors import SourceError

# How far a file is read to find out which of its video streams are still pictures.
_STILL_SECONDS, _STILL_BYTES = 10, 50_000_000


def open_container(file: str | Path | io.IOBase, **options: Any) -> InputContainer:
    """Open a file or an address for reading. Everything that reads with FFmpeg opens it here.

    Titles and names that are not UTF-8 keep their bytes, as lone surrogates: see ``readable``.

    Args:
        file: a path, an address, or an open file.
        options: as for ``av.open``.

    Raises:
        av.FFmpegError, OSError, ValueError: it can't be opened.
    """
    if isinstance(file, Path):
        file = str(file.absolute())  # "a:b.mp4" alone would name a protocol
    return av.open(file, "r", metadata_errors="surrogateescape", **options)


def readable(text: str) -> str:
    """Text of a file's metadata, decoded again where its bytes were not UTF-8."""
    return decoded(text.encode("utf-8", "surrogateescape"))


def decoded(raw: bytes) -> str:
    """Bytes as text: UTF-8, else one of the encodings from before it, by a guess.

    Japanese text has kana, which begin with two bytes that are rare elsewhere. Cyrillic text has
    more letters above 0xBF than below; Western text has fewer.
    """
    ascii_letters = sum(chr(byte).isalpha() for byte in raw if byte < 0x80)
    high = sum(byte >= 0xC0 for byte in raw)
    guesses = ["utf-8"]
    if b"\x82" in raw or b"\x83" in raw:
        guesses.append("cp932")
    guesses.append("cp1251" if high > ascii_letters else "cp1252")
    for encoding in guesses:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def is_cover(stream: Stream) -> bool:
    """Whether a stream is a still picture beside the film, such as the cover of an album."""
    return stream.type == "video" and bool(stream.disposition & stream.disposition.attached_pic)


def film_index(container: InputContainer, name: str, index: int | None = None) -> int:
    """Choose the video stream that is painted. The container is at an unknown place afterwards.

    Args:
        container: the file.
        name: of the file, for messages.
        index: the stream that the user wants; ``None``: the best one that is a film, not a cover.

    Raises:
        SourceError: there is none, or ``index`` is none.
    """
    videos = [s for s in container.streams.video if getattr(s, "codec_context", None) is not None]
    if index is not None:
        if index in (stream.index for stream in videos):
            return index
        raise SourceError(
            f"{name} has no video stream {index}; --video-stream can be "
            + (" or ".join(_description(stream) for stream in videos) or "none")
        )
    films = [stream for stream in videos if not is_cover(stream)]
    if not films:
        kinds = ", ".join(sorted({s.type for s in container.streams})) or "no stream at all"
        unknown = any(s.type == "video" for s in container.streams) and not videos
        why = "one of a codec that can't be decoded here" if unknown else f"only {kinds}"
        raise SourceError(f"{name} holds no video stream, {why}")
    if len(films) > 1:
        films = _moving(container, films) or films
    best = container.streams.best("video")
    if best is not None and best.index in (stream.index for stream in films):
        return best.index
    return max(films, key=lambda s: (bool(s.disposition & s.disposition.default), -s.index)).index


def _description(stream: VideoStream) -> str:
    context = stream.codec_context
    return f"{stream.index} ({context.name}, {context.width}x{context.height})"


def _moving(container: InputContainer, streams: list[VideoStream]) -> list[VideoStream]:
    """Those that have more than one picture at the beginning of the file."""
    counts = dict.fromkeys((stream.index for stream in streams), 0)
    begin: float | None = None
    read = 0
    try:
        for packet in container.demux(streams):
            counts[packet.stream.index] += bool(packet.size)
            read += packet.size
            moment = float((packet.dts or 0) * packet.time_base)
            begin = moment if begin is None else begin
            if moment - begin > _STILL_SECONDS or read > _STILL_BYTES or min(counts.values()) > 1:
                break
    except (av.FFmpegError, OSError):
        pass
    return [stream for stream in streams if counts[stream.index] > 1]

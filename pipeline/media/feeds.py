"""How packets of a source's stream become packets of the output: copied, or encoded again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.codec import UnknownCodecError
from av.codec.context import CodecContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from .container import decoded, readable

Feed = Callable[[Packet], Iterable[Packet]]
"""Turns a packet of the source into packets of the output; an empty one is the last."""

# The muxer writes these itself. For a time code it would add a track that it can't finish.
_NOT_COPIED = frozenset(
    {
        "alpha_mode",  # of the picture's own encoding
        "major_brand",
        "minor_version",
        "compatible_brands",
        "encoder",
        "duration",
        "timecode",
    }
)
# Number of channels → FFmpeg's default layout. Those of the count alone have no name.
_LAYOUTS = ("", "mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1")
_UNNAMED = re.compile(r"(\d+) channels")
# Programs write these where a track has no name.
_DEFAULT_HANDLER = re.compile("handler|^$|^(ISO|GPAC|Core Media|Apple) ", re.IGNORECASE)
# QuickTime's list of languages is older than ISO 639-2/T.
_OLD_LANGUAGES = {
    "deu": "ger", "ell": "gre", "fre": "fra", "isl": "ice", "nld": "dut", "swe": "sve",
    "zho": "chi",
}  # fmt: skip
_COVER_ENDINGS = {"png": "png", "bmp": "bmp", "gif": "gif", "webp": "webp"}
_RATE = 48000  # Hz: every encoder knows it

_TEXTS = frozenset({"subrip", "srt", "ass", "ssa", "text", "webvtt", "mov_text"})
_MILLISECOND = Fraction(1, 1000)
_UNSAID = 5000  # ms that a line stands where nothing says so
_FIELDS = 8  # commas of an ASS event before its text


def open_feed(
    stream: Stream, out: OutputContainer, encoder: str = "", payload: bytes = b""
) -> Feed:
    """Add a stream to the output, and return what makes its packets.

    Args:
        stream: of the source.
        out: a stream is added to it.
        encoder: encodes it again; empty: it is copied.
        payload: of a cover: the picture's file, for containers that attach it.

    Raises:
        av.FFmpegError, ValueError: the container or the encoder refuses it.
    """
    if payload and out.format.name == "matroska":
        return _attach(stream, out, payload)
    if not encoder:
        return _copy(stream, out)
    if isinstance(stream, AudioStream):
        return _Sound(stream, out, encoder)
    assert isinstance(stream, SubtitleStream)
    return _subtitles(stream, out, encoder)


def is_last(packet: Packet) -> bool:
    """Whether this is the empty packet at the end of a stream."""
    return packet.size == 0 and packet.pts is None


def copied_tags(metadata: dict[str, str]) -> dict[str, str]:
    """The metadata that an output keeps."""
    return {
        readable(key): readable(value)
        for key, value in metadata.items()
        if key.lower() not in _NOT_COPIED and not key.startswith(("_STATISTICS", "BPS", "DURATION"))
    }


def track_tags(metadata: dict[str, str], container: str) -> dict[str, str]:
    """The metadata that a track keeps, under the names that its container has for it.

    Args:
        metadata: of the source's track.
        container: FFmpeg's name of the output's format.
    """
    tags = copied_tags(metadata)
    if container in ("mp4", "mov"):
        if "title" in tags:
            tags["handler_name"] = tags["title"]
        if container == "mov" and "language" in tags:
            tags["language"] = _OLD_LANGUAGES.get(tags["language"], tags["language"])
    elif not _DEFAULT_HANDLER.search(tags.get("handler_name", "Handler")):
        tags.setdefault("title", tags["handler_name"])
    return tags


def _describe(stream: Stream, target: Stream, container: str) -> None:
    target.metadata.clear()  # a template's may not be UTF-8
    target.metadata.update(track_tags(stream.metadata, container))
    target.disposition = stream.disposition


def _attach(stream: Stream, out: OutputContainer, payload: bytes) -> Feed:
    """A cover as an attached file, which is written with the header."""
    tags = copied_tags(stream.metadata)
    ending = _COVER_ENDINGS.get(stream.codec_context.name, "jpg")
    mimetype = tags.get("mimetype", f"image/{'jpeg' if ending == 'jpg' else ending}")
    out.add_attachment(tags.get("filename", f"cover.{ending}"), mimetype, payload)
    return lambda packet: ()


def _copy(stream: Stream, out: OutputContainer) -> Feed:
    try:
        target = out.add_stream_from_template(stream)
    except UnknownCodecError:  # there is a decoder, or none, but no encoder of its name
        target = out.add_stream_from_template(stream, opaque=True)
    _describe(stream, target, out.format.name)

    def feed(packet: Packet) -> Iterable[Packet]:
        if is_last(packet):
            return ()
        packet.stream = target
        return (packet,)

    return feed


class _Sound:
    """Decodes sound and encodes it again, whatever happens to its rate and layout half-way.

    Args:
        stream: of the source.
        out: of the output; a stream is added to it.
        encoder: FFmpeg's name.
    """

    def __init__(self, stream: AudioStream, out: OutputContainer, encoder: str) -> None:
        self._stream = stream
        rate, layout = _encodable(stream, encoder)
        target = out.add_stream(encoder, rate=rate)
        assert isinstance(target, AudioStream)
        target.codec_context.layout = layout
        target.codec_context.open(strict=False)
        _describe(stream, target, out.format.name)
        self._target = target
        self._resampler = self._fresh()

    def __call__(self, packet: Packet) -> Iterator[Packet]:
        """See ``Feed``. What can't be decoded is passed over: the times of the rest stay."""
        try:
            frames = self._stream.codec_context.decode(None if is_last(packet) else packet)
        except av.InvalidDataError:
            frames = []
        for frame in frames:
            yield from self._encoded(self._resampled(frame))
        if is_last(packet):
            yield from self._encoded(self._resampler.resample(None))
            yield from self._target.encode(None)

    def _resampled(self, frame: AudioFrame) -> Iterator[AudioFrame]:
        try:
            yield from self._resampler.resample(frame)
        except ValueError:  # another rate, layout or format than before
            yield from self._resampler.resample(None)
            self._resampler = self._fresh()
            yield from self._resampler.resample(frame)

    def _encoded(self, frames: Iterable[AudioFrame]) -> Iterator[Packet]:
        for frame in frames:
            yield from self._target.encode(frame)

    def _fresh(self) -> av.AudioResampler:
        context = self._target.codec_context
        return av.AudioResampler(
            format=context.format,
            layout=context.layout,
            rate=context.sample_rate,
            frame_size=context.frame_size,
        )


def _encodable(stream: AudioStream, encoder: str) -> tuple[int, str]:
    """The rate and the layout nearest to a stream's that an encoder takes.

    Raises:
        ValueError: it takes none.
    """
    count = min(stream.channels, len(_LAYOUTS) - 1)
    layouts = dict.fromkeys([_named(stream.layout.name), *_LAYOUTS[count:0:-1]])
    for layout in layouts:
        for rate in dict.fromkeys([stream.rate, _RATE]):
            if _opens(encoder, rate, layout):
                return rate, layout
    raise ValueError(f"{encoder} takes no sound of {stream.channels} channels")


def _opens(encoder: str, rate: int, layout: str) -> bool:
    context = CodecContext.create(encoder, "w")
    assert isinstance(context, av.AudioCodecContext)
    formats = context.codec.audio_formats
    try:
        context.sample_rate, context.layout = rate, layout
        context.format = formats[0] if formats else "s16"
        context.time_base = Fraction(1, rate)
        context.open(strict=False)
    except (av.FFmpegError, ValueError):
        return False
    return True


def _named(layout: str) -> str:
    """A layout's name; where it is a number of channels, the default one of so many."""
    found = _UNNAMED.fullmatch(layout)
    if found is None:
        return layout
    count = int(found[1])
    return _LAYOUTS[count] if count < len(_LAYOUTS) else layout


def _subtitles(stream: SubtitleStream, out: OutputContainer, encoder: str) -> Feed:
    target = out.add_stream(encoder)
    assert isinstance(target, SubtitleStream)
    source, context = stream.codec_context, target.codec_context
    source.open(strict=False)  # its header is known only then
    context.subtitle_header = source.subtitle_header
    target.time_base = context.time_base = _MILLISECOND
    _describe(stream, target, out.format.name)
    # MP4 shows one sample at a time; other containers show lines that overlap.
    lines = _Lines(overlap=encoder != "mov_text")

    def feed(packet: Packet) -> Iterable[Packet]:
        if is_last(packet):
            samples = lines.rest()
        else:
            subtitle = source.decode2(_as_utf8(packet, source.name)) if packet.size else None
            texts = [] if subtitle is None else [r for r in subtitle if isinstance(r, AssSubtitle)]
            begin = round((packet.pts or 0) * packet.time_base / _MILLISECOND)
            length = round((packet.duration or 0) * packet.time_base / _MILLISECOND)
            samples = lines.add(begin, begin + (length or _UNSAID), [text.ass for text in texts])
        for begin, end, text in samples:
            encoded = context.encode_subtitle(SubtitleSet.create(text, 0, end - begin))
            encoded.stream, encoded.time_base = target, _MILLISECOND
            encoded.pts = encoded.dts = begin
            encoded.duration = end - begin
            yield encoded

    return feed


def _as_utf8(packet: Packet, codec: str) -> Packet:
    """A packet of text that the decoder takes: it refuses what is not UTF-8."""
    raw = bytes(packet)
    head = raw[:2] if codec == "mov_text" else b""  # the length
    text = raw[len(head) :]
    if codec not in _TEXTS or _is_utf8(text):
        return packet
    if head:  # without the boxes of its styles, whose places are counted in bytes
        text = decoded(text[: int.from_bytes(head, "big")]).encode()
        head = len(text).to_bytes(2, "big")
    else:
        text = decoded(text).encode()
    again = Packet(head + text)
    again.time_base, again.pts, again.dts = packet.time_base, packet.pts, packet.dts
    again.duration = packet.duration
    return again


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Lines:
    """Lines of text, in order; where two stand at once, both in one sample, if they must.

    Args:
        overlap: samples may overlap: each line is its own.
    """

    def __init__(self, overlap: bool) -> None:
        self._overlap = overlap
        self._standing: list[tuple[int, bytes]] = []
        self._now = 0

    def add(self, begin: int, end: int, texts: list[bytes]) -> Iterator[tuple[int, int, bytes]]:
        """Take the lines that stand from ``begin`` to ``end``, ms; yields finished samples.

        A sample is (begin, end, text); texts are ASS events.
        """
        if self._overlap:
            yield from ((begin, end, text) for text in texts)
        elif texts:
            yield from self._until(begin)
            self._now = max(begin, self._now)
            self._standing += [(end, text) for text in texts]

    def rest(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield the samples that are left at the end."""
        yield from self._until(max((end for end, _ in self._standing), default=0))

    def _until(self, moment: int) -> Iterator[tuple[int, int, bytes]]:
        while self._standing and self._now < moment:
            end = min(moment, *(end for end, _ in self._standing))
            if end > self._now:
                first, *others = (text for _, text in self._standing)
                words = [text.split(b",", _FIELDS)[-1] for text in others]
                yield self._now, end, b"\\N".join([first, *words])
            self._now = max(end, self._now)
            self._standing = [line for line in self._standing if line[0] > end]

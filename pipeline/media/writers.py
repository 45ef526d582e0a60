"""Write frames: a piece of video, a folder of PNGs, a picture."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import av.filter
import numpy as np
from av.codec import Codec
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import PictureType
from av.video.stream import VideoStream

from ..core.files import writing
from ..core.frame import Frame, Opacity, Picture, as_rgb, eight_bits, rgb_8_or_16
from .adapters import ToFrame
from .alpha import with_opacity
from .encoding import OPENING_ERRORS, Encoding
from .images import ALPHA_SUFFIXES, picture_bytes
from .last_delay import set_last_delay
from .outputs import FOLDER_NAMES
from .piece_file import PieceFile
from .sequence import NUMBER
from .settings_tag import with_png_tag
from .source import SourceInfo

log = logging.getLogger(__name__)

_GIF_CLOCK = Fraction(1, 100)

# A piece plays up to its last fragment when its run is killed. Its index is written with the first
# one, so that it has the times of one that was written whole.
_APPLE = ("mp4", "mov")

# Ending → containers of its pieces, before Matroska. QuickTime has other tags for the same codec
# than MP4, and lists VP8, which it can't hold.
_PIECES = {".mov": ("mov", "mp4"), ".mkv": ("mp4",), ".webm": ("mp4",)}

_FRAGMENTS = {
    "movflags": "delay_moov+default_base_moof",
    "frag_duration": "500000",  # µs
    "flush_packets": "1",
}


@dataclass(frozen=True)
class Segment:
    """A piece of video: encoded, playable, on disk."""

    path: Path
    """The file, or the folder with the pictures."""
    frames: int
    """Number of frames."""
    start: Fraction
    """Time of its first frame, seconds on the source's clock."""
    end: Fraction
    """End of its last frame, seconds on the source's clock."""


class Writer(Protocol):
    """Accepts frames; ``close`` completes the output."""

    def write(self, frame: Frame) -> None:
        """Append one frame. Its pts must be above the one before."""
        ...

    def close(self) -> None:
        """Complete the file. It is safe to call this twice."""
        ...


os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 would fill the screen with its settings


class VideoWriter:
    """Encodes frames into an MP4 or QuickTime file, on the source's clock.

    Both store any time base exactly; what fits neither goes into Matroska. The first frame is
    at zero in the file, because a late start would be rounded to the file's coarse movie clock;
    ``Segment.start`` has the real time.

    Args:
        path: the file to write.
        target: the user's output, for messages.
        info: the source's properties.
        encoding: see ``choose_encoding``.

    Raises:
        SinkError: the encoder can't be opened.
    """

    def __init__(self, path: Path, target: Path, info: SourceInfo, encoding: Encoding) -> None:
        self._path = path
        self._target = target
        self._size = info.width, info.height
        is_gif = encoding.codec == "gif"
        self._clock = _GIF_CLOCK if is_gif else info.time_base
        self._to_frame = (
            _Palette(info) if is_gif else ToFrame(encoding.pixel_format, encoding.color)
        )
        with writing(target):
            self._file = self._create(path)
            self._container = self._open(encoding)
        self._first: Fraction | None = None
        self._last: int | None = None
        self._last_delay = Fraction(0)
        self._usual = 1 / info.rate / self._clock
        self._held: av.VideoFrame | None = None
        self._count = 0
        self._dropped = 0
        self._closed = False
        self._stream = self._open_stream(info, encoding)

    def _create(self, path: Path) -> PieceFile:
        return PieceFile(path)

    def _open(self, encoding: Encoding) -> OutputContainer:
        return _open_piece(self._file, encoding, self._target)

    def _open_stream(self, info: SourceInfo, encoding: Encoding) -> VideoStream:
        try:
            stream = self._container.add_stream(
                encoding.codec, rate=info.rate, options=_with_rate(encoding)
            )
            assert isinstance(stream, VideoStream)
            context = stream.codec_context
            encoding.configure(context, info.width, info.height)
            if encoding.alpha_beside:
                stream.metadata["alpha_mode"] = "1"
            context.time_base = stream.time_base = self._clock
            context.sample_aspect_ratio = info.sample_aspect
            if context.codec.canonical_name == "hevc" and self._container.format.name in _APPLE:
                context.codec_tag = "hvc1"  # Apple's players know no hev1
            # The extradata must exist before the header is written.
            context.open(strict=False)
        except OPENING_ERRORS as error:
            self._container.close()
            self._file.close()
            raise encoding.refusal(info.width, info.height, error) from error
        return stream

    def write(self, frame: Frame) -> None:
        """See ``Writer.write``."""
        self._first = frame.time if self._first is None else self._first
        pts = round((frame.time - self._first) / self._clock)
        if self._last is not None and pts <= self._last:
            self._dropped += 1  # a GIF's clock ticks a hundred times a second
            return
        self._last = pts
        self._count += 1
        picture = self._converted(frame)
        picture.time_base = self._clock
        picture.pts = pts
        self._last_delay = frame.duration * frame.time_base
        picture.duration = round(self._last_delay / self._clock)
        self._encode_held()
        self._held = picture

    def _encode_held(self, last: bool = False) -> None:
        """Encode the frame that waits to be known as the last, or not the last."""
        if self._held is None:
            return
        if last and self._held.duration > 1.5 * self._usual:
            # It is displayed long. Files say so of the last packet, which then must be its own.
            self._held.pict_type = PictureType.I
        with self._file.writing(self._target):
            self._mux(self._stream.encode(self._held))
        self._held = None

    def _converted(self, frame: Frame) -> av.VideoFrame:
        """The frame for the encoder; what is not painted does not go by RGB."""
        if frame.coded is not None and isinstance(self._to_frame, ToFrame):
            return self._to_frame.again(frame.coded, self._size)
        return self._to_frame(frame.picture, frame.alpha)

    def close(self) -> None:
        """See ``Writer.close``."""
        if self._closed:
            return
        self._closed = True
        if self._dropped:
            log.warning("%d frames were dropped: a GIF holds 100 a second", self._dropped)
        with self._file, self._file.writing(self._target):
            try:
                self._encode_held(last=True)
                if self._first is not None:
                    self._mux(self._delayed())
                self._finish()
            finally:
                self._container.close()
            self._file.restore()
        if self._last_delay and self._container.format.name in WRITTEN_AT_ONCE:
            set_last_delay(self._path, self._container.format.name, self._last_delay)

    def _delayed(self) -> list[Packet]:
        """What the encoder holds back until the end."""
        packets = self._stream.encode(None)
        if self._count <= 2 and self._stream.codec_context.name == "libx265":
            for packet in packets:  # it gives two frames alone no decoding times, but any numbers
                packet.dts = packet.pts
        return packets

    def _mux(self, packets: list[Packet]) -> None:
        self._container.mux(packets)

    def _finish(self) -> None:
        """What is written after the last frame."""


_X264_ALWAYS = "force-cfr=1:cpu-independent=1"


def _with_rate(encoding: Encoding) -> dict[str, str]:
    """The encoder's options. By itself libx264 writes the clock's rate as the frame rate.

    And with ``mbtree`` it writes other bytes for the same frames now and then, unless it leaves out
    what is not exact on every processor.
    """
    options = dict(encoding.options)
    if encoding.codec == "libx264":
        key = "x264-params"
        options[key] = ":".join([_X264_ALWAYS, *filter(None, [options.get(key)])])
    return options


WRITTEN_AT_ONCE = {"apng": "apng", "webp": "libwebp_anim"}
"""Containers, and their encoders, that no packets can be copied into: the piece is the file."""


def _open_piece(file: PieceFile, encoding: Encoding, target: Path) -> OutputContainer:
    for name, encoder in WRITTEN_AT_ONCE.items():
        if encoding.codec == encoder:
            return av.open(file, "w", format=name)
    if encoding.alpha_beside:
        return av.open(file, "w", format="matroska")
    codec = Codec(encoding.codec, "w").canonical_name
    for name in _PIECES.get(target.suffix.lower(), _APPLE):
        container = av.open(file, "w", format=name, options=_FRAGMENTS)
        if codec in container.supported_codecs:
            return container
        container.close()
    return av.open(file, "w", format="matroska")


class _Palette:
    """RGB → 256 colours, chosen for each frame, so that memory does not grow with the clip."""

    def __init__(self, info: SourceInfo) -> None:
        graph = av.filter.Graph()
        self._format = "rgba" if info.alpha else "rgb24"
        size = f"video_size={info.width}x{info.height}:pix_fmt={self._format}:time_base=1/100"
        source = graph.add("buffer", size)
        split = graph.add("split")
        generate = graph.add("palettegen", "stats_mode=single")
        use = graph.add("paletteuse", "new=1:dither=sierra2_4a")
        sink = graph.add("buffersink")
        source.link_to(split)
        split.link_to(use, 0, 0)
        split.link_to(generate, 1, 0)
        generate.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        self._graph = graph
        self._count = 0

    def __call__(self, picture: Picture, alpha: Opacity | None = None) -> av.VideoFrame:
        pixels = as_rgb(picture)
        if self._format == "rgba":
            opaque = np.full(pixels.shape[:2], 255, np.uint8)
            pixels = np.dstack([pixels, opaque if alpha is None else eight_bits(alpha)])
            # Of a frame that is all opaque, FFmpeg leaves the pixels behind the next one's.
            pixels[0, 0, 3] = 0
        frame = av.VideoFrame.from_ndarray(pixels, self._format)
        frame.pts, frame.time_base = self._count, _GIF_CLOCK
        self._count += 1
        self._graph.vpush(frame)
        return self._graph.vpull()


class PictureWriter:
    """Writes a folder of ``000001.png`` …, or one picture in it.

    Args:
        folder: the folder for the pictures.
        target: the user's output, for messages.
        name: the pictures' file name, with a printf number where there are several.
        before: pictures of the same output that come before.
        tag: the run's settings, for the metadata of PNGs; ``None``: they are not written.
    """

    def __init__(
        self,
        folder: Path,
        target: Path,
        name: str = FOLDER_NAMES,
        before: int = 0,
        tag: str | None = None,
    ) -> None:
        self._folder = folder
        self._target = target
        self._name = name
        self._count = before
        self._tag = tag

    def write(self, frame: Frame) -> None:
        """See ``Writer.write``."""
        self._count += 1
        name = NUMBER.sub(lambda number: number[0] % self._count, self._name, count=1)
        keeps_alpha = Path(name).suffix.lower() in ALPHA_SUFFIXES
        pixels = with_opacity(rgb_8_or_16(frame.picture), frame.alpha, keeps_alpha)
        encoded = picture_bytes(pixels, name)
        if self._tag is not None and Path(name).suffix.lower() == ".png":
            encoded = with_png_tag(encoded, self._tag)
        with writing(self._target):
            self._write(name, encoded)

    def _write(self, name: str, encoded: bytes) -> None:
        """Write a picture completely or not at all."""
        part = self._folder / f"{self._count}.part"  # a name may be as long as it can be
        try:
            part.write_bytes(encoded)
        except FileNotFoundError:
            log.warning("%s was deleted during the run, and is made again", self._folder.parent)
            self._folder.mkdir(parents=True)
            part.write_bytes(encoded)
        part.replace(self._folder / name)

    def close(self) -> None:
        """See ``Writer.close``."""

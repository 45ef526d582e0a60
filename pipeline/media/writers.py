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
from av.codec import Codec
from av.container import OutputContainer
from av.video.frame import PictureType
from av.video.stream import VideoStream

from ..core.errors import SinkError, reason
from ..core.files import writing
from ..core.frame import Frame, Picture, as_rgb
from .adapters import ToFrame
from .encoding import Encoding
from .images import picture_bytes
from .source import SourceInfo

log = logging.getLogger(__name__)

_GIF_CLOCK = Fraction(1, 100)


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

    Both formats store any time base exactly, and every codec fits one of them. The first frame is
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
        self._target = target
        is_gif = encoding.codec == "gif"
        self._clock = _GIF_CLOCK if is_gif else info.time_base
        self._to_frame = (
            _Palette(info) if is_gif else ToFrame(encoding.pixel_format, encoding.color)
        )
        with writing(target):
            self._container = _open_piece(path, encoding.codec)
        self._first: Fraction | None = None
        self._last: int | None = None
        self._usual = 1 / info.rate / self._clock
        self._held: av.VideoFrame | None = None
        self._dropped = 0
        self._closed = False
        self._stream = self._open_stream(info, encoding)

    def _open_stream(self, info: SourceInfo, encoding: Encoding) -> VideoStream:
        try:
            stream = self._container.add_stream(
                encoding.codec, rate=info.rate, options=_with_rate(encoding)
            )
            assert isinstance(stream, VideoStream)
            context = stream.codec_context
            encoding.configure(context, info.width, info.height)
            context.time_base = stream.time_base = self._clock
            context.sample_aspect_ratio = info.sample_aspect
            # The extradata must exist before the header is written.
            context.open(strict=False)
        except (av.FFmpegError, ValueError, OSError, NotImplementedError) as error:
            self._container.close()
            options = " ".join(f"{key}={value}" for key, value in encoding.options.items())
            raise SinkError(
                f"encoder {encoding.codec} can't be opened at {info.width}x{info.height} "
                f"{encoding.pixel_format} with {options or 'no options'}: "
                f"{reason(error)}"
            ) from error
        return stream

    def write(self, frame: Frame) -> None:
        """See ``Writer.write``."""
        self._first = frame.time if self._first is None else self._first
        pts = round((frame.time - self._first) / self._clock)
        if self._last is not None and pts <= self._last:
            self._dropped += 1  # a GIF's clock ticks a hundred times a second
            return
        self._last = pts
        picture = self._to_frame(frame.picture)
        picture.time_base = self._clock
        picture.pts = pts
        picture.duration = round(frame.duration * frame.time_base / self._clock)
        self._encode_held()
        self._held = picture

    def _encode_held(self, last: bool = False) -> None:
        """Encode the frame that waits to be known as the last, or not the last."""
        if self._held is None:
            return
        if last and self._held.duration > 1.5 * self._usual:
            # It is displayed long. Files say so of the last packet, which then must be its own.
            self._held.pict_type = PictureType.I
        with writing(self._target):
            self._container.mux(self._stream.encode(self._held))
        self._held = None

    def close(self) -> None:
        """See ``Writer.close``."""
        if self._closed:
            return
        self._closed = True
        if self._dropped:
            log.warning("%d frames were dropped: a GIF holds 100 a second", self._dropped)
        with writing(self._target):
            try:
                self._encode_held(last=True)
                self._container.mux(self._stream.encode(None))
            finally:
                self._container.close()


def _with_rate(encoding: Encoding) -> dict[str, str]:
    """The encoder's options. By itself libx264 writes the clock's rate as the frame rate."""
    options = dict(encoding.options)
    if encoding.codec == "libx264":
        key = "x264-params"
        options[key] = ":".join(["force-cfr=1", *filter(None, [options.get(key)])])
    return options


def _open_piece(path: Path, codec: str) -> OutputContainer:
    container = av.open(path, "w", format="mp4")
    if Codec(codec, "w").canonical_name in container.supported_codecs:
        return container
    container.close()
    return av.open(path, "w", format="mov")


class _Palette:
    """RGB → 256 colours, chosen for each frame, so that memory does not grow with the clip."""

    def __init__(self, info: SourceInfo) -> None:
        graph = av.filter.Graph()
        size = f"video_size={info.width}x{info.height}:pix_fmt=rgb24:time_base=1/100"
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

    def __call__(self, picture: Picture) -> av.VideoFrame:
        frame = av.VideoFrame.from_ndarray(as_rgb(picture), "rgb24")
        frame.pts, frame.time_base = self._count, _GIF_CLOCK
        self._count += 1
        self._graph.vpush(frame)
        return self._graph.vpull()


class PictureWriter:
    """Writes a folder of ``000001.png`` …; or, with a ``name``, that one picture in it.

    Args:
        folder: the folder for the pictures.
        target: the user's output, for messages.
        name: the picture's file name.
    """

    def __init__(self, folder: Path, target: Path, name: str | None = None) -> None:
        self._folder = folder
        self._target = target
        self._name = name
        self._count = 0

    def write(self, frame: Frame) -> None:
        """See ``Writer.write``."""
        self._count += 1
        name = self._name or f"{self._count:06d}.png"
        encoded = picture_bytes(frame.rgb, name)
        with writing(self._target):
            (self._folder / name).write_bytes(encoded)

    def close(self) -> None:
        """See ``Writer.close``."""

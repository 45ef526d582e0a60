"""Live outputs that are encoded: streams, an HLS folder, a recording; with their audio."""

from __future__ import annotations

from fractions import Fraction

import av
from av.container import OutputContainer
from av.video.frame import PictureType
from av.video.stream import VideoStream

from ...core.frame import Picture
from ...core.groups import EncodingSettings
from ...imaging.resize import resize_picture
from ...media.adapters import ToFrame
from ...media.color import BT709, ColorTags
from ..audio import RATE, AudioBlock
from ..sources.reconnect import TIME_BASE
from .audio_track import AudioTrack
from .container import LiveContainer
from .output import OutputFrame
from .target import KEY_EVERY, StreamFormat, Target, stream_encoding


class EncodedOutput:
    """Encodes frames and audio into a stream or a file.

    Frames keep their times, to 1/90000 s where the container can. A frame of another size is
    resized to that of the first.

    Args:
        target: the stream or file to write.
        stream_format: the size, rate and audio of the stream.
        settings: the encoder and the bit rate.

    Raises:
        SinkError: it can't be opened.
    """

    def __init__(
        self, target: Target, stream_format: StreamFormat, settings: EncodingSettings
    ) -> None:
        self._target = target
        self._format = stream_format
        coding = stream_format.coding
        tags = BT709 if coding is None else ColorTags(matrix=coding.matrix, range=coding.range)
        self._encoding = stream_encoding(target, settings, stream_format, tags)
        self._to_frame = ToFrame(self._encoding.pixel_format, tags)
        self._zero: Fraction | None = None
        self._last_pts = -1
        self._key_due = 0.0
        self._closed = False
        self._audio: AudioTrack | None = None
        self._container = LiveContainer(target, self._add_streams, settings.overwrite)

    def _add_streams(self, container: OutputContainer) -> None:
        rate = Fraction(round(self._format.rate * 100), 100)
        encoding = self._encoding
        stream = container.add_stream(encoding.codec, rate=rate, options=encoding.options)
        assert isinstance(stream, VideoStream)
        encoding.configure(stream.codec_context, self._format.width, self._format.height)
        stream.codec_context.time_base = stream.time_base = TIME_BASE
        self._video = stream
        if self._format.has_audio:
            self._audio = AudioTrack(container, self._target.form)

    def write_frame(self, item: OutputFrame) -> None:
        """See ``LiveOutput.write_frame``."""
        time = item.frame.time
        self._zero = time if self._zero is None else self._zero
        pts = round((time - self._zero) / TIME_BASE)
        if pts <= self._last_pts:
            return
        self._last_pts = pts
        frame = self._av_frame(item.frame.picture)
        frame.pts, frame.time_base = pts, TIME_BASE
        if float(pts * TIME_BASE) >= self._key_due:
            frame.pict_type = PictureType.I
            self._key_due = float(pts * TIME_BASE) + KEY_EVERY
        with self._container.errors("is gone"):
            self._container.mux(self._video.encode(frame))

    def _av_frame(self, picture: Picture) -> av.VideoFrame:
        """The picture at the stream's size, in the encoder's pixel format."""
        return self._to_frame(resize_picture(picture, (self._format.height, self._format.width)))

    def write_audio(self, block: AudioBlock) -> None:
        """See ``LiveOutput.write_audio``."""
        if self._audio is None or self._zero is None:
            return
        with self._container.errors("is gone"):
            self._container.mux(self._audio.encode(block, round(self._zero * RATE)))

    def close(self) -> None:
        """See ``LiveOutput.close``."""
        if not self._closed:
            self._closed = True
            self._container.close(self._flush)

    def _flush(self) -> None:
        self._container.mux(self._video.encode(None))
        if self._audio is not None:
            self._container.mux(self._audio.flush())

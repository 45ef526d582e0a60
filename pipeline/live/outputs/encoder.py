"""Live outputs that are encoded: streams, an HLS folder, a recording; with their sound."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec import Codec
from av.container import OutputContainer
from av.video.frame import PictureType
from av.video.stream import VideoStream

from ...core.config import Settings
from ...core.errors import SinkError, reason
from ...core.files import unused_path
from ...core.frame import Picture, Yuv, YuvMatrix
from ...core.units import parse_bits
from ...imaging.resize import resize_picture
from ...media.color import BT709, ColorTags, FromRgb, frame_of
from ...media.encoding import Encoding, choose_format, find_codec, quality_option, user_options
from ...media.outputs import CONTAINERS, check_output
from ..audio import RATE, AudioBlock, Samples
from ..relay import RelayedOut
from ..sources.reconnect import TIME_BASE
from .output import OutputFrame

log = logging.getLogger(__name__)

_KEY_EVERY = 2.0  # seconds between key frames: whoever joins waits no longer, and HLS cuts there
_BITS = 0.12  # per pixel of a stream: strokes are harder to encode than what a camera sees

WHIP = ("whip://", "whips://")
"""Begin the name of a WebRTC ingest over http or https."""

_CONTAINERS = {"rtmp": "flv", "rtmps": "flv", "udp": "mpegts", "tcp": "mpegts", "srt": "mpegts",
               "rtsp": "rtsp", "rtsps": "rtsp"}  # fmt: skip
_MUXERS = {
    "flv": {"flvflags": "no_duration_filesize"},
    "mpegts": {"mpegts_flags": "resend_headers"},
    "rtsp": {"rtsp_transport": "tcp"},
    "hls": {"hls_time": "2", "hls_list_size": "6", "hls_flags": "delete_segments+temp_file"},
    "mp4": {"movflags": "+hybrid_fragmented"},  # a run that is killed leaves a file that plays
    "mov": {"movflags": "+hybrid_fragmented"},
}


@dataclass(frozen=True)
class Target:
    """Where an encoded output goes."""

    name: str
    """As the user typed it."""
    url: str
    form: str
    """FFmpeg's name of the container."""
    options: dict[str, str] = field(default_factory=dict[str, str])
    file: Path | None = None
    """It is a file: whole, or not there."""

    @property
    def reconnects(self) -> bool:
        """It is opened again when it fails."""
        return self.file is None

    @property
    def remote(self) -> bool:
        """Another machine may keep it waiting."""
        return "://" in self.url


def target_of(name: str) -> Target | None:
    """The encoded output that ``name`` names; ``None``: it is none."""
    scheme = name.partition("://")[0].lower()
    if name.startswith(WHIP):
        return Target(name, name.replace("whip", "http", 1), "whip")
    if scheme in _CONTAINERS:
        form = _CONTAINERS[scheme]
        url = name
        if scheme in ("udp", "srt") and "pkt_size" not in name:
            url += ("&" if "?" in name else "?") + "pkt_size=1316"
        return Target(name, url, form, dict(_MUXERS[form]))
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix == ".m3u8":
        return Target(name, name, "hls", dict(_MUXERS["hls"]))
    if suffix in CONTAINERS and suffix != ".gif":
        form = CONTAINERS[suffix][0]
        return Target(name, name, form, dict(_MUXERS.get(form, {})), path)
    return None


@dataclass(frozen=True)
class StreamFormat:
    """What the frames of a run look like."""

    width: int
    height: int
    rate: Fraction
    """Frames per second, about: a hint for encoders."""
    coding: YuvMatrix | None
    """Of their planes; ``None`` for RGB."""
    has_audio: bool
    """Sound comes with them."""


def check_target(target: Target, settings: Settings) -> None:
    """Refuse what can't be, before anything is opened.

    Raises:
        SinkError: the file exists, the folder does not, or the encoder is not as was asked for.
    """
    if target.file is not None:
        check_output(target.file, settings, target.name)
    elif target.form == "hls" and not Path(target.url).absolute().parent.is_dir():
        raise SinkError(f"output folder {Path(target.url).parent} does not exist; create it")
    stream_encoding(target, settings, StreamFormat(64, 64, Fraction(25), None, False), BT709)


class EncodedOutput:
    """Encodes frames and sound into a stream or a file.

    Frames keep their times, to 1/90000 s where the container does; a frame of another size is
    brought to the first one's.

    Args:
        target: where it goes.
        shape: what comes.
        settings: encoder and bit rate.

    Raises:
        SinkError: it can't be opened.
    """

    def __init__(self, target: Target, shape: StreamFormat, settings: Settings) -> None:
        self._target = target
        self._shape = shape
        coding = shape.coding
        tags = BT709 if coding is None else ColorTags(matrix=coding.matrix, range=coding.range)
        self._encoding = stream_encoding(target, settings, shape, tags)
        self._from_rgb = FromRgb(self._encoding.pixel_format, tags)
        self._zero: Fraction | None = None
        self._last = -1
        self._key_due = 0.0
        self._closed = False
        self._overwrite = settings.overwrite
        # A file takes its name when it is complete; of a run that is killed, this much plays.
        self._aside = target.file and unused_path(
            target.file.with_name(f".{target.file.name}.part")
        )
        self._relay: RelayedOut | None = None
        try:
            with self._mapped("can't be opened"):
                self._begin_somehow()
        except SinkError:
            self._end_relay()
            raise

    def _begin_somehow(self) -> None:
        try:
            self._begin()
        except av.ProtocolNotFoundError:
            self._relay = RelayedOut(self._target.url)
            self._begin()

    def _begin(self) -> None:
        """Open the container with its streams, and write its header."""
        options = {"flush_packets": "1", "max_interleave_delta": "500000", **self._target.options}
        url: Any = self._target.url if self._aside is None else str(self._aside)
        if self._relay is not None:
            url = self._relay.pipe
        self._container = av.open(url, "w", format=self._target.form, options=options)
        try:
            self._video = self._video_stream()
            self._audio = None
            if self._shape.has_audio:
                self._audio = _Audio(self._container, self._target.form)
            self._container.start_encoding()
        except BaseException:
            with suppress(av.FFmpegError, OSError):
                self._container.close()
            raise

    def _video_stream(self) -> VideoStream:
        shape, encoding = self._shape, self._encoding
        rate = Fraction(round(shape.rate * 100), 100)
        stream = self._container.add_stream(encoding.codec, rate=rate, options=encoding.options)
        assert isinstance(stream, VideoStream)
        encoding.tell(stream.codec_context, shape.width, shape.height)
        stream.codec_context.time_base = stream.time_base = TIME_BASE
        return stream

    def write_frame(self, item: OutputFrame) -> None:
        """See ``LiveOutput.write_frame``."""
        time = item.frame.time
        self._zero = time if self._zero is None else self._zero
        pts = round((time - self._zero) / TIME_BASE)
        if pts <= self._last:
            return
        self._last = pts
        frame = self._encodable(item.frame.picture)
        frame.pts, frame.time_base = pts, TIME_BASE
        if float(pts * TIME_BASE) >= self._key_due:
            frame.pict_type = PictureType.I
            self._key_due = float(pts * TIME_BASE) + _KEY_EVERY
        with self._mapped("is gone"):
            self._container.mux(self._video.encode(frame))

    def _encodable(self, picture: Picture) -> av.VideoFrame:
        picture = resize_picture(picture, (self._shape.height, self._shape.width))
        if isinstance(picture, Yuv):
            if picture.coding == self._shape.coding and self._encoding.pixel_format == "yuv420p":
                return frame_of(picture, self._encoding.color)
            picture = picture.rgb()
        return self._from_rgb(np.ascontiguousarray(picture))

    def write_audio(self, block: AudioBlock) -> None:
        """See ``LiveOutput.write_audio``."""
        if self._audio is None or self._zero is None:
            return
        with self._mapped("is gone"):
            self._audio.write_audio(block, round(self._zero * RATE))

    def close(self) -> None:
        """See ``LiveOutput.close``."""
        if self._closed:
            return
        self._closed = True
        with self._mapped("can't be finished"):
            with ExitStack() as last:
                last.callback(self._end_relay)
                last.callback(self._container.close)
                self._container.mux(self._video.encode(None))
                if self._audio is not None:
                    self._audio.finish()
            if self._aside is not None and self._target.file is not None:
                self._place(self._aside, self._target.file)

    def _place(self, aside: Path, file: Path) -> None:
        """Give it its name; what has appeared there meanwhile is not lost."""
        name = file if self._overwrite else unused_path(file)
        if name != file:
            log.warning("%s appeared during the run and is kept; see %s", file, name)
        aside.replace(name)

    def _end_relay(self) -> None:
        if self._relay is not None:
            self._relay.close()

    @contextmanager
    def _mapped(self, what: str) -> Generator[None]:
        """Turn FFmpeg's failures into one line."""
        try:
            yield
        except (av.FFmpegError, OSError, ValueError) as error:
            told = error if self._relay is None else self._relay.complaint(error)
            raise SinkError(f"{self._target.name} {what}: {reason(told)}") from error


def _rate(codec: Codec, settings: Settings, shape: StreamFormat) -> dict[str, str]:
    """Bits per second, or ``--crf``, which may be held within them."""
    quality = quality_option(codec, settings)
    if quality and settings.bitrate is None:
        return {**quality, "b": "0"}
    rate = parse_bits(settings.bitrate) or round(_BITS * shape.width * shape.height * shape.rate)
    limit = {"maxrate": str(rate), "bufsize": str(rate)}
    return {**quality, **limit, "b": "0" if quality else str(rate)}


class _Audio:
    """Encodes blocks of sound as the container takes it."""

    def __init__(self, container: OutputContainer, form: str) -> None:
        opus = form in ("whip", "webm")
        stream = container.add_stream("libopus" if opus else "aac", rate=RATE)
        assert isinstance(stream, AudioStream)
        self._container = container
        self._stream = stream
        context = stream.codec_context
        context.layout = "stereo"
        context.format = "flt" if opus else "fltp"
        context.bit_rate = 128_000 if opus else 160_000
        context.time_base = Fraction(1, RATE)
        context.open(strict=False)
        self._packed = opus
        self._waiting: Samples = np.zeros((2, 0), np.float32)
        self._next: int | None = None

    def write_audio(self, block: AudioBlock, zero: int) -> None:
        """Encode what makes whole frames; ``zero``: the sample at which the picture began."""
        samples, start = block.samples, block.start - zero
        if start < 0:
            samples, start = samples[:, -start:], 0
        if not samples.shape[1]:
            return
        if self._next is None or self._next + self._waiting.shape[1] != start:
            self._waiting, self._next = samples, start  # some was lost: go on from here
        else:
            self._waiting = np.concatenate([self._waiting, samples], axis=1)
        size = self._stream.codec_context.frame_size or 1024
        while self._waiting.shape[1] >= size:
            self._encode(self._waiting[:, :size])
            self._waiting = self._waiting[:, size:]

    def _encode(self, samples: Samples) -> None:
        assert self._next is not None
        values = samples.T.reshape(1, -1) if self._packed else samples
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(values), "flt" if self._packed else "fltp", "stereo"
        )
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._next, Fraction(1, RATE)
        self._next += samples.shape[1]
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        self._container.mux(self._stream.encode(None))


def stream_encoding(
    target: Target, settings: Settings, shape: StreamFormat, tags: ColorTags
) -> Encoding:
    """How a live picture is encoded: at once, nothing held back.

    Raises:
        SinkError: the encoder is unknown, or an option or pixel format is not one of its own.
    """
    default = "libvpx-vp9" if target.form == "webm" else "libx264"
    codec = find_codec(settings.codec or default)
    options: dict[str, str] = {}
    if codec.name == "libx264":
        options = {"preset": "veryfast", "tune": "zerolatency", "forced-idr": "1", "threads": "1"}
        if target.form == "whip":
            options["profile"] = "baseline"  # the one that every WebRTC server takes
    elif codec.name == "libvpx-vp9":
        options = {"deadline": "realtime", "cpu-used": "8", "row-mt": "1"}
    options |= _rate(codec, settings, shape)
    options["g"] = str(max(1, round(_KEY_EVERY * 2 * shape.rate)))
    options |= user_options(codec, settings)
    pixel_format = choose_format(codec, options.pop("pix_fmt", None), shape.width, shape.height)
    return Encoding(codec.name, pixel_format, options, tags)

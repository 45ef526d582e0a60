"""Where an encoded live output goes, and how its picture is encoded for that."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from av.codec import Codec

from ...core.errors import SinkError
from ...core.frame import YuvMatrix
from ...core.groups import EncodingSettings
from ...core.units import parse_bits
from ...media.color import BT709, ColorTags
from ...media.encoding import Encoding, choose_format, find_codec, quality_option, user_options
from ...media.outputs import ANIMATIONS, CONTAINERS, check_output

KEY_EVERY = 2.0
"""Seconds between key frames: a new viewer waits no longer, and HLS cuts there."""

WHIP = ("whip://", "whips://")
"""Prefixes of a WebRTC ingest over http or https."""

_BITS = 0.12  # per pixel of a stream: strokes are harder to encode than what a camera sees

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
    """The address or path that FFmpeg opens."""
    form: str
    """FFmpeg's name of the container."""
    options: dict[str, str] = field(default_factory=dict[str, str])
    """Options of FFmpeg's muxer."""
    file: Path | None = None
    """The file, for a recording; it is complete, or not there."""

    @property
    def reconnects(self) -> bool:
        """Whether it is opened again when it fails: a stream is, a file is not."""
        return self.file is None

    @property
    def remote(self) -> bool:
        """Whether another machine may keep it waiting."""
        return "://" in self.url


@dataclass(frozen=True)
class StreamFormat:
    """Size, rate and planes of the frames of a live run."""

    width: int
    height: int
    rate: Fraction
    """Frames per second, about: a hint for encoders."""
    coding: YuvMatrix | None
    """Matrix and range of the frames' YUV planes; ``None`` for RGB."""
    has_audio: bool


def target_of(name: str) -> Target | None:
    """Return the encoded output that ``name`` names; ``None`` for another kind of output."""
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
    if suffix in CONTAINERS and CONTAINERS[suffix][0] not in ANIMATIONS:
        form = CONTAINERS[suffix][0]
        return Target(name, name, form, dict(_MUXERS.get(form, {})), path)
    return None


def check_target(target: Target, settings: EncodingSettings) -> None:
    """Refuse a target that cannot be written, before anything is opened.

    Raises:
        SinkError: the file exists, its folder does not, or the encoder or an option of it is
            unknown.
    """
    if target.file is not None:
        check_output(target.file, settings, target.name)
    elif target.form == "hls" and not Path(target.url).absolute().parent.is_dir():
        raise SinkError(f"output folder {Path(target.url).parent} does not exist; create it")
    stream_encoding(target, settings, StreamFormat(64, 64, Fraction(25), None, False), BT709)


def stream_encoding(
    target: Target, settings: EncodingSettings, stream_format: StreamFormat, tags: ColorTags
) -> Encoding:
    """Choose the encoding of a live picture: without delay, no frame is held back.

    Args:
        target: the stream or file to write.
        settings: the encoder, its options, quality and bit rate.
        stream_format: the size, rate and audio of the stream.
        tags: the colour tags of the stream.

    Raises:
        SinkError: the encoder is unknown, or an option or pixel format is not one of its own.
    """
    default = "libvpx-vp9" if target.form == "webm" else "libx264"
    codec = find_codec(settings.codec or default)
    options: dict[str, str] = {}
    if codec.name == "libx264":
        # Without a look ahead both have the same SSIM at a bit rate, and superfast takes a third to
        # a half less time; at a constant quality veryfast takes a fifth fewer bits.
        preset = "superfast" if settings.crf is None else "veryfast"
        options = {"preset": preset, "tune": "zerolatency", "forced-idr": "1", "threads": "1"}
        if target.form == "whip":
            options["profile"] = "baseline"  # the one that every WebRTC server takes
    elif codec.name == "libvpx-vp9":
        options = {"deadline": "realtime", "cpu-used": "8", "row-mt": "1"}
    options |= _rate_options(codec, settings, stream_format)
    options["g"] = str(max(1, round(KEY_EVERY * 2 * stream_format.rate)))
    options |= user_options(codec, settings)
    pixel_format = choose_format(
        codec, options.pop("pix_fmt", None), stream_format.width, stream_format.height
    )
    return Encoding(codec.name, pixel_format, options, tags)


def _rate_options(
    codec: Codec, settings: EncodingSettings, stream_format: StreamFormat
) -> dict[str, str]:
    """Bits per second, or ``--crf``, which ``--bitrate`` may limit."""
    quality = quality_option(codec, settings)
    if quality and settings.bitrate is None:
        return {**quality, "b": "0"}
    pixels = stream_format.width * stream_format.height * stream_format.rate
    rate = parse_bits(settings.bitrate) or round(_BITS * pixels)
    limit = {"maxrate": str(rate), "bufsize": str(rate)}
    return {**quality, **limit, "b": "0" if quality else str(rate)}

"""How an output is encoded: container, encoder, pixel format, options."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
from av.codec import Codec
from av.codec.codec import UnknownCodecError
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat

from ..core.errors import SinkError, nearest, reason
from ..core.groups import EncodingSettings
from .color import ColorTags, is_rgb
from .hardware import AUTO, hardware_encoder
from .outputs import container_of
from .source import SourceInfo

OPENING_ERRORS = (av.FFmpegError, ValueError, OSError, NotImplementedError)
"""What opening an encoder raises."""

# Pixels for which libx264 gets one more thread: at 1080p it has two.
_PIXELS, _MOST_THREADS = 1920 * 1080, 8
_NARROW = 64  # px: of narrower pictures libx265 destroys its memory while it weighs blocks
_MOST_COMMON = 4096  # px of a side that every encoder takes

log = logging.getLogger(__name__)


# x264's superfast, with the two things of veryfast that save its bits: a look ahead, and blocks
# weighed by how long they last. Looking 11 frames ahead, not 10, it has the SSIM of veryfast at the
# same crf, for 4 to 9 % more bits and in three fifths of its time.
_X264 = {"preset": "superfast", "mbtree": "1", "rc-lookahead": "11"}
_OWN_LOOKAHEAD = ("preset", "tune")  # libx264 would put ours over what these bring

_RATE_CONTROL = ("b", "qp")  # of libx264 and libx265, which would go by our quality all the same

# Encoder → the option that sets constant quality, if any, its default, and what else we set.
_VP8 = {"deadline": "good", "cpu-used": "4", "b": "4000000", "auto-alt-ref": "0"}
_VP9 = {"deadline": "good", "cpu-used": "4", "row-mt": "1", "b": "0"}
_QUALITY: dict[str, tuple[str | None, float | None, dict[str, str]]] = {
    "libx264": ("crf", 18, _X264),
    "libx265": ("crf", 20, {"preset": "veryfast"}),
    "libvpx-vp9": ("crf", 31, _VP9),
    "libvpx": ("crf", 10, _VP8),
    "libsvtav1": ("crf", 30, {"preset": "8"}),
    "prores_ks": (None, None, {"vendor": "apl0"}),
    "libwebp_anim": (None, None, {"quality": "85"}),
    "h264_nvenc": ("cq", 19, {"rc": "vbr", "b": "0"}),
    "hevc_nvenc": ("cq", 21, {"rc": "vbr", "b": "0"}),
    "av1_nvenc": ("cq", 28, {"rc": "vbr", "b": "0"}),
    "h264_qsv": ("global_quality", 19, {}),
    "hevc_qsv": ("global_quality", 21, {}),
    "h264_videotoolbox": (None, None, {"b": "12000000"}),
    "hevc_videotoolbox": (None, None, {"b": "8000000"}),
}


# Container → what encodes more than 8 bits, and alpha, where the container's usual encoder can't.
_DEEP = {
    "mp4": "libx265",
    "mov": "libx265",
    "matroska": "libx265",
    "mpegts": "libx265",
    "webm": "libsvtav1",
}
_ALPHA = {"mov": "prores_ks", "matroska": "libvpx-vp9", "webm": "libvpx-vp9"}

# Pixel formats, the most compatible first. VP9 and AV1 hold odd sizes in 4:2:0; H.264 and HEVC crop
# by whole chroma samples.
_PLAIN_FORMATS = ("yuv420p", "yuv422p", "yuvj420p", "rgb24", "bgra", "gbrpf32le")
_DEEP_FORMATS = ("yuv420p10le", "p010le", "yuv422p10le", "yuv444p10le", "rgb48be")
_ALPHA_FORMATS = ("yuva420p", "yuva444p10le", "bgra", "rgba")
_DEEP_ALPHA_FORMATS = ("yuva444p10le", "rgba64be")
_FIXED_FORMATS = {
    "gif": "pal8",
    "libwebp_anim": "bgra",
    "mjpeg": "yuvj420p",
}  # WebP's planes have a matrix of its own
_NO_ALPHA = frozenset({"libx265"})  # its alpha is a second layer, which hardly anything reads
_ODD_FORMATS = {"yuv420p": "yuv444p", "yuv420p10le": "yuv444p10le"}


@dataclass(frozen=True)
class Content:
    """What frames hold that not every encoding can."""

    deep: bool = False
    """More than 8 bits a channel."""
    alpha: bool = False
    """Transparent parts."""
    keep_hdr: bool = False
    """PQ or HLG, as in the source."""


PLAIN = Content()


@dataclass(frozen=True)
class Encoding:
    """Everything that an encoder needs, apart from the frames."""

    codec: str
    """FFmpeg's name of the encoder."""
    pixel_format: str
    """FFmpeg's name of the format in which the encoder receives frames."""
    options: dict[str, str]
    """The encoder's own options."""
    color: ColorTags
    """The colours to convert to, and the tags."""

    @property
    def alpha_beside(self) -> bool:
        """Alpha is a picture of its own beside each packet, which Matroska and WebM alone store."""
        return self.codec.startswith("libvpx") and self.pixel_format.startswith("yuva")

    def configure(self, context: VideoCodecContext, width: int, height: int) -> None:
        """Set up an encoder, except for its clock.

        Args:
            context: the encoder's codec context; changed in place.
            width: the width of the frames, px.
            height: the height of the frames, px.
        """
        context.width, context.height = width, height
        context.pix_fmt = self.pixel_format
        context.colorspace = self.color.matrix
        context.color_primaries = self.color.primaries
        context.color_trc = self.color.transfer
        context.color_range = self.color.range

    def check_opens(self, width: int, height: int) -> None:
        """Open the encoder and close it: the way to learn what it refuses, such as a size.

        Raises:
            SinkError: it can't be opened.
        """
        context = VideoCodecContext.create(self.codec, "w")
        assert isinstance(context, VideoCodecContext)
        self.configure(context, width, height)
        context.time_base = Fraction(1, 25)
        context.options = dict(self.options)
        try:
            context.open(strict=False)
        except OPENING_ERRORS as error:
            raise self.refusal(width, height, error) from error

    def refusal(self, width: int, height: int, error: Exception) -> SinkError:
        """What to say of an encoder that can't be opened.

        Args:
            width: of the frames, px.
            height: of the frames, px.
            error: why.
        """
        options = " ".join(f"{key}={value}" for key, value in self.options.items())
        advice = "; add --size for a smaller picture" if max(width, height) > _MOST_COMMON else ""
        return SinkError(
            f"encoder {self.codec} can't be opened at {width}x{height} {self.pixel_format} with "
            f"{options or 'no options'}: {reason(error)}{advice}"
        )


def choose_encoding(
    output: Path, settings: EncodingSettings, info: SourceInfo, content: Content = PLAIN
) -> Encoding:
    """Choose the encoding of a video file.

    Args:
        output: the file; its ending names the container.
        settings: the codec, quality and options that the user chose.
        info: the source's properties.
        content: what the frames hold.

    Raises:
        SinkError: the encoder is unknown, the container can't hold it, or it lacks an option.
    """
    container = container_of(output)[0]
    codec = _choose_codec(output, settings, content)
    options = _options(codec, settings, info, content.keep_hdr)
    requested = options.pop("pix_fmt", None)
    stored = _storable(content, codec, container)
    pixel_format = choose_format(codec, requested, info.width, info.height, stored)
    color = info.color.for_output(content.keep_hdr)
    if is_rgb(pixel_format):
        color = ColorTags(0, color.primaries, color.transfer, 2)
    elif pixel_format.startswith("yuvj"):
        color = replace(color, range=2)
    note_what_is_lost(container, pixel_format, info, content)
    encoding = Encoding(codec.name, pixel_format, options, color)
    encoding.check_opens(info.width, info.height)
    return encoding


def lossless(info: SourceInfo, deep: bool) -> Encoding:
    """The encoding of segments that are decoded again, for containers that join no packets.

    Args:
        info: the source's properties.
        deep: the frames have more than 8 bits a channel.
    """
    formats = ("rgba64le", "rgb48le") if deep else ("bgra", "bgr0")
    color = info.color.for_output(False)
    tags = ColorTags(0, color.primaries, color.transfer, 2)
    return Encoding("ffv1", formats[0 if info.alpha else 1], {}, tags)


def _choose_codec(output: Path, settings: EncodingSettings, content: Content) -> Codec:
    """The encoder that the user named, or the container's for such frames."""
    container, plain = container_of(output)
    name = settings.codec or _default_codec(container, plain, content)
    if name == AUTO:
        hardware = hardware_encoder(content.deep, _codecs_of(container))
        name = hardware or _default_codec(container, plain, content)
        if hardware is None:
            log.warning("--codec auto-hw: no encoder in hardware works here; %s encodes", name)
    codec = find_codec(name)
    if codec.canonical_name not in _codecs_of(container):
        raise SinkError(
            f"{output.suffix} can't hold {name}; leave --codec out, or write "
            f"{'.mov' if container == 'matroska' else '.mkv or .mov'}"
        )
    return codec


def _storable(content: Content, codec: Codec, container: str) -> Content:
    """What of the content an encoder and a container can hold together."""
    beside = codec.name.startswith("libvpx") and container not in ("matroska", "webm")
    return replace(content, alpha=False) if codec.name in _NO_ALPHA or beside else content


def _default_codec(container: str, plain: str, content: Content) -> str:
    """The container's encoder for such frames, where this FFmpeg has it."""
    candidates = [_ALPHA.get(container) if content.alpha else None]
    candidates.append(_DEEP.get(container) if content.deep else None)
    return next((c for c in candidates if c is not None and c in av.codecs_available), plain)


def note_what_is_lost(
    container: str, pixel_format: str, info: SourceInfo, content: Content
) -> None:
    """Say what of the source the encoding can't hold."""
    if container == "webm" and info.sample_aspect != 1:
        log.warning("WebM can't keep pixels of %s: add --size for square ones", info.sample_aspect)
    if info.color.is_hdr and not content.keep_hdr:
        log.warning(
            "Your HDR video was converted to normal colours (BT.709). Styles cannot paint HDR; "
            "--hdr keep paints its values as they are."
        )
    components = VideoFormat(pixel_format).components
    if content.alpha and not any(c.is_alpha for c in components) and pixel_format != "pal8":
        log.warning(
            "%s has no alpha here: transparent parts are black; write .mov, .webm or PNGs",
            pixel_format,
        )
    if info.bits > 8 and max(c.bits for c in components) <= 8 and pixel_format != "pal8":
        log.warning(
            "%d bits of the source become 8: %s", info.bits, _why_8_bits(content, pixel_format)
        )


def _why_8_bits(content: Content, pixel_format: str) -> str:
    if content.deep:
        return f"{pixel_format} holds no more"
    return "this style paints 8, in a video that plays everywhere"


def find_codec(name: str) -> Codec:
    """Find the video encoder of a name.

    Raises:
        SinkError: this FFmpeg has no such video encoder.
    """
    try:
        codec = Codec(name, "w")
    except UnknownCodecError as error:
        known = {*_QUALITY, "ffv1", "mpeg4", "gif", "apng"}
        known &= av.codecs_available
        raise SinkError(f"--codec {name} is no encoder here{nearest(name, known)}") from error
    if codec.type != "video":
        raise SinkError(f"--codec {name} encodes {codec.type}, not video")
    return codec


def _codecs_of(container: str) -> set[str]:
    """Codecs that a container can hold. MPEG-TS accepts any bytes, which no player reads."""
    if container == "mpegts":
        return {"h264", "hevc", "mpeg2video", "mpeg4"}
    with av.open(io.BytesIO(), "w", format=container) as scratch:
        return set(scratch.supported_codecs)


def _options(
    codec: Codec, settings: EncodingSettings, info: SourceInfo, keep_hdr: bool
) -> dict[str, str]:
    option, default, others = _QUALITY.get(codec.name, (None, None, {}))
    typed = user_options(codec, settings)
    options = dict(others)
    if codec.name == "libx264" and typed.keys() & {*_OWN_LOOKAHEAD}:
        options = {"preset": "veryfast"}
    options["threads"] = _threads(codec, info)
    by_rate = codec.name in ("libx264", "libx265") and typed.keys() & {*_RATE_CONTROL}
    if option is not None and default is not None and not by_rate:
        options[option] = f"{default:g}"
    if codec.name == "libx265":  # it prints 25 lines otherwise
        hdr10 = info.hdr10 if keep_hdr else ""
        narrow = "no-cutree=1:aq-mode=0" if info.width < _NARROW else ""
        parameters = ("log-level=error", hdr10, narrow, typed.get("x265-params"))
        typed["x265-params"] = ":".join(filter(None, parameters))
    return options | quality_option(codec, settings) | typed


def _threads(codec: Codec, info: SourceInfo) -> str:
    """An encoder's threads: most write other bytes with others, which no machine may decide."""
    if codec.name != "libx264":
        return "4"
    return str(min(_MOST_THREADS, 1 + info.width * info.height // _PIXELS))


def quality_option(codec: Codec, settings: EncodingSettings) -> dict[str, str]:
    """Return the encoder's own option for ``--crf``; empty if that is not set.

    Raises:
        SinkError: no such option of the encoder is known.
    """
    if settings.crf is None:
        return {}
    option = _QUALITY.get(codec.name, (None,))[0]
    if option is None:
        raise SinkError(
            f"--crf is not known for {codec.name}; set its quality by --encoder-option KEY=VALUE"
        )
    return {option: f"{settings.crf:g}"}


def user_options(codec: Codec, settings: EncodingSettings) -> dict[str, str]:
    """Read the options of ``--encoder-option``; ``pix_fmt`` is allowed as well.

    Raises:
        SinkError: the encoder does not have one of them.
    """
    listed = codec.create().supported_options
    known = {o.name for group in (listed.generic, listed.private) for o in group} | {"pix_fmt"}
    for key in settings.encoder_option:
        if key not in known:
            raise SinkError(f"{codec.name} has no option '{key}'{nearest(key, known)}")
    return dict(settings.encoder_option)


def choose_format(
    codec: Codec, requested: str | None, width: int, height: int, content: Content = PLAIN
) -> str:
    """Choose the requested pixel format, or the most compatible one at this size.

    Args:
        codec: the encoder.
        requested: FFmpeg's name, if the user gave one.
        width: the width of the frames, px.
        height: the height of the frames, px.
        content: what the frames hold.

    Raises:
        SinkError: the encoder does not accept it.
    """
    formats = [f.name for f in codec.video_formats or ()]
    if requested is not None:
        if formats and requested not in formats:
            hint = nearest(requested, formats)
            raise SinkError(f"{codec.name} has no pixel format {requested}{hint}")
        return requested
    if codec.name in _FIXED_FORMATS:
        return _FIXED_FORMATS[codec.name]
    preferred = _preferred_formats(content)
    chosen = next((f for f in preferred if f in formats), (formats or ["yuv420p"])[0])
    odd = (width % 2 or height % 2) and codec.canonical_name in ("h264", "hevc")
    full = _ODD_FORMATS.get(chosen)
    if odd and full is not None and full in formats:
        log.warning(
            "%dx%d is odd, which %s can't hold in 4:2:0: written as 4:4:4; "
            "for players that want 4:2:0 add --size %dx%d",
            width, height, codec.canonical_name, max(2, width // 2 * 2), max(2, height // 2 * 2),
        )  # fmt: skip
        return full
    return chosen


def _preferred_formats(content: Content) -> tuple[str, ...]:
    """Pixel formats for such frames, the best first."""
    preferred = _PLAIN_FORMATS
    if content.deep:
        preferred = _DEEP_FORMATS + preferred
    if content.alpha:
        preferred = _ALPHA_FORMATS + preferred
    if content.deep and content.alpha:
        preferred = _DEEP_ALPHA_FORMATS + preferred
    return preferred

"""How an output is encoded: container, encoder, pixel format, options."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.codec import Codec
from av.codec.codec import UnknownCodecError
from av.video.codeccontext import VideoCodecContext

from ..core.concurrency import available_cores
from ..core.errors import SinkError, nearest, reason
from ..core.groups import EncodingSettings
from .color import ColorTags
from .outputs import CONTAINERS
from .source import SourceInfo

OPENING_ERRORS = (av.FFmpegError, ValueError, OSError, NotImplementedError)
"""What opening an encoder raises."""

_MOST_COMMON = 4096  # px of a side that every encoder takes

log = logging.getLogger(__name__)


# Encoder → the option that sets constant quality, its default, and what else we set.
_X264 = {"preset": "veryfast"}
_VP9 = {"deadline": "good", "cpu-used": "4", "row-mt": "1", "b": "0"}
_QUALITY: dict[str, tuple[str, float | None, dict[str, str]]] = {
    "libx264": ("crf", 18, _X264),
    "libx265": ("crf", 20, _X264),
    "libvpx-vp9": ("crf", 31, _VP9),
    "libsvtav1": ("crf", 30, {"preset": "8"}),
    "h264_nvenc": ("cq", 19, {"rc": "vbr", "b": "0"}),
    "hevc_nvenc": ("cq", 21, {"rc": "vbr", "b": "0"}),
    "av1_nvenc": ("cq", 28, {"rc": "vbr", "b": "0"}),
    "h264_qsv": ("global_quality", 19, {}),
    "hevc_qsv": ("global_quality", 21, {}),
}


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


def choose_encoding(output: Path, settings: EncodingSettings, info: SourceInfo) -> Encoding:
    """Choose the encoding of a video file.

    Args:
        output: the file; its ending names the container.
        settings: the codec, quality and options that the user chose.
        info: the source's properties.

    Raises:
        SinkError: the encoder is unknown, the container can't hold it, or it lacks an option.
    """
    container, default_codec = CONTAINERS[output.suffix.lower()]
    name = settings.codec or default_codec
    codec = find_codec(name)
    if codec.canonical_name not in _codecs_of(container):
        raise SinkError(
            f"{output.suffix} can't hold {name}; leave --codec out, or write .mkv or .mov"
        )
    options = _options(codec, settings)
    pixel_format = choose_format(codec, options.pop("pix_fmt", None), info.width, info.height)
    color = info.color.for_output()
    if pixel_format.startswith(("rgb", "gbr", "bgr", "pal")):
        color = ColorTags(0, color.primaries, color.transfer, 2)
    if container == "webm" and info.sample_aspect != 1:
        log.warning("WebM can't keep pixels of %s: add --size for square ones", info.sample_aspect)
    if info.color.is_hdr:
        log.warning(
            "Your HDR video was converted to normal colours (BT.709). Styles cannot paint HDR."
        )
    encoding = Encoding(name, pixel_format, options, color)
    encoding.check_opens(info.width, info.height)
    return encoding


def find_codec(name: str) -> Codec:
    """Find the video encoder of a name.

    Raises:
        SinkError: this FFmpeg has no such video encoder.
    """
    try:
        codec = Codec(name, "w")
    except UnknownCodecError as error:
        known = {*_QUALITY, "ffv1", "prores_ks", "mpeg4", "gif"}
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


def _options(codec: Codec, settings: EncodingSettings) -> dict[str, str]:
    option, default, others = _QUALITY.get(codec.name, (None, None, {}))
    options = dict(others)
    if others is _X264:
        # By default it takes one and a half threads for each core, and the net needs all of them.
        options["threads"] = str(max(1, available_cores() // 2))
    if option is not None and default is not None:
        options[option] = f"{default:g}"
    return options | quality_option(codec, settings) | user_options(codec, settings)


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


def choose_format(codec: Codec, requested: str | None, width: int, height: int) -> str:
    """Choose the requested pixel format, or the most compatible one at this size.

    Args:
        codec: the encoder.
        requested: FFmpeg's name, if the user gave one.
        width: the width of the frames, px.
        height: the height of the frames, px.

    Raises:
        SinkError: the encoder does not accept it.
    """
    formats = [f.name for f in codec.video_formats or ()]
    if requested is not None:
        if formats and requested not in formats:
            hint = nearest(requested, formats)
            raise SinkError(f"{codec.name} has no pixel format {requested}{hint}")
        return requested
    if codec.name == "gif":
        return "pal8"
    odd = width % 2 or height % 2
    # VP9 and AV1 hold odd sizes in 4:2:0; H.264 and HEVC crop by whole chroma samples.
    if odd and codec.canonical_name in ("h264", "hevc") and "yuv444p" in formats:
        log.warning(
            "%dx%d is odd, which %s can't hold in 4:2:0: written as 4:4:4; "
            "for players that want 4:2:0 add --size %dx%d",
            width, height, codec.canonical_name, max(2, width // 2 * 2), max(2, height // 2 * 2),
        )  # fmt: skip
        return "yuv444p"
    return next(
        (name for name in ("yuv420p", "yuv422p", "yuvj420p") if name in formats),
        (formats or ["yuv420p"])[0],
    )

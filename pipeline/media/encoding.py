"""How an output is encoded: container, encoder, pixel format, options."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass
from pathlib import Path

import av
from av.codec import Codec
from av.codec.codec import UnknownCodecError
from av.video.codeccontext import VideoCodecContext

from ..core.concurrency import available_cores
from ..core.config import EncodingSettings
from ..core.errors import SinkError, nearest
from .color import ColorTags
from .outputs import CONTAINERS
from .source import SourceInfo

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
    """Everything that an encoder is told, apart from the frames."""

    codec: str
    """FFmpeg's name of the encoder."""
    pixel_format: str
    """What the encoder is given."""
    options: dict[str, str]
    """The encoder's own options."""
    color: ColorTags
    """How it is converted, and tagged."""

    def configure(self, context: VideoCodecContext, width: int, height: int) -> None:
        """Set up the encoder, but for its clock."""
        context.width, context.height = width, height
        context.pix_fmt = self.pixel_format
        context.colorspace = self.color.matrix
        context.color_primaries = self.color.primaries
        context.color_trc = self.color.transfer
        context.color_range = self.color.range


def choose_encoding(output: Path, settings: EncodingSettings, info: SourceInfo) -> Encoding:
    """The encoding of a video file.

    Raises:
        SinkError: the encoder is unknown, or an option is not one of its own.
    """
    container, default_codec = CONTAINERS[output.suffix.lower()]
    name = settings.codec or default_codec
    codec = find_codec(name)
    if codec.canonical_name not in _held_by(container):
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
        log.warning("HDR colours were tone-mapped to BT.709: a style has none of its own")
    return Encoding(name, pixel_format, options, color)


def find_codec(name: str) -> Codec:
    """The video encoder of that name.

    Raises:
        SinkError: there is none here.
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


def _held_by(container: str) -> set[str]:
    """Codecs that a container takes. MPEG-TS would take any bytes, which no player reads."""
    if container == "mpegts":
        return {"h264", "hevc", "mpeg2video", "mpeg4"}
    with av.open(io.BytesIO(), "w", format=container) as scratch:
        return set(scratch.supported_codecs)


def _options(codec: Codec, settings: EncodingSettings) -> dict[str, str]:
    option, default, others = _QUALITY.get(codec.name, (None, None, {}))
    options = dict(others)
    if others is _X264:
        # Left to itself it takes one and a half threads a core, beside a net that has them all.
        options["threads"] = str(max(1, available_cores() // 2))
    if option is not None and default is not None:
        options[option] = f"{default:g}"
    return options | quality_option(codec, settings) | user_options(codec, settings)


def quality_option(codec: Codec, settings: EncodingSettings) -> dict[str, str]:
    """What ``--crf`` is to the encoder; nothing where it was not asked for.

    Raises:
        SinkError: the encoder has no such thing that is known.
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
    """The user's own options; ``pix_fmt`` is one.

    Raises:
        SinkError: one is not the encoder's.
    """
    listed = codec.create().supported_options
    known = {o.name for group in (listed.generic, listed.private) for o in group} | {"pix_fmt"}
    for key in settings.encoder_option:
        if key not in known:
            raise SinkError(f"{codec.name} has no option '{key}'{nearest(key, known)}")
    return dict(settings.encoder_option)


def choose_format(codec: Codec, asked: str | None, width: int, height: int) -> str:
    """The pixel format that was asked for, or the most compatible one at this size.

    Raises:
        SinkError: the encoder does not take it.
    """
    taken = [f.name for f in codec.video_formats or ()]
    if asked is not None:
        if taken and asked not in taken:
            raise SinkError(f"{codec.name} has no pixel format {asked}{nearest(asked, taken)}")
        return asked
    if codec.name == "gif":
        return "pal8"
    odd = width % 2 or height % 2
    # VP9 and AV1 hold odd sizes in 4:2:0; H.264 and HEVC crop by whole chroma samples.
    if odd and codec.canonical_name in ("h264", "hevc") and "yuv444p" in taken:
        log.warning(
            "%dx%d is odd, which %s can't hold in 4:2:0: written as 4:4:4; "
            "for players that want 4:2:0 add --size %dx%d",
            width, height, codec.canonical_name, max(2, width // 2 * 2), max(2, height // 2 * 2),
        )  # fmt: skip
        return "yuv444p"
    return next(
        (name for name in ("yuv420p", "yuv422p", "yuvj420p") if name in taken),
        (taken or ["yuv420p"])[0],
    )

"""Encoders and decoders in hardware: only those that really open here."""

from __future__ import annotations

from fractions import Fraction

import av
from av.codec.hwaccel import HWAccel, hwdevices_available
from av.video.codeccontext import VideoCodecContext

from ..core.errors import SourceError, reason
from .source_file import MediaFile

AUTO = "auto-hw"
"""``--codec``: the first hardware encoder that works here."""

_MAKERS = ("nvenc", "videotoolbox", "qsv", "amf", "vaapi", "mf")
_SIDE = 256  # px of the frame that is tried; some encoders take none smaller than 145


def hardware_encoder(deep: bool, codecs: set[str]) -> str | None:
    """Find a hardware encoder that encodes a frame here; ``None`` if there is none.

    Args:
        deep: it must take more than 8 bits, so it is one of HEVC.
        codecs: those that the container can hold, by FFmpeg's names.
    """
    kinds = ("hevc",) if deep else ("h264", "hevc")
    names = (f"{kind}_{maker}" for kind in kinds if kind in codecs for maker in _MAKERS)
    return next((n for n in names if n in av.codecs_available and _encodes(n, deep)), None)


def _encodes(name: str, deep: bool) -> bool:
    try:
        encoder = av.CodecContext.create(name, "w")
        assert isinstance(encoder, VideoCodecContext)
        encoder.width = encoder.height = _SIDE
        encoder.pix_fmt = "p010le" if deep else "yuv420p"
        encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
        frame = av.VideoFrame(_SIDE, _SIDE, encoder.pix_fmt)
        frame.pts = 0
        return bool([*encoder.encode(frame), *encoder.encode(None)])
    except (av.FFmpegError, ValueError, OSError, NotImplementedError):
        return False


def hardware_decoder(file: MediaFile, device: str) -> HWAccel | None:
    """What decodes a file: ``None`` is the CPU.

    Args:
        file: the file.
        device: FFmpeg's name; ``auto``: the first that decodes this file; ``cpu``.

    Raises:
        SourceError: the named device does not decode this file.
    """
    if device == "cpu":
        return None
    why = "this FFmpeg has no such device"
    for name in hwdevices_available() if device == "auto" else [device]:
        if name not in hwdevices_available():
            continue
        accelerator = HWAccel(name, allow_software_fallback=False)
        try:
            with file.open(hwaccel=accelerator) as container:
                next(container.decode(video=0))
            return HWAccel(name, allow_software_fallback=False)
        except (av.FFmpegError, OSError, RuntimeError, StopIteration) as error:
            why = reason(error)
    if device == "auto":
        return None
    raise SourceError(
        f"--decode-on {device}: {file.name} can't be decoded there: {why}; leave it out"
    )

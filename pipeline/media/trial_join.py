"""Whether an output can hold what the user's encoder makes: tried before the first frame."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path

import av
import numpy as np

from ..core.errors import SinkError, reason
from ..core.frame import Frame
from .encoding import OPENING_ERRORS, Encoding
from .mux import join
from .outputs import container_of
from .source import SourceInfo
from .writers import Segment, VideoWriter

_FRAMES = 2


def try_join(encoding: Encoding, target: Path, info: SourceInfo) -> None:
    """Encode two grey frames, join them as a film's segments are, and decode them.

    FFmpeg lists codecs for a container that its muxer refuses when it begins to write, or that no
    decoder finds again in it.

    Args:
        encoding: of the output.
        target: the output; nothing is written there.
        info: the output's properties.

    Raises:
        SinkError: the encoder can't be opened, or the output can't hold what it makes.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="stylize-video-")
    except OSError:
        return  # without a place for it nothing is known
    with folder as name:
        piece, joined = Path(name) / "piece", Path(name) / "joined"
        writer = VideoWriter(piece, target, info, encoding)
        try:
            _encode(writer, info)
            length = _FRAMES / info.rate
            segment = Segment(piece, _FRAMES, 0 * length, length)
            join([segment], None, joined, container_of(target)[0], info=info)
            _decode(joined)
        except (SinkError, *OPENING_ERRORS) as error:
            why = reason(error.__cause__ or error)
            raise SinkError(
                f"{target.suffix} can't hold {encoding.codec} ({why}); "
                "leave --codec out, or try .mkv or .mov"
            ) from error


def _encode(writer: VideoWriter, info: SourceInfo) -> None:
    step = round(1 / info.rate / info.time_base)
    grey = np.full((info.height, info.width, 3), 128, np.uint8)
    with closing(writer):
        for number in range(_FRAMES):
            writer.write(Frame(grey, number * step, info.time_base, step))


def _decode(path: Path) -> None:
    with av.open(path) as container:
        if next(container.decode(video=0), None) is None:
            raise SinkError("no decoder reads it")

"""The interface of every source of frames, and what is known of one before it is read."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from ..core.frame import ALL, Frame, Layout, Plane, Span
from ..core.units import parse_size
from .color import ColorTags
from .declared_size import refuse_pixels
from .source_file import MediaFile


@dataclass(frozen=True)
class Reading:
    """How the pictures of a source are read."""

    keep_hdr: bool = False
    """PQ and HLG stay as they are; else they are tone-mapped to BT.709."""
    deinterlace: bool = True
    """Interlaced frames become one moment each."""
    decode_on: str = "cpu"
    """FFmpeg's name of the hardware that decodes, or ``auto``."""
    stream: int | None = None
    """Index of the video stream that is read; ``None``: the best one."""
    hold_gaps: bool = False
    """Where numbers of a sequence of pictures are missing, the picture before is held."""


AS_USUAL = Reading()


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source before its first frame is read."""

    name: str
    """As the user typed it."""
    width: int
    """Of the frames after rotation and resizing, px."""
    height: int
    """Of the frames after rotation and resizing, px."""
    time_base: Fraction
    """Seconds per unit of pts."""
    rate: Fraction
    """Frames per second by the header's guess: a hint for encoders, never used for time."""
    frames: int | None
    """Number of frames by the header, if it says."""
    start: Fraction
    """Time of the first frame, seconds."""
    duration: Fraction | None
    """Seconds by the header, if it says."""
    color: ColorTags
    """Tags of the stored pictures."""
    sample_aspect: Fraction
    """Width of a pixel divided by its height."""
    files: tuple[Path, ...]
    """The files from which the frames are read."""
    container: MediaFile | None
    """The file with sound, subtitles and chapters, if there is one."""
    bits: int = 8
    """Of each channel of the stored pictures."""
    alpha: bool = False
    """Parts of the pictures are transparent."""
    hdr10: str = ""
    """What is known of the display that HDR was graded on; see ``hdr10_parameters``."""
    interlaced: bool = False
    """The first picture holds two moments, line by line."""
    stream: int = 0
    """Index in it of the stream that is painted."""
    zero: Fraction = Fraction(0)
    """Time of the source that is zero in the output, seconds. Files keep their clocks, but not
    one that begins before zero, nor a transport stream's that begins hours after it."""

    def expected_frames(self, span: Span) -> int | None:
        """Roughly how many frames lie in ``span``; ``None`` if the header does not say."""
        if span == ALL or self.duration is None:
            return self.frames
        begin = max(self.start, span.start if span.start is not None else self.start)
        end = self.start + self.duration
        end = min(end, span.end if span.end is not None else end)
        return max(0, round((end - begin) * self.rate))


class Source(Protocol):
    """Anything that produces frames in the order of their pts."""

    info: SourceInfo

    @property
    def seeks(self) -> bool:
        """Whether its middle can be read without what is before it."""
        ...

    def frames(self, span: Span = ALL, layout: Layout = "rgb") -> Generator[Frame]:
        """Read the frames whose time lies in ``span``. May be called again, for any span.

        Args:
            span: the span of time, on the source's clock.
            layout: what the frames hold; see ``Layout``.

        Raises:
            SourceError: the source broke off, after every frame before that was given.
        """
        ...

    def count_before(self, time: Fraction) -> int:
        """Count the frames that are displayed before ``time``, seconds on the source's clock.

        Raises:
            SourceError: the file can't be read.
        """
        ...

    def alphas(self, since: Fraction = Fraction(0)) -> Generator[tuple[Fraction, Plane]]:
        """Read the opacity of every frame, (H, W) uint8, 0–255, and its time after the first.

        Args:
            since: seconds after the first frame, before which they may be left out.

        Raises:
            SourceError: the pictures have no alpha channel.
        """
        ...


def fit_size(size: str | None, width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Compute the (width, height) of the frames for ``--size``.

    Args:
        size: ``WxH``; or ``720p``, which preserves the shape, with square pixels and an even
            width; ``None`` leaves the size as it is.
        width: the width of the source, px.
        height: the height of the source, px.
        aspect: the width of a source's pixel divided by its height.

    Raises:
        SourceError: that are more pixels than can be painted.
    """
    if size is None:
        return width, height
    new_width, new_height = parse_size(size)
    if new_width is None:
        new_width = max(2, round(width * aspect * new_height / height / 2) * 2)
    refuse_pixels(f"--size {size}", new_width, new_height)
    return new_width, new_height

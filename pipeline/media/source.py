"""What a source of frames is, and what it says of itself."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from ..core.frame import ALL, Frame, Plane, Span
from ..core.units import parse_size
from .color import ColorTags


@dataclass(frozen=True)
class SourceInfo:
    """What is known before the first frame is asked for."""

    name: str
    """As the user typed it."""
    width: int
    """Of the frames given, px: rotated and resized as they are."""
    height: int
    """Likewise."""
    time_base: Fraction
    """Seconds per unit of pts."""
    rate: Fraction
    """Frames per second as the header guesses; a hint for encoders, never used for time."""
    frames: int | None
    """How many the header announces."""
    start: Fraction
    """Time of the first frame, seconds."""
    duration: Fraction | None
    """Seconds the header announces."""
    color: ColorTags
    """Tags of the pictures as stored."""
    sample_aspect: Fraction
    """Width of a pixel over its height."""
    files: tuple[Path, ...]
    """What the frames are read from."""
    container: Path | None
    """The file that holds sound, subtitles and chapters, where there is one."""

    def expected_frames(self, span: Span) -> int | None:
        """About how many frames lie in ``span``."""
        if span == ALL or self.duration is None:
            return self.frames
        begin = max(self.start, span.start if span.start is not None else self.start)
        end = self.start + self.duration
        end = min(end, span.end if span.end is not None else end)
        return max(0, round((end - begin) * self.rate))


class Source(Protocol):
    """Anything that gives frames in the order of their pts."""

    info: SourceInfo

    def frames(self, span: Span = ALL, planar: bool = False) -> Generator[Frame]:
        """The frames whose time lies in ``span``. May be called again, for any span.

        Args:
            span: the stretch.
            planar: give the pictures as ``Yuv`` where they are stored so and need no change.

        Raises:
            SourceError: it broke; every frame before the break has been given.
        """
        ...

    def count_before(self, time: Fraction) -> int:
        """How many frames are displayed before ``time``, seconds on the source's clock.

        Raises:
            SourceError: the file can't be read.
        """
        ...

    def alphas(self) -> Generator[tuple[Fraction, Plane]]:
        """Opacity of every frame, (H, W), 0–255, with its time after the first.

        Raises:
            SourceError: the pictures have none.
        """
        ...


def fit_size(size: str | None, width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """The (width, height) asked for; ``720p`` keeps the shape, square pixels, even width."""
    if size is None:
        return width, height
    wanted_width, wanted_height = parse_size(size)
    if wanted_width is None:
        wanted_width = max(2, round(width * aspect * wanted_height / height / 2) * 2)
    return wanted_width, wanted_height

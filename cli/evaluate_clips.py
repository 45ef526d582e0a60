"""The clips that ``evaluate`` compares: opened, checked, and read frame by frame together."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from itertools import islice, zip_longest
from typing import TYPE_CHECKING

from ..pipeline.core.errors import SettingsError, SourceError
from .progress import Report

if TYPE_CHECKING:
    from ..pipeline.core.frame import Frame, Rgb
    from ..pipeline.media.source import Source

RESULT, PER_FRAME = "result", "per-frame"


@dataclass(frozen=True)
class Clips:
    """A source and its results, and which of their frames are compared."""

    source: Source
    results: dict[str, Source]
    first: int
    """Number of the first frame compared."""
    limit: int | None
    """How many at most."""

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) at which all is compared: the results'."""
        info = self.results[RESULT].info
        return info.width, info.height

    @property
    def expected(self) -> int | None:
        """About how many frames there are to compare."""
        known = self.source.info.frames
        left = None if known is None else max(0, known - self.first)
        return min((n for n in (left, self.limit) if n is not None), default=None)

    def rows(self, report: Report) -> Generator[tuple[Frame, dict[str, Rgb]]]:
        """Each frame of the source, its cuts marked, with its results by name.

        It ends with the shortest clip, and a note says which that is.
        """
        from ..pipeline.temporal.shots import mark_cuts

        streams: list[Iterable[Frame]] = [
            mark_cuts(_resize(self._window(self.source), *self.size)),
            *(self._window(clip) for clip in self.results.values()),
        ]
        for count, row in enumerate(zip_longest(*streams)):
            if None in row:
                report.say(f"note: {self._unequal(count, row)}; the common {count} are compared")
                return
            yield row[0], dict(zip(self.results, (f.rgb for f in row[1:]), strict=True))

    def _window(self, clip: Source) -> Iterable[Frame]:
        first = self._skipped(clip)
        return islice(clip.frames(), first, None if self.limit is None else first + self.limit)

    def _skipped(self, clip: Source) -> int:
        """How many frames of a clip are skipped: none if it is only a part of the source."""
        whole, count = self.source.info.frames, clip.info.frames
        if clip is not self.source and whole and count and abs(count - whole) > 1:
            return 0
        return self.first

    def _unequal(self, count: int, row: tuple[Frame | None, ...]) -> str:
        clips = [self.source, *self.results.values()]
        short = next(c for c, frame in zip(clips, row, strict=True) if frame is None)
        longer = next(c for c, frame in zip(clips, row, strict=True) if frame is not None)
        ends = f"{short.info.name} ends after {self._skipped(short) + count} frames"
        return f"{ends}, {longer.info.name} goes on"


def open_clips(
    source: str, result: str, per_frame: str | None, start: str | None, limit: int | None
) -> Clips:
    """Open the clips that are compared.

    Args:
        source: the clip that was repainted.
        result: the repainted one.
        per_frame: the same without a temporal blend.
        start: time in the source from which on they are compared.
        limit: how many frames at most.

    Raises:
        SourceError: a clip can't be read, or their sizes don't match.
        SettingsError: ``start`` is no time.
    """
    from ..pipeline.media.inputs import open_source

    opened = open_source(source)
    results = {PER_FRAME: open_source(per_frame)} if per_frame is not None else {}
    results[RESULT] = open_source(result)
    clips = Clips(opened, results, _frames_before(opened, start), limit)
    width, height = clips.size
    for clip in (opened, *results.values()):
        info = clip.info
        if clip is not opened and (info.width, info.height) != (width, height):
            raise SourceError(
                f"{info.name} is {info.width}x{info.height}, {result} is {width}x{height}; "
                "results are compared at one size"
            )
        if abs(info.width * height - info.height * width) > 0.05 * info.width * height:
            raise SourceError(
                f"{info.name} is {info.width}x{info.height}, {result} is {width}x{height}: "
                "they are of different shapes"
            )
    return clips


def _frames_before(source: Source, start: str | None) -> int:
    """How many frames lie before ``start``.

    They are counted, so that a result of another clock (a folder of pictures, say) stays in step.
    """
    from ..pipeline.core.frame import Span
    from ..pipeline.core.units import parse_time

    if start is None:
        return 0
    try:
        end = source.info.start + parse_time(start)
    except ValueError as error:
        raise SettingsError(f"--start: {error}") from error
    return sum(1 for _ in source.frames(Span(None, end)))


def _resize(frames: Iterable[Frame], width: int, height: int) -> Generator[Frame]:
    """The source's frames at the size of its results."""
    from ..pipeline.core.frame import as_rgb
    from ..pipeline.imaging.resize import resize_pixels

    for frame in frames:
        if frame.rgb.shape[:2] == (height, width):
            yield frame
        else:
            yield replace(frame, source=resize_pixels(as_rgb(frame.source), (height, width)))

"""The list of cuts: read from a file, or written with the cuts detected (``--scenes``)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from ..core.errors import SettingsError, reason
from ..core.files import atomic_write
from ..core.frame import ALL, Frame, Span
from ..core.units import parse_time
from .shots import mark_cuts, mark_listed

log = logging.getLogger(__name__)


class Shots:
    """The cuts of one run: listed in ``--scenes FILE``, or detected, and then saved there.

    Args:
        file: the list; ``None``: no list.
        start: the time of the source's first frame, seconds.
        target: the output.
        needed: whether a stage needs the cuts.

    Raises:
        SettingsError: the list can't be read, or can't be written later.
    """

    def __init__(self, file: Path | None, start: Fraction, target: Path, needed: bool) -> None:
        self._file = file
        if file is not None:
            _check_scenes(file, target)
        self._start = start
        self.needed = needed
        self._listed = read_scenes(file) if file is not None and file.exists() else None

    def mark(self, frames: Iterable[Frame], inside: bool = False) -> Iterable[Frame]:
        """Stage: set ``cut`` on the first frame of each shot.

        Args:
            frames: of the source, in order.
            inside: they begin inside a shot.
        """
        if not self.needed and self._file is None:
            return frames
        if self._listed is not None:
            return mark_listed(frames, self._listed, self._start, inside)
        return mark_cuts(frames, inside=inside)

    def save(self, span: Span, cuts: Iterable[Fraction]) -> None:
        """Write the detected cuts, where a list is requested and does not exist yet.

        Args:
            span: of the film that was read.
            cuts: the times of the first frames of its shots, on the source's clock.
        """
        if self._file is None or self._listed is not None:
            return
        if span == ALL:
            write_scenes(self._file, (time - self._start for time in cuts))
        else:
            log.warning(
                "Cuts were not saved, because only part of the film was read. "
                "Run without --start/--end."
            )


def _check_scenes(path: Path, target: Path) -> None:
    """Refuse a list that could not be written when the work is done, or only over the work."""
    if path.resolve() == target.resolve():
        raise SettingsError(f"--scenes {path} is the output itself; give another name")
    if not path.parent.is_dir():
        raise SettingsError(
            f"--scenes {path}: folder {path.parent} does not exist; create it first"
        )


_HEADER = "# The first frame of every shot: seconds (75.5) or H:MM:SS.fff after the first frame."


def read_scenes(path: Path) -> list[Fraction]:
    """Read the shots' starts that the file at ``path`` lists, in order.

    One time a line; ``#`` begins a comment.

    Raises:
        SettingsError: the file can't be read, or a line is no time.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise SettingsError(f"--scenes {path} can't be read: {reason(error)}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"--scenes {path} is not a list of times: it is no text") from error
    times: set[Fraction] = set()
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if text:
            times.add(_listed_time(text, path, number))
    return sorted(times)


def _listed_time(text: str, path: Path, number: int) -> Fraction:
    try:
        return parse_time(text)
    except ValueError as error:
        quoted = text if len(text) <= 40 else text[:39] + "…"
        raise SettingsError(
            f"--scenes {path}, line {number}: '{quoted}' is not a time; "
            "write one a line, seconds (75.5) or H:MM:SS.fff (0:01:15.5)"
        ) from error


def write_scenes(path: Path, times: Iterable[Fraction]) -> None:
    """Write the list that ``read_scenes`` reads, whole or not at all.

    Args:
        path: the file, replaced if it exists.
        times: the times of the cuts, seconds after the source's first frame.

    Raises:
        SinkError: it can't be written.
    """
    text = "\n".join([_HEADER, *map(_six_decimals, times)]) + "\n"
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def _six_decimals(time: Fraction) -> str:
    seconds, millionths = divmod(round(time * 1_000_000), 1_000_000)
    return f"{seconds}.{millionths:06d}"

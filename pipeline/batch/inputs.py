"""Which files a batch paints: those that are typed, listed, in a folder, or named by a pattern."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.address import is_remote
from ..core.errors import SourceError, reason
from ..core.placement import real_path
from ..live.names import is_camera
from ..live.sources.address import is_address
from ..media.film_pictures import READ_SUFFIXES
from ..media.outputs import CONTAINERS
from ..media.pipe import PIPE
from ..media.sequence import natural
from .report import Row, row_of

FILM_SUFFIXES = frozenset(
    {*CONTAINERS, ".avi", ".flv", ".wmv", ".mpg", ".mpeg", ".m2ts", ".mts", ".m2v", ".vob", ".ogv"}
    | {".3gp", ".3g2", ".mxf", ".asf", ".f4v", ".divx", ".dv", ".mjpeg", ".nut", ".y4m", ".qt"}
    | {".h264", ".264", ".hevc", ".h265", ".265", ".ivf", ".rm", ".rmvb", ".ogm"}
)
"""Endings of the films that are taken from a folder, in lower case."""

LIST_SUFFIX = ".txt"
"""Ends the name of a file that lists inputs, one a line."""

_PATTERN = re.compile(r"[*?\[]")
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # beginnings of UTF-16, which PowerShell writes


@dataclass(frozen=True)
class Input:
    """A file that is to be painted."""

    source: Path
    below: Path
    """Its path below the folder that was named: that of its result below ``--to``."""


def find_inputs(names: Iterable[str], to: Path) -> Iterator[Input | Row]:
    """All films and pictures that are named, each once; and a row for what is none.

    Args:
        names: files, folders with everything in them, patterns (``*.mp4``), and ``.txt`` files
            that list inputs.
        to: the folder of the results. Where it is inside another folder, nothing in it is an input.
    """
    seen: set[Path] = set()
    for found in _all(names, to, listed=False):
        if isinstance(found, Input):
            place = real_path(found.source)
            if place in seen:
                continue
            seen.add(place)
        yield found


def is_media(path: Path) -> bool:
    """Whether a file is a film or a picture, by its ending."""
    return path.suffix.lower() in FILM_SUFFIXES | READ_SUFFIXES


def holds_films(folder: Path) -> bool:
    """Whether a folder holds any film: then it is a batch, not a series of pictures."""
    return any(
        path.suffix.lower() in FILM_SUFFIXES and not path.name.startswith(".") and path.is_file()
        for path in folder.iterdir()
    )


def files_below(folder: Path, to: Path) -> Iterator[Path]:
    """All files of a folder and of the folders in it, less hidden ones and the results.

    Args:
        folder: the folder.
        to: the folder of the results.
    """
    for place, folders, names in os.walk(folder):
        inside = (name for name in folders if not name.startswith("."))
        folders[:] = sorted(n for n in inside if not is_same(Path(place, n), to))
        files = [Path(place, name) for name in names if not name.startswith(".")]
        yield from (path for path in sorted(files, key=natural) if _is_file(path))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # its folder may not be entered
        return False


def is_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file or folder, or to one place where nothing is yet."""
    return real_path(one) == real_path(other)


def _all(names: Iterable[str], to: Path, listed: bool) -> Iterator[Input | Row]:
    for name in names:
        try:
            yield from _named(name, to, listed)
        except SourceError as error:
            yield Row(name, "", "failed", str(error))
        except OSError as error:  # of a name that the system refuses
            yield Row(name, "", "failed", f"input {name} can't be read: {reason(error)}")


def _named(name: str, to: Path, listed: bool) -> Iterator[Input | Row]:
    path = Path(name)
    if path.is_dir():
        yield from _in_folder(path, to)
    elif path.is_file():
        if path.suffix.lower() == LIST_SUFFIX and not listed:
            yield from _listed(path, to)
        else:
            yield Input(path, Path(path.name))
    elif path.exists():
        raise SourceError(f"input {name} is neither a file nor a folder")
    elif is_live(name):
        raise SourceError(f"{name} is no file; with --to only files are painted, so type it alone")
    elif _PATTERN.search(name):
        yield from _like(name, to)
    else:
        raise SourceError(f"input {name} does not exist")


def is_live(name: str) -> bool:
    """Whether an input is standard input, a camera, a stream, the screen, or far away."""
    return name == PIPE or is_camera(name) or is_address(name) or is_remote(name)


def _in_folder(folder: Path, to: Path) -> Iterator[Input | Row]:
    if is_same(folder, to):
        raise SourceError(
            f"folder {folder} is that of --to: results would be taken for inputs; give --to another"
        )
    holds_media = False
    for path in files_below(folder, to):
        holds_media = holds_media or is_media(path)
        yield Input(path, path.relative_to(folder)) if is_media(path) else _other(path)
    if not holds_media:
        raise SourceError(f"folder {folder} holds no films and no pictures")


def _other(path: Path) -> Row:
    kind = f"'{path.suffix}' is no ending" if path.suffix else "it has no ending"
    return row_of(path, None, "skipped", f"{kind} of a film or a picture")


def _like(pattern: str, to: Path) -> Iterator[Input | Row]:
    """What a pattern names; hidden files only where it does so itself."""
    names = glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path's has hidden files too
    matches = sorted(map(Path, names), key=natural)
    results = real_path(to)
    # In a pattern of the very folder of the results, they are not the results of an earlier run.
    base = real_path(Path(*Path(pattern).parts[: _plain_parts(pattern)]))
    if base != results:
        matches = [path for path in matches if not real_path(path).is_relative_to(results)]
    if not matches:
        raise SourceError(f"no file is named like {pattern}")
    for path in matches:
        if path.is_dir():
            yield from _all([str(path)], to, listed=True)
        else:
            yield Input(path, Path(path.name)) if is_media(path) else _other(path)


def _plain_parts(pattern: str) -> int:
    """How many parts of a pattern come before the first that has a ``*`` or its like."""
    parts = Path(pattern).parts
    return next(number for number, part in enumerate(parts) if _PATTERN.search(part))


def _listed(path: Path, to: Path) -> Iterator[Input | Row]:
    """What a file lists; a path in it begins at its own folder."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-16" if content[:2] in _WIDE else "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"list {path} can't be read: {reason(error)}") from error
    lines = [line.strip() for line in text.splitlines()]
    names = [line for line in lines if line and not line.startswith("#")]
    if not names:
        raise SourceError(f"list {path} is empty; write the name of a film in each line")
    found = [*_all([n if is_live(n) else str(path.parent / n) for n in names], to, listed=True)]
    if not any(isinstance(one, Input) for one in found):
        raise SourceError(
            f"list {path} names no file that exists; write a film's name in each line"
        )
    yield from found

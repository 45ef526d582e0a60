"""Decide whether an output can be written, before any work is done: containers and folders."""

from __future__ import annotations

import os
from pathlib import Path

from ..core.errors import SinkError, nearest
from ..core.files import PICTURE_SUFFIXES
from ..core.groups import EncodingSettings
from ..core.placement import work_parent
from .fragment import is_fragment
from .sequence import NUMBER, numbered

FOLDER_NAMES = "%06d.png"
"""Names of the pictures of an output folder, unless others are typed."""


def split_sequence(output: Path) -> tuple[Path, str]:
    """Divide ``frames/%05d.tif`` into the folder and its pictures' names.

    An output without a printf number stays whole; pictures in it are named as ``FOLDER_NAMES``.

    Raises:
        SinkError: there is no folder before the names.
    """
    if NUMBER.search(output.name) is None or output.suffix.lower() not in PICTURE_SUFFIXES:
        return output, FOLDER_NAMES
    if not output.parent.name:
        raise SinkError(f"output {output} needs a folder of its own: frames/{output.name}")
    return output.parent, output.name


# Suffix → FFmpeg's container and our encoder for it.
CONTAINERS = {
    ".mp4": ("mp4", "libx264"),
    ".m4v": ("mp4", "libx264"),
    ".mov": ("mov", "libx264"),
    ".mkv": ("matroska", "libx264"),
    ".webm": ("webm", "libvpx-vp9"),
    ".gif": ("gif", "gif"),
    ".apng": ("apng", "apng"),
    ".ts": ("mpegts", "libx264"),
}

ANIMATIONS = frozenset({"gif", "apng", "webp"})
"""Containers of pictures that move: they have no sound."""

_ANIMATED = {".webp": ("webp", "libwebp_anim")}
"""Endings of picture files that are animations where there is more than one frame."""


def is_video(output: Path, film: bool = False) -> bool:
    """Return whether ``output`` is a video file; otherwise it is pictures.

    Args:
        output: the file or folder.
        film: whether more than one frame is written.
    """
    suffix = output.suffix.lower()
    return suffix in CONTAINERS or (film and suffix in _ANIMATED and not output.is_dir())


def container_of(output: Path) -> tuple[str, str]:
    """FFmpeg's container of a video file, and our encoder for it."""
    suffix = output.suffix.lower()
    return CONTAINERS.get(suffix) or _ANIMATED[suffix]


def check_output(
    output: Path, settings: EncodingSettings, name: str, names: str = FOLDER_NAMES
) -> None:
    """See ``check_place``; ``--overwrite`` decides whether files are replaced.

    Raises:
        SinkError: and the folder, behind a link if there is one, can't be written.
    """
    check_place(output, settings.overwrite, name, names)
    folder = work_parent(output)
    if not folder.is_dir():
        raise SinkError(f"output {name} is a link into {folder}, which does not exist")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SinkError(f"output folder {folder} can't be written; choose another")


def check_place(output: Path, overwrite: bool, name: str, names: str = FOLDER_NAMES) -> None:
    """Refuse an output that can't be written, before any work is done.

    Args:
        output: the file or folder.
        overwrite: whether an existing output may be replaced.
        name: the output as the user typed it.
        names: of the pictures of a folder; see ``split_sequence``.

    Raises:
        SinkError: its kind is unknown, it exists, or its folder does not exist.
    """
    if not name:
        raise SinkError("the output has no name; give a file or a folder")
    suffix = output.suffix.lower()
    known = {*CONTAINERS, *PICTURE_SUFFIXES}
    wants_folder = not suffix or name.endswith(("/", "\\"))
    if not wants_folder and suffix not in known and not output.is_dir():
        raise SinkError(
            f"output {name}: '{suffix}' is no known kind{nearest(suffix, known)} "
            "(without an ending: a folder of PNGs)"
        )
    folder = output.parent
    if not folder.is_dir():
        raise SinkError(f"output folder {folder} does not exist; create it: mkdir -p {folder}")
    if output.is_dir() and is_video(output):
        raise SinkError(f"output {name} is a folder; a video file can't take its place")
    if output.is_file() and suffix not in known:
        raise SinkError(f"output {name} is a file; a folder of PNGs can't take its place")
    if output.is_dir():
        _check_folder(output, overwrite, name, names)
    elif output.exists() and not overwrite and not is_fragment(output):
        raise SinkError(f"output {name} exists; add --overwrite to replace it")


def _check_folder(folder: Path, overwrite: bool, name: str, pictures: str) -> None:
    """Refuse a folder that has anything but the pictures of a run."""
    names = [entry.name for entry in folder.iterdir()]
    work = f".{folder.resolve().name}."  # of runs, where a mounted folder is the output
    names = [entry for entry in names if not entry.startswith(work)]
    ours = numbered(pictures)
    foreign = next((entry for entry in names if not ours.fullmatch(entry)), None)
    if foreign is not None:
        raise SinkError(f"output folder {name} holds other things ({foreign}); give a new one")
    if names and not overwrite and not is_fragment(folder):
        raise SinkError(f"output folder {name} holds pictures; add --overwrite to replace them")

"""Decide whether an output can be written, before any work is done: containers and folders."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..core.errors import SinkError, nearest
from ..core.files import PICTURE_SUFFIXES
from ..core.groups import EncodingSettings
from ..core.placement import work_parent

NUMBERED = re.compile(r"\d{6,}\.png")
"""Names of the pictures of an output folder."""


# Suffix → FFmpeg's container and our encoder for it.
CONTAINERS = {
    ".mp4": ("mp4", "libx264"),
    ".m4v": ("mp4", "libx264"),
    ".mov": ("mov", "libx264"),
    ".mkv": ("matroska", "libx264"),
    ".webm": ("webm", "libvpx-vp9"),
    ".gif": ("gif", "gif"),
    ".ts": ("mpegts", "libx264"),
}


def is_video(output: Path) -> bool:
    """Return whether ``output`` is a video file; otherwise it is pictures."""
    return output.suffix.lower() in CONTAINERS


def check_output(output: Path, settings: EncodingSettings, name: str) -> None:
    """See ``check_place``; ``--overwrite`` decides whether files are replaced.

    Raises:
        SinkError: and the folder, behind a link if there is one, can't be written.
    """
    check_place(output, settings.overwrite, name)
    folder = work_parent(output)
    if not folder.is_dir():
        raise SinkError(f"output {name} is a link into {folder}, which does not exist")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SinkError(f"output folder {folder} can't be written; choose another")


def check_place(output: Path, overwrite: bool, name: str) -> None:
    """Refuse an output that can't be written, before any work is done.

    Args:
        output: the file or folder.
        overwrite: whether an existing output may be replaced.
        name: the output as the user typed it.

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
        _check_folder(output, overwrite, name)
    elif output.exists() and not overwrite:
        raise SinkError(f"output {name} exists; add --overwrite to replace it")


def _check_folder(folder: Path, overwrite: bool, name: str) -> None:
    """Refuse a folder that has anything but the pictures of a run."""
    names = [entry.name for entry in folder.iterdir()]
    work = f".{folder.resolve().name}."  # of runs, where a mounted folder is the output
    names = [entry for entry in names if not entry.startswith(work)]
    foreign = next((entry for entry in names if not NUMBERED.fullmatch(entry)), None)
    if foreign is not None:
        raise SinkError(f"output folder {name} holds other things ({foreign}); give a new one")
    if names and not overwrite:
        raise SinkError(f"output folder {name} holds pictures; add --overwrite to replace them")

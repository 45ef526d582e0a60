"""Of which kind a file run's source and output are: what decides which settings apply to it."""

from __future__ import annotations

from pathlib import Path

from ..core.files import PICTURE_SUFFIXES
from ..core.job import OutputKind, SourceKind
from .images import PictureSource
from .outputs import ANIMATIONS, container_of, is_video
from .pipe import PipedFile
from .source import Source


def source_kind(source: Source) -> SourceKind:
    """Find what is read: a film, one picture, or a series of pictures."""
    if not isinstance(source, PictureSource):
        return "film"
    return "picture" if len(source.paths) == 1 else "pictures"


def piped_kind(source: Source) -> tuple[bool, bool]:
    """Find whether a source is piped in, and whether it is raw video, which is read once."""
    file = source.info.container
    return isinstance(file, PipedFile), isinstance(file, PipedFile) and file.is_raw


def output_kind(output: Path, film: bool = False) -> OutputKind:
    """Find what is written: a video, a picture that moves, one picture, or a folder of pictures.

    Args:
        output: the file or folder.
        film: whether more than one frame is written.
    """
    if is_video(output, film):
        return "animation" if container_of(output)[0] in ANIMATIONS else "video"
    one = output.suffix.lower() in PICTURE_SUFFIXES and not output.is_dir()
    return "picture" if one else "pictures"

"""The settings of a run in the metadata of its result: films (MP4, MOV, MKV, WebM) and PNG."""

from __future__ import annotations

import struct
import zlib
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import av

from ..core.errors import SettingsError, reason
from ..core.saved import MAKER, is_tag, read_tag

_OWN_TAG = {"matroska": "STYLIZE_VIDEO", "webm": "STYLIZE_VIDEO"}
_KEYS = ("comment", "stylize_video")
_PNG = b"\x89PNG\r\n\x1a\n"
_HEADER = 33  # bytes of a PNG before its second chunk

TAGGED_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".png"})
"""Endings of the files that can have settings in their metadata, in lower case."""


def put_tag(metadata: MutableMapping[str, str], container: str, tag: str | None) -> None:
    """Put the settings of a run into a film's metadata; those of its source's run are removed.

    MP4 and MOV have no free names for text: there it is a line of the comment, below the film's
    own.

    Args:
        metadata: of the output, with what was copied of the source.
        container: FFmpeg's name of the output's format.
        tag: see ``settings_tag``; ``None``: none is written.
    """
    for key in [key for key in metadata if key.lower() in _KEYS]:
        lines = [line for line in metadata[key].splitlines() if not is_tag(line)]
        if len(lines) < len(metadata[key].splitlines()):
            metadata[key] = "\n".join(lines)
            if not lines:
                del metadata[key]
    if tag is None or container not in ("mp4", "mov", *_OWN_TAG):
        return
    key = _OWN_TAG.get(container, "comment")
    own = [metadata.pop(name) for name in list(metadata) if name.lower() == key.lower()]
    metadata[key] = "\n".join([*filter(None, own), tag])


def with_png_tag(png: bytes, tag: str) -> bytes:
    """A PNG file with the settings of its run in a text chunk.

    Args:
        png: the file.
        tag: see ``settings_tag``.
    """
    body = b"tEXt" + MAKER.encode() + b"\0" + tag.encode("ascii")
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:_HEADER] + chunk + png[_HEADER:]


def settings_in(path: Path) -> dict[str, Any]:
    """The settings in a result's metadata, not checked.

    Args:
        path: a film or a PNG.

    Raises:
        SettingsError: the file can't be read, or has none.
    """
    origin = f"--config {path}"
    try:
        text = _text_of_png(path) if path.suffix.lower() == ".png" else _text_of_film(path)
    except (av.FFmpegError, OSError, struct.error) as error:
        raise SettingsError(f"{origin} can't be read: {reason(error)}") from error
    for line in text.splitlines():
        if is_tag(line):
            return read_tag(line, origin)
    raise SettingsError(
        f"{origin} has no settings in its metadata: it was not made with --save-settings"
    )


def _text_of_film(path: Path) -> str:
    with av.open(path, metadata_errors="replace") as container:
        tags = container.metadata.items()
        return "\n".join(value for key, value in tags if key.lower() in _KEYS)


def _text_of_png(path: Path) -> str:
    with path.open("rb") as file:
        if file.read(len(_PNG)) != _PNG:
            return ""
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind in (b"IDAT", b"IEND"):
                return ""
            body = file.read(length) if kind == b"tEXt" else file.seek(length, 1) and b""
            file.seek(4, 1)
            keyword, _, text = bytes(body).partition(b"\0")
            if keyword == MAKER.encode():
                return text.decode("latin-1")
    return ""

"""Addresses, ``SCHEME://…``: of streams, and of files that are stored elsewhere.

It loads no library.
"""

from __future__ import annotations

import re

NETWORK = ("rtsp", "rtsps", "rtmp", "rtmps", "srt", "udp", "tcp", "rtp", "http", "https")
"""Schemes of the streams that are read."""

_LIVE = frozenset({*NETWORK, "whip", "whips"})
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+")  # one letter is a disk


def scheme_of(name: str) -> str:
    """The scheme of an address, in lower case; empty for a path."""
    scheme, mark, _ = name.partition("://")
    return scheme.lower() if mark and _SCHEME.fullmatch(scheme) else ""


def is_remote(name: str) -> bool:
    """Whether a name is the address of a stored file, as ``s3://bucket/film.mp4``; no stream's."""
    scheme = scheme_of(name)
    return bool(scheme) and scheme not in _LIVE


def file_name(name: str) -> str:
    """The last part of a path or an address: ``film.mp4``."""
    return name.rstrip("/").rpartition("/")[2]

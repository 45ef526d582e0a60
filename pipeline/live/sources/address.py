"""Addresses of network streams and of the screen: what FFmpeg opens, and with which options."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field

from ...core.address import NETWORK, scheme_of
from ...core.errors import SourceError

SCREEN = "screen:"
"""Prefix of the screen, or of a part of it: ``screen:640x360+100+50``."""

ANALYSIS_SECONDS = 1.5
"""Seconds, at most, until FFmpeg knows the streams: what it analyses first is delay."""

_LOW_DELAY = {
    "fflags": "nobuffer",
    "analyzeduration": str(round(ANALYSIS_SECONDS * 1_000_000)),
    "probesize": "1000000",
}


@dataclass(frozen=True)
class Address:
    """What FFmpeg opens."""

    name: str
    """As the user typed it."""
    url: str
    form: str | None = None
    """FFmpeg's name of the format or device; ``None``: FFmpeg detects it."""
    options: dict[str, str] = field(default_factory=dict[str, str])
    """Options of FFmpeg's demuxer."""
    reconnects: bool = True
    """See ``LiveSource``."""
    paced: bool = False
    """Whether it is a file that is read at its own speed."""


def is_address(name: str) -> bool:
    """Return whether an input is a network stream or the screen."""
    return scheme_of(name) in NETWORK or name.startswith(SCREEN)


def address_of(name: str) -> Address:
    """Return how FFmpeg opens a network stream or the screen.

    Raises:
        SourceError: the part of the screen can't be read, or there is no screen.
    """
    if name.startswith(SCREEN):
        return _screen(name)
    options = dict(_LOW_DELAY)
    scheme = scheme_of(name)
    if scheme in ("http", "https"):
        del options["fflags"]  # else the beginning of a film or playlist would be dropped
    if scheme in ("rtsp", "rtsps"):
        options["rtsp_transport"] = "tcp"
    if scheme == "udp":
        options |= {"overrun_nonfatal": "1", "fifo_size": "50000"}
    return Address(name, name, options=options)


def _screen(name: str) -> Address:
    part = re.fullmatch(r"(?:(\d+)x(\d+)(?:\+(\d+)\+(\d+))?)?", name.removeprefix(SCREEN))
    if part is None:
        raise SourceError(f"{name} is no part of a screen; write screen: or screen:640x360+100+50")
    width, height, x, y = (int(n) if n else 0 for n in part.groups())
    options = {"framerate": "30", "draw_mouse": "1"}
    if width:
        options["video_size"] = f"{width}x{height}"
    if sys.platform == "darwin":
        return Address(name, "Capture screen 0", "avfoundation", {"framerate": "30"})
    if sys.platform == "win32":
        corner = {"offset_x": str(x), "offset_y": str(y)}
        return Address(name, "desktop", "gdigrab", options | corner)
    display = os.environ.get("DISPLAY")
    if not display:
        raise SourceError(f"{name}: there is no screen; DISPLAY is not set")
    return Address(name, f"{display}+{x},{y}", "x11grab", options)

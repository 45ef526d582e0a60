"""What the names of inputs and outputs say: whether a run is live. It loads no library."""

from __future__ import annotations

import re

from ..core.address import is_remote
from ..core.config import Settings
from .sources.address import is_address

WINDOW = "window"
"""The output that is one."""

CAMERA = "camera:"
"""Prefix of a camera's name, as ``camera:Logitech``; an index needs none. As an output it is a
virtual camera, after which a device may be named: ``camera:/dev/video2``."""


def is_live(source: str, output: str, settings: Settings) -> bool:
    """Return whether a run is live: by its input, or by an output that can't wait."""
    return (
        settings.realtime
        or bool(settings.also)
        or is_camera(source)
        or is_address(source)
        or not _is_path(output)
    )


def is_camera(name: str) -> bool:
    """Return whether an input is a camera: an index, or ``camera:NAME``."""
    return re.fullmatch(r"\d{1,2}", name) is not None or name.startswith(CAMERA)


def _is_path(output: str) -> bool:
    """Whether it is a file or a folder that a run at leisure writes, here or elsewhere."""
    return is_remote(output) or not (
        output == WINDOW
        or output.startswith(CAMERA)
        or "://" in output
        or output.lower().endswith(".m3u8")
    )

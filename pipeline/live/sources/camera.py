"""Cameras, by OpenCV."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...core.errors import SourceError
from ...core.frame import Frame
from ...core.units import parse_size
from ...media.color import ColorTags
from ...media.source import SourceInfo
from .ffmpeg import AudioChunk

PREFIX = "camera:"
"""Begins the name of a camera: ``camera:Logitech``; an index may stand alone."""

_ASKED = (1280, 720)
_CLOCK = Fraction(1, 1_000_000)
_MEASURED = 10  # frames whose distance tells the real rate: CAP_PROP_FPS is a wish
_FEW = 3  # frames in a row that may be missing


def is_camera(name: str) -> bool:
    """Whether an input is a camera: an index, or ``camera:NAME``."""
    return re.fullmatch(r"\d{1,2}", name) is not None or name.startswith(PREFIX)


def list_cameras() -> dict[int, str]:
    """Index → name of the cameras that Linux lists; elsewhere they are known by index alone."""
    found: dict[int, str] = {}
    for entry in sorted(Path("/sys/class/video4linux").glob("video*/name")):
        number = re.search(r"\d+", entry.parent.name)
        if number is not None:
            found[int(number.group())] = entry.read_text(encoding="utf-8").strip()
    return found


def camera_index(name: str) -> int:
    """The index of the camera that ``name`` names.

    Raises:
        SourceError: no camera is called so.
    """
    wanted = name.removeprefix(PREFIX)
    if wanted.isdigit():
        return int(wanted)
    known = list_cameras()
    for index, called in known.items():
        if wanted.lower() in called.lower():
            return index
    listed = ", ".join(f"{i} ({n})" for i, n in known.items()) or "none that has a name"
    raise SourceError(f"{name}: there is no such camera; here are {listed}; an index serves too")


class CameraSource:
    """A camera.

    Args:
        name: see ``is_camera``.
        size: ``WxH`` or ``720p``: asked for; the frames come as the camera gives them.
        rate: frames per second, asked for.

    Raises:
        SourceError: it can't be opened, or gives no picture.
    """

    has_audio = False
    reconnects = True

    def __init__(self, name: str, size: str | None, rate: float = 30.0) -> None:
        self._name = f"camera {name.removeprefix(PREFIX)}"
        self._capture: Any = cv2.VideoCapture(camera_index(name), _backend())
        if not self._capture.isOpened():
            listed = ", ".join(f"{i} ({n})" for i, n in list_cameras().items())
            there = f"here are {listed}" if listed else "is one plugged in, and free?"
            raise SourceError(f"{self._name} can't be opened; {there}")
        width, height = parse_size(size) if size is not None else _ASKED
        # Uncompressed, most cameras give few frames at this size. The order matters to V4L2.
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, width or round(height * 16 / 9))
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        self._capture.set(cv2.CAP_PROP_FPS, rate)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self.info = self._measured()

    def _measured(self) -> SourceInfo:
        first = self._read().picture
        began = time.monotonic()
        for _ in range(_MEASURED):
            self._read()
        rate = _MEASURED / max(1e-3, time.monotonic() - began)
        return SourceInfo(
            name=self._name,
            width=first.shape[1],
            height=first.shape[0],
            time_base=_CLOCK,
            rate=Fraction(rate).limit_denominator(1001),
            frames=None,
            start=Fraction(0),
            duration=None,
            color=ColorTags(),
            sample_aspect=Fraction(1),
            files=(),
            container=None,
        )

    def _read(self) -> Frame:
        for _ in range(_FEW):
            done, bgr = self._capture.read()
            if done:
                came = time.monotonic()
                rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
                return Frame(rgb, round(came / _CLOCK), _CLOCK, captured=came)
        raise SourceError(f"{self._name} gives no picture")

    def items(self) -> Generator[Frame | AudioChunk]:
        """See ``LiveSource.items``."""
        while True:
            yield self._read()

    def close(self) -> None:
        """See ``LiveSource.close``."""
        self._capture.release()


def _backend() -> int:
    """The system's own: others go through it, a frame or two later."""
    own = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION, "win32": cv2.CAP_DSHOW}
    return own.get(sys.platform, cv2.CAP_ANY)

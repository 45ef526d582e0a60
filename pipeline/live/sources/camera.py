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
from ..names import CAMERA
from .source import AudioChunk

_DEFAULT_SIZE = (1280, 720)
_TIME_BASE = Fraction(1, 1_000_000)
_RATE_FRAMES = 10  # that measure the real rate: CAP_PROP_FPS is only what was requested
_ATTEMPTS = 3  # frames in a row that may be missing


def list_cameras() -> dict[int, str]:
    """Index → name of the cameras, on Linux; other systems give no names, and this is empty."""
    names: dict[int, str] = {}
    for entry in sorted(Path("/sys/class/video4linux").glob("video*/name")):
        number = re.search(r"\d+", entry.parent.name)
        if number is not None:
            names[int(number.group())] = entry.read_text(encoding="utf-8").strip()
    return names


def camera_index(name: str) -> int:
    """Find the index of the camera that ``name`` names; see ``names.is_camera``.

    Raises:
        SourceError: there is no camera of that name.
    """
    part = name.removeprefix(CAMERA)
    if part.isdigit():
        return int(part)
    cameras = list_cameras()
    for index, full_name in cameras.items():
        if part.lower() in full_name.lower():
            return index
    listed = ", ".join(f"{i} ({n})" for i, n in cameras.items()) or "none with a name"
    raise SourceError(f"{name}: there is no such camera; here are {listed}; or give an index")


class CameraSource:
    """A camera as a live source.

    Args:
        name: see ``names.is_camera``.
        size: ``WxH`` or ``720p`` to request; the camera may give another size.
        rate: frames per second to request.

    Raises:
        SourceError: it can't be opened, or gives no picture.
    """

    has_audio = False
    reconnects = True

    def __init__(self, name: str, size: str | None, rate: float = 30.0) -> None:
        self._name = f"camera {name.removeprefix(CAMERA)}"
        self._capture: Any = cv2.VideoCapture(camera_index(name), _backend())
        if not self._capture.isOpened():
            listed = ", ".join(f"{i} ({n})" for i, n in list_cameras().items())
            hint = f"here are {listed}" if listed else "is one connected, and not in use?"
            raise SourceError(f"{self._name} can't be opened; {hint}")
        width, height = parse_size(size) if size is not None else _DEFAULT_SIZE
        # Uncompressed, most cameras give few frames at this size. The order matters to V4L2.
        self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, width or round(height * 16 / 9))
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        self._capture.set(cv2.CAP_PROP_FPS, rate)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        self.info = self._measure()

    def _measure(self) -> SourceInfo:
        """Size and rate of the frames that really come."""
        first = self._read().source
        began = time.monotonic()
        for _ in range(_RATE_FRAMES):
            self._read()
        rate = _RATE_FRAMES / max(1e-3, time.monotonic() - began)
        return SourceInfo(
            name=self._name,
            width=first.shape[1],
            height=first.shape[0],
            time_base=_TIME_BASE,
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
        for _ in range(_ATTEMPTS):
            done, bgr = self._capture.read()
            if done:
                captured = time.monotonic()
                rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
                return Frame(rgb, round(captured / _TIME_BASE), _TIME_BASE, captured=captured)
        raise SourceError(f"{self._name} gives no picture")

    def items(self) -> Generator[Frame | AudioChunk]:
        """See ``LiveSource.items``."""
        while True:
            yield self._read()

    def close(self) -> None:
        """See ``LiveSource.close``."""
        self._capture.release()


def _backend() -> int:
    """The system's own backend: others add a delay of a frame or two."""
    native = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION, "win32": cv2.CAP_DSHOW}
    return native.get(sys.platform, cv2.CAP_ANY)

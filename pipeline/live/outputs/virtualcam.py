"""The painted picture as a camera that other programs can open."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from ...core.errors import SinkError, reason
from ...core.frame import as_rgb
from ...imaging.resize import resize_picture
from ..audio import AudioBlock
from ..names import CAMERA
from .output import OutputFrame
from .target import StreamFormat


class VirtualCamera:
    """A camera made of frames, by pyvirtualcam (v4l2loopback, OBS, Unity Capture).

    Args:
        output: ``camera:`` or ``camera:DEVICE``.
        stream_format: the size and rate of the camera; frames of another size are resized.

    Raises:
        SinkError: pyvirtualcam is not installed, or there is no such device.
    """

    def __init__(self, output: str, stream_format: StreamFormat) -> None:
        self._output = output
        self._size = stream_format.height, stream_format.width
        open_camera = _pyvirtualcam().Camera
        device = output.removeprefix(CAMERA) or None
        rate = max(1.0, float(stream_format.rate))
        try:
            self._camera: Any = open_camera(
                stream_format.width, stream_format.height, rate, device=device
            )
        # Its backends raise RuntimeError, and any error of the system.
        except Exception as error:
            raise SinkError(
                f"{output} can't be opened: {reason(error)}; on Linux load v4l2loopback, on "
                "Windows and macOS install OBS"
            ) from error

    def write_frame(self, item: OutputFrame) -> None:
        """See ``LiveOutput.write_frame``."""
        rgb = as_rgb(resize_picture(item.frame.picture, self._size))
        try:
            self._camera.send(np.ascontiguousarray(rgb))
        except Exception as error:
            raise SinkError(f"{self._output} is gone: {reason(error)}") from error

    def write_audio(self, block: AudioBlock) -> None:
        """See ``LiveOutput.write_audio``; a camera has no audio."""

    def close(self) -> None:
        """See ``LiveOutput.close``."""
        self._camera.close()


def check_virtual_camera() -> None:
    """Refuse a virtual camera that cannot be opened, before anything else is.

    Raises:
        SinkError: pyvirtualcam is not installed.
    """
    _pyvirtualcam()


def _pyvirtualcam() -> Any:
    try:
        return importlib.import_module("pyvirtualcam")
    except ImportError as error:
        raise SinkError(
            "camera: needs pyvirtualcam, which is not installed; "
            "type: pip install 'stylize-video[camera]'"
        ) from error

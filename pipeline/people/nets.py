"""The nets that find people: MediaPipe's, as ``export.mediapipe`` has made ONNX files of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from ..core.frame import Rgb
from ..nets.session import open_session

Net = Callable[[Rgb], list[NDArray[np.float32]]]
"""A picture of its size, (h, w, 3) uint8, 0–255, RGB → its outputs, without their first axis, N."""


def open_net(name: str) -> Net:
    """Open a net that ships, on one thread of the CPU: it is small, and rounds the same anywhere.

    Args:
        name: a key of ``mediapipe.yaml``.
    """
    session, _ = open_session(_room() / f"{name}.onnx", "cpu", 1)

    def run(picture: Rgb) -> list[NDArray[np.float32]]:
        outputs: Any = session.run(None, {"frame": picture[None]})
        return [np.asarray(output[0], np.float32) for output in outputs]

    return run


@cache
def sha256_of_nets() -> Mapping[str, str]:
    """The SHA-256 of each net's file, by its name."""
    text = (_room() / "mediapipe.yaml").read_text("utf-8")
    listed: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return {name: str(entry["sha256"]) for name, entry in listed.items()}


def _room() -> Path:
    return Path(str(files("stylize_video.models.mediapipe")))

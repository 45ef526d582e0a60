"""A style whose result is known without a net."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from stylize_video.pipeline.core.errors import ModelError
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.nets.contract import ModelCard
from stylize_video.pipeline.styles.per_shot import Whole


class FakeStyle:
    """A style that adds a number; may take its time, or refuse."""

    device, still = "cpu", False

    def __init__(self, number: int, gate: threading.Event | None = None) -> None:
        self.card = ModelCard(name=str(number), kind="fake")
        self.number, self.gate = number, gate
        self.sizes: list[tuple[int, ...]] = []

    def shot_of(self, frame: Frame, strength: float = 1.0) -> tuple[Any, float]:
        if self.gate is not None:
            self.gate.wait()
        if strength == 0.13:
            raise ModelError("thirteen is no strength")
        self.sizes.append(frame.picture.shape[:2])
        return Whole(lambda rgb: rgb + np.uint8(self.number)), strength

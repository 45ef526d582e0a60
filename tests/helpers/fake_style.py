"""A style whose result is known without a net."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from stylize_video.pipeline.core.errors import ModelError
from stylize_video.pipeline.core.frame import Frame, Picture, Rgb, TemporalState, as_rgb
from stylize_video.pipeline.styles.style import StyleInfo
from stylize_video.pipeline.temporal.canvas import canvas_bytes


class FakeStyle:
    """Adds a number; may take its time, or refuse. Its strength is left to a fade."""

    def __init__(self, number: int, gate: threading.Event | None = None, **info: Any) -> None:
        self.info = StyleInfo(str(number), "fake", **info)
        self.number, self.gate = number, gate
        self.sizes: list[tuple[int, ...]] = []
        self.adapted: list[float] = []

    def compile(self, shot: Sequence[Frame], strength: float = 1.0) -> FakeShot:
        if self.gate is not None:
            self.gate.wait()
        if strength == 0.13:
            raise ModelError("thirteen is no strength")
        self.sizes.append(shot[0].source.shape[:2])
        return FakeShot(self, strength)

    def paint(self, rgb: Rgb, state: TemporalState | None) -> Rgb:
        return rgb + np.uint8(self.number)


@dataclass(frozen=True)
class FakeShot:
    style: FakeStyle
    opacity: float

    def paint(self, frame: Frame, state: TemporalState | None = None) -> Picture:
        return self.style.paint(as_rgb(frame.source), state)

    def adapt(self, frame: Frame, weight: float) -> FakeShot:
        self.style.adapted.append(float(as_rgb(frame.source).mean()))
        return FakeShot(self.style, self.opacity)

    def mixed(self, other: FakeShot, weight: float, frame: Frame) -> FakeShot:
        return self


class CanvasStyle:
    """Paints its canvas, in the mean brightness that was measured of its shot."""

    def __init__(self, **info: Any) -> None:
        self.info = StyleInfo("canvas", "fake", canvas=True, per_shot=True, **info)

    def compile(self, shot: Sequence[Frame], strength: float = 1.0) -> CanvasShot:
        return CanvasShot(float(np.mean([as_rgb(frame.source).mean() for frame in shot])))


@dataclass(frozen=True)
class CanvasShot:
    light: float
    opacity: float = 1.0

    def paint(self, frame: Frame, state: TemporalState | None = None) -> Picture:
        assert frame.canvas is not None
        height, width = frame.source.shape[:2]
        cells = canvas_bytes(frame.canvas, (-(-height // 4), -(-width // 4)))[..., :3]
        large = cells.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
        return np.ascontiguousarray(large // 2 + np.uint8(self.light / 2))

    def adapt(self, frame: Frame, weight: float) -> CanvasShot:
        light = self.light + weight * (as_rgb(frame.source).mean() - self.light)
        return CanvasShot(float(light))

    def mixed(self, other: CanvasShot, weight: float, frame: Frame) -> CanvasShot:
        return CanvasShot(self.light + weight * (other.light - self.light))

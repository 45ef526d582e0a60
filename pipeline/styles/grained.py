"""A style without a canvas of its own, given one: its pictures get a faint texture before.

A universal method leaves a wall bare, or paints the camera's noise there. A few grey levels of the
canvas give it something to paint, and they move with the scene.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..core.frame import Frame, Picture, TemporalState, as_rgb
from ..imaging.resize import resize_linear
from ..temporal.canvas import CELL, canvas_bytes, still_canvas
from .style import ShotStyle, Style

_LEVELS = 8.0
"""Standard deviation of the texture, grey levels of 0–255."""
_MIX = np.array([0.5, 1.0, 1.0, 0.7], np.float32)
"""How strong each channel of the canvas is in it: fine noise, small to large facets."""
_OF_BYTE = _LEVELS / (127 / 3) / float(np.sqrt(np.square(_MIX).sum()))


def grained(frame: Frame, strength: float = 1.0) -> Frame:
    """The frame with the texture of its canvas on its source, in RGB.

    Args:
        frame: its canvas is used; without one, that of a still picture.
        strength: of the style, 0..1.
    """
    rgb = as_rgb(frame.source)
    height, width = rgb.shape[:2]
    cells = (-(-height // CELL), -(-width // CELL))
    noise = canvas_bytes(frame.canvas or still_canvas(rgb), cells)
    levels = (noise.astype(np.float32) - 128) @ (strength * _OF_BYTE * _MIX)
    texture = cv2.merge([resize_linear(levels, (height, width))] * 3)
    return replace(frame, source=np.asarray(cv2.add(rgb, texture, dtype=cv2.CV_8U), np.uint8))


class GrainedStyle:
    """A style whose sources get the texture; see ``Style``.

    Args:
        style: what paints; it takes no canvas.
    """

    def __init__(self, style: Style) -> None:
        self._style = style
        self.info = replace(style.info, canvas=True, planar=False)

    def compile(self, shot: Sequence[Frame], strength: float = 1.0) -> GrainedShot:
        """See ``Style.compile``."""
        frames = [grained(frame, strength) for frame in shot]
        return GrainedShot(self._style.compile(frames, strength), strength)


@dataclass(frozen=True)
class GrainedShot:
    """A style compiled for a shot with the texture; see ``ShotStyle``."""

    shot: ShotStyle
    strength: float

    @property
    def opacity(self) -> float:
        """See ``ShotStyle.opacity``."""
        return self.shot.opacity

    def paint(self, frame: Frame, state: TemporalState | None = None) -> Picture:
        """See ``ShotStyle.paint``."""
        return self.shot.paint(grained(frame, self.strength), state)

    def adapt(self, frame: Frame, weight: float) -> GrainedShot:
        """See ``ShotStyle.adapt``."""
        return replace(self, shot=self.shot.adapt(grained(frame, self.strength), weight))

    def mixed(self, other: GrainedShot, weight: float, frame: Frame) -> GrainedShot:
        """See ``ShotStyle.mixed``."""
        return replace(self, shot=self.shot.mixed(other.shot, weight, frame))

"""Films of several shots, and runs on them that die."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.frame import Rgb

STEP = 2500
"""Of 1/30000 s: twelve frames a second."""


def scene(count: int, seed: int = 1) -> list[Rgb]:
    """A pan over soft hills, in front of which something passes."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 220, (6, 30, 3), dtype=np.uint8)
    ground = cv2.resize(coarse, (128 + count, 80), interpolation=cv2.INTER_CUBIC)
    frames = [np.ascontiguousarray(ground[:, n : n + 128]) for n in range(count)]
    for number, frame in enumerate(frames):
        left = 3 * number % 110
        frame[30:50, left : left + 16] = (240, 60, 30)
    return frames


def die_after(count: int, film: Path, out: Path, settings: Settings) -> None:
    """A run that dies after so many frames, as far as its folder can tell."""
    seen: list[object] = []

    def die(frame: object) -> None:
        seen.append(frame)
        if len(seen) == count:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stylize(film, out, settings, on_frame=die)

"""A picture in video's own planes."""

from __future__ import annotations

import numpy as np
from stylize_video.pipeline.core.frame import Yuv, YuvMatrix


def to_yuv420(rgb: np.ndarray, coding: YuvMatrix) -> Yuv:
    """The picture in 4:2:0, by the definition."""
    matrix, offset = coding.to_yuv()
    full = rgb @ matrix.T + offset
    h, w = rgb.shape[:2]
    small = full.reshape(h // 2, 2, w // 2, 2, 3).mean(axis=(1, 3))
    planes = (full[..., 0], small[..., 1], small[..., 2])
    return Yuv(*(np.clip(np.rint(p), 0, 255).astype(np.uint8) for p in planes), coding)

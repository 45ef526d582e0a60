"""Johnson's net (2016) as other projects run it: PyTorch, eager, float32, frame by frame.

    python -m jobs.johnson CLIP FRAMES

prints its seconds per frame, JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from itertools import islice
from typing import Any

import av
import numpy as np
import torch
from stylize_video.models.nets.johnson import JohnsonNet


def open_johnson() -> torch.nn.Module:
    """The net, untrained: its weights cost no time. It runs on all cores."""
    torch.set_num_threads(os.cpu_count() or 1)
    return JohnsonNet().eval()


def paint(net: torch.nn.Module, rgb: Any) -> np.ndarray:
    """A picture, (H, W, 3) uint8, RGB, through a PyTorch net."""
    with torch.inference_mode():
        x = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
        return net(x)[0].mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()


def seconds_per_frame(clip: str, frames: int) -> float:
    """The median over the clip's first frames; one more before them is not counted."""
    net, seconds = open_johnson(), list[float]()
    with av.open(clip) as container:
        for frame in islice(container.decode(video=0), frames + 1):
            rgb = frame.to_ndarray(format="rgb24")
            begun = time.perf_counter()
            paint(net, rgb)
            seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[1:])


if __name__ == "__main__":
    print(json.dumps(seconds_per_frame(sys.argv[1], int(sys.argv[2]))))

"""Nets and files of weights that have learned nothing."""

from __future__ import annotations

from pathlib import Path

import torch
from stylize_video.models.nets.raft import RaftSmall


def untrained_raft(updates: int = 2) -> RaftSmall:
    """RAFT-small with random weights, the same ones each time."""
    torch.manual_seed(0)
    return RaftSmall(updates).eval().requires_grad_(False)


def write_vgg19(path: Path) -> Path:
    """Weights of VGG-19's shape, not its knowledge: torchvision's keys, in a .pth."""
    torch.manual_seed(0)
    widths = [3, 64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512]
    places = [0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28]
    state: dict[str, torch.Tensor] = {}
    for place, c_in, c_out in zip(places, widths[:-1], widths[1:], strict=True):
        state[f"features.{place}.weight"] = torch.randn(c_out, c_in, 3, 3) * (2 / 9 / c_in) ** 0.5
        state[f"features.{place}.bias"] = torch.zeros(c_out)
    state["classifier.0.bias"] = torch.zeros(10)
    torch.save(state, path)
    return path

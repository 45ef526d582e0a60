"""Pictures of a training: loss curves and a sheet of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ..data import read_rgb, resized, to_rgb, to_tensor
from ..nets.feedforward import StyleNet

SAMPLE_SIZE = 360
"""Short side of a sample, px."""


def loss_curves(history: Sequence[Mapping[str, float]], path: Path, unit: str = "step") -> None:
    """Draw each loss over the steps, smoothed over 2 % of them, as a PNG.

    Args:
        history: of each step, loss → value.
        path: the PNG file.
        unit: name of the horizontal axis.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 6), layout="constrained")
    window = max(1, len(history) // 50)
    names = list(dict.fromkeys(name for row in history for name in row))
    for place, name in enumerate(names, start=1):
        values = np.array([row.get(name, np.nan) for row in history])
        if not np.nan_to_num(values).any():  # a weight of zero
            continue
        smooth = np.convolve(values, np.ones(window) / window, mode="valid")
        axes = figure.add_subplot(2, -(-len(names) // 2), place, title=name, xlabel=unit)
        axes.set_yscale("log")
        axes.plot(values, color="0.85")
        axes.plot(np.arange(len(smooth)) + window - 1, smooth, color="C0")
    figure.savefig(path)


@torch.no_grad()
def sample_sheet(net: StyleNet, photos: list[Path], path: Path) -> None:
    """Photographs above what ``net`` makes of them, as a PNG.

    Args:
        net: takes and returns pictures (N, 3, H, W) float32, 0..1, RGB.
        photos: files; those that can't be decoded are left out.
        path: the PNG file.
    """
    was_training = net.training
    device = next(net.parameters()).device
    net.eval()
    columns: list[NDArray[np.uint8]] = []
    for photo in photos:
        rgb = read_rgb(photo)
        if rgb is None:
            continue
        rgb = resized(rgb, SAMPLE_SIZE)[:, : SAMPLE_SIZE * 3 // 2]
        columns.append(np.vstack([rgb, to_rgb(net(to_tensor(rgb).to(device)))]))
    net.train(was_training)
    height = max(column.shape[0] for column in columns)
    padded = [np.pad(c, ((0, height - c.shape[0]), (0, 0), (0, 0))) for c in columns]
    encoded = cv2.imencode(".png", np.hstack(padded)[..., ::-1])[1]
    path.write_bytes(encoded.tobytes())

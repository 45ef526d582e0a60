"""The check that an exported file paints as PyTorch does."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ..models.data import read_rgb, to_rgb, to_tensor
from ..models.nets.canvas import CELL, canvas_bytes, canvas_tensor, noise_canvas
from ..models.nets.feedforward import StyleNet
from ..pipeline.core.errors import TrainingError
from ..pipeline.nets.contract import CANVAS, INPUT, MEMORY, OUTPUT
from ..pipeline.nets.runtime import onnxruntime

WORST_MEAN = 1.0
"""Largest mean difference, in 1/255, with which a file is written."""


@dataclass(frozen=True)
class Parity:
    """Differences between ONNX Runtime's bytes and PyTorch's, in 1/255."""

    mean: float
    """Mean over all pixels of the worst picture."""
    largest: int
    """Largest of any pixel."""
    sizes: tuple[str, ...]
    """The sizes compared, WxH."""

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps({**asdict(self), "mean": round(self.mean, 5)})


@torch.no_grad()
def measure_parity(path: Path, net: StyleNet, frames: list[NDArray[np.uint8]]) -> Parity:
    """Compare an exported file with its net.

    Args:
        path: the ONNX file.
        net: what it was written from, on the CPU.
        frames: pictures (H, W, 3) uint8, 0–255, RGB.

    Raises:
        TrainingError: the mean difference of a frame is above ``WORST_MEAN``.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns that the canvas is optional
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    means: list[float] = []
    largest = 0
    for rgb in frames:
        fed = {INPUT: rgb[None]} | (_memory(rgb) if net.recurrent else {})
        given = _as_tensors(fed)
        if net.canvas:
            fed[CANVAS] = _canvas(rgb, net.canvas)
            given["canvas"] = canvas_tensor(fed[CANVAS])
        expected = to_rgb(net(to_tensor(rgb), **given)).astype(np.int16)
        (actual,) = session.run([OUTPUT], fed)
        difference = np.abs(np.asarray(actual)[0].astype(np.int16) - expected)
        means.append(float(difference.mean()))
        largest = max(largest, int(difference.max()))
    sizes = tuple(f"{rgb.shape[1]}x{rgb.shape[0]}" for rgb in frames)
    parity = Parity(max(means), largest, sizes)
    if parity.mean > WORST_MEAN:
        raise TrainingError(
            f"the exported file is off by {parity.mean:.2f}/255 on average, {largest} at worst; "
            f"at most {WORST_MEAN:.0f}/255 is kept, so nothing was written"
        )
    return parity


def _memory(rgb: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    """A memory for a recurrent net: the negative, with a confidence that grows to the right."""
    trust = np.linspace(0, 255, rgb.shape[1], dtype=np.uint8)
    memory = ((255 - rgb)[None], np.tile(trust[None, None, :, None], (1, rgb.shape[0], 1, 1)))
    return dict(zip(MEMORY, memory, strict=True))


def _canvas(rgb: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """A canvas of a net for a picture (H, W, 3): (1, ⌈H/4⌉, ⌈W/4⌉, C) uint8, 128 is 0."""
    rows, columns = (-(-side // CELL) for side in rgb.shape[:2])
    random = torch.Generator().manual_seed(1)
    return canvas_bytes(noise_canvas(1, channels, rows, columns, random))


def _as_tensors(fed: dict[str, NDArray[np.uint8]]) -> dict[str, Any]:
    """What a net is given besides the picture, by the names of ``StyleNet.forward``."""
    memory = [to_tensor(fed[name][0]) for name in MEMORY if name in fed]
    return {"memory": (memory[0], memory[1])} if memory else {}


PARITY_SIZES = ((256, 256), (360, 640), (271, 407))
"""(height, width) of the pictures that a file is checked on; one of them odd."""


def parity_frames(photos: list[Path]) -> list[NDArray[np.uint8]]:
    """Photographs resized to ``PARITY_SIZES``, one each: (H, W, 3) uint8, 0–255, RGB.

    Raises:
        TrainingError: none of the first ten can be decoded.
    """
    readable = [rgb for rgb in map(read_rgb, photos[:10]) if rgb is not None]
    if not readable:
        raise TrainingError("no photograph to prove the exported file on can be decoded")
    return [
        np.asarray(cv2.resize(readable[i % len(readable)], (width, height)), dtype=np.uint8)
        for i, (height, width) in enumerate(PARITY_SIZES)
    ]

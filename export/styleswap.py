"""Style-Swap as two ONNX files: ``prepare``, once per style, and ``apply``.

``NAME.prepare.onnx`` computes, from ``style``, (1, H, W, 3) uint8, its ``patches``, (1, P, C, 3, 3)
float32. ``NAME.apply.onnx`` repaints a ``frame``, (1, H, W, 3) uint8, given ``patches``,
(P, C, 3, 3) float32, and a ``strength``, 0..1. Nothing is measured in a shot. Correlations take
P·h·w floats, where h and w are a quarter of the frame's height and width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..models.universal.styleswap import StyleSwap, nearest_at_once
from ..pipeline.nets.contract import INPUT, OUTPUT, ModelCard
from ..pipeline.styles.universal_files import MOST_PATCHES
from .parity import Parity
from .tracing import floats, frame_bytes, traced
from .universal_files import write_pair

STYLE_SIZE = 192
"""Short side of a style picture, px: 2000 to 4000 patches of the usual shapes."""

_MOST_BYTES = 1 << 28
"""Largest size of the correlations."""


class _Prepare(nn.Module):
    def __init__(self, net: StyleSwap) -> None:
        super().__init__()
        self.net = net

    def forward(self, style: Tensor) -> Tensor:
        """(1, H, W, 3) uint8 → (1, P, C, 3, 3)."""
        return self.net.style_statistics(floats(style))[None]


class _Apply(nn.Module):
    def __init__(self, net: StyleSwap) -> None:
        super().__init__()
        self.net = net

    def forward(self, frame: Tensor, patches: Tensor, strength: Tensor) -> Tensor:
        """(1, H, W, 3) uint8 → as ``frame``."""
        return frame_bytes(self.net.paint(floats(frame), patches, strength, nearest_at_once))


def trace_prepare(net: StyleSwap) -> onnx.ModelProto:
    """The graph that finds a style's patches, without metadata."""
    side = 6 * net.multiple
    style = torch.zeros(1, side, side + 2, 3, dtype=torch.uint8)
    return traced(_Prepare(net), (style,), (_size(),), ["style"], ["patches"])


def trace_apply(net: StyleSwap) -> onnx.ModelProto:
    """The graph that repaints a frame, without metadata."""
    side = 6 * net.multiple
    frame = torch.zeros(1, side, side + net.multiple, 3, dtype=torch.uint8)
    examples = (frame, torch.ones(7, net.encoder.channels, 3, 3), torch.tensor(1.0))
    shapes = (_size(), {0: torch.export.Dim("patches", min=1)}, {})
    return traced(_Apply(net), examples, shapes, [INPUT, "patches", "strength"], [OUTPUT])


def _size() -> dict[int, object]:
    return {1: torch.export.Dim("height", min=1), 2: torch.export.Dim("width", min=1)}


def export_styleswap(
    net: StyleSwap,
    card: ModelCard,
    prepare: Path,
    frames: Sequence[NDArray[np.uint8]],
    style: NDArray[np.uint8],
) -> Parity:
    """Write Style-Swap's two files, only if they paint ``frames`` as PyTorch does.

    Args:
        net: the trained net.
        card: metadata; the net's own properties and the parity figures are filled in here.
        prepare: ``NAME.prepare.onnx``; ``NAME.apply.onnx`` is written beside it.
        frames: pictures (H, W, 3) uint8, 0–255, RGB, of several sizes.
        style: the style picture, (H, W, 3) uint8, 0–255, RGB.

    Raises:
        TrainingError: ONNX Runtime's pictures are off by more than 1/255 on average.
        SinkError: a file can't be written.
    """
    net = net.eval()
    positions = _MOST_BYTES // 4 // MOST_PATCHES
    card = replace(
        card,
        multiple=net.multiple,
        style_size=STYLE_SIZE,
        most_pixels=positions * net.multiple**2,
    )
    return write_pair(net, (trace_prepare(net), trace_apply(net)), card, prepare, frames, style)

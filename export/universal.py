"""A method for any style as two ONNX files: ``prepare``, once per style and shot, and ``apply``.

``NAME.prepare.onnx`` holds two graphs that share the encoder. From ``style`` (and its labels) it
gives ``mean.LAYER``, ``root.LAYER`` and ``weight.LAYER`` of every layer: the style's statistics.
From ``content`` (and its labels), ``strength`` and the statistics of a style, under the names
``style.mean.LAYER`` and so on, it gives ``matrix.LAYER`` and ``shift.LAYER``: the affine maps of a
shot. A caller runs the half that it needs.

``NAME.apply.onnx`` repaints a ``frame``, given the maps of one label.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..models.universal.base import AffineMaps, StyleStatistics, Universal
from ..models.universal.whitening import Affine, Style
from ..pipeline.nets.contract import INPUT, OUTPUT, ModelCard
from .parity import Parity
from .tracing import floats, frame_bytes, traced
from .universal_files import write_pair

PARTS = ("mean", "root", "weight")
"""The statistics of a style at one layer."""


class _Prepare(nn.Module):
    """Both halves, one after the other; ONNX Runtime runs what the requested outputs need."""

    def __init__(self, net: Universal) -> None:
        super().__init__()
        self.net = net

    def forward(
        self,
        style: Tensor,
        style_labels: Tensor,
        content: Tensor,
        content_labels: Tensor,
        strength: Tensor,
        tensors: Sequence[Tensor],
    ) -> tuple[Tensor, ...]:
        """The statistics of a style, and the affine maps of a shot.

        Args:
            style: (1, H, W, 3) uint8, 0–255, RGB.
            style_labels: (1, H, W, K) uint8.
            content: frames of a shot, (N, H, W, 3) uint8, 0–255, RGB.
            content_labels: (N, H, W, K) uint8.
            strength: 0..1, a scalar float32.
            tensors: of each layer, a style's mean (K, C), root (K, C, C) and weight (K,), float32.

        Returns:
            Of each layer the mean, root and weight of ``style``; then of each layer the matrix
            (K, C, C) and shift (K, C) float32.
        """
        net = self.net
        measured = net.style_statistics(floats(style), _fractions(style_labels), "newton")
        groups = zip(net.layers, range(0, len(tensors), len(PARTS)), strict=True)
        given: StyleStatistics = {layer: Style(*tensors[i : i + len(PARTS)]) for layer, i in groups}
        affine_maps = net.affine_maps(
            floats(content), given, _fractions(content_labels), strength, method="newton"
        )
        of_style = [t for s in measured.values() for t in (s.mean, s.root, s.weight)]
        return (*of_style, *(t for m in affine_maps.values() for t in (m.matrix, m.shift)))


class _Apply(nn.Module):
    def __init__(self, net: Universal) -> None:
        super().__init__()
        self.net = net

    def forward(self, frame: Tensor, tensors: Sequence[Tensor]) -> Tensor:
        """A frame repainted by the affine maps of its shot.

        Args:
            frame: (1, H, W, 3) uint8, 0–255, RGB.
            tensors: of each layer the matrix (C, C) and the shift (C,), float32.

        Returns:
            (1, H, W, 3) uint8, 0–255, RGB.
        """
        groups = zip(self.net.layers, range(0, len(tensors), 2), strict=True)
        affine_maps: AffineMaps = {
            layer: Affine(tensors[i][None], tensors[i + 1][None]) for layer, i in groups
        }
        painted = self.net.paint(floats(frame), affine_maps)
        return frame_bytes(painted)


def _fractions(labels: Tensor) -> Tensor:
    """Labels (N, H, W, K) uint8 → (N, K, H, W), 0..1, with sum 1 at each pixel."""
    x = labels.permute(0, 3, 1, 2).float()
    return x / x.sum(dim=1, keepdim=True).clamp(min=1)


def trace_apply(net: Universal) -> onnx.ModelProto:
    """The graph that repaints a frame, without metadata."""
    tensors = [
        t
        for channels, _ in net.layers.values()
        for t in (torch.eye(channels), torch.zeros(channels))
    ]
    names = [f"{part}.{layer}" for layer in net.layers for part in ("matrix", "shift")]
    side = 4 * net.multiple
    frame = torch.zeros(1, side, side + net.multiple, 3, dtype=torch.uint8)
    size = {1: torch.export.Dim("height", min=1), 2: torch.export.Dim("width", min=1)}
    shapes = (size, [{} for _ in tensors])
    return traced(_Apply(net), (frame, tensors), shapes, [INPUT, *names], [OUTPUT])


def trace_prepare(net: Universal) -> onnx.ModelProto:
    """The graph that measures styles and finds affine maps, without metadata."""
    dim, labels = torch.export.Dim, torch.export.Dim("labels", min=1)
    # Another dimension than the statistics' own: a half must not read the other's sizes.
    style_labels = torch.export.Dim("style_labels", min=1)

    def size(name: str) -> dict[int, object]:
        return {1: dim(f"{name}_height", min=1), 2: dim(f"{name}_width", min=1)}

    side = 4 * net.multiple
    style = torch.zeros(1, side, side + 2, 3, dtype=torch.uint8)
    content = torch.zeros(2, side + 4, side, 3, dtype=torch.uint8)
    tensors, tensor_shapes = list[Tensor](), list[dict[int, object]]()
    for channels, _ in net.layers.values():
        tensors += [torch.zeros(2, channels), torch.eye(channels).repeat(2, 1, 1), torch.ones(2)]
        tensor_shapes += [{0: labels}] * len(PARTS)
    examples = (
        style,
        torch.ones(1, side, side + 2, 3, dtype=torch.uint8),
        content,
        torch.ones(2, side + 4, side, 2, dtype=torch.uint8),
        torch.tensor(1.0),
        tensors,
    )
    frames = {0: dim("frames", min=1)}
    shapes = (
        size("style"),
        size("style") | {3: style_labels},
        size("content") | frames,
        size("content") | frames | {3: labels},
        {},
        tensor_shapes,
    )
    inputs = ["style", "style_labels", "content", "content_labels", "strength"]
    inputs += [f"style.{part}.{layer}" for layer in net.layers for part in PARTS]
    outputs = [f"{part}.{layer}" for layer in net.layers for part in PARTS]
    outputs += [f"{part}.{layer}" for layer in net.layers for part in ("matrix", "shift")]
    return traced(_Prepare(net), examples, shapes, inputs, outputs)


def export_universal(
    net: Universal,
    card: ModelCard,
    prepare: Path,
    frames: Sequence[NDArray[np.uint8]],
    style: NDArray[np.uint8],
) -> Parity:
    """Write a method's two files, only if they paint ``frames`` as PyTorch does.

    Args:
        net: the method with its weights.
        card: metadata; the net's own properties and the parity figures are filled in here.
        prepare: ``NAME.prepare.onnx``; ``NAME.apply.onnx`` is written beside it.
        frames: pictures (H, W, 3) uint8, 0–255, RGB, of several sizes.
        style: the style picture, (H, W, 3) uint8, 0–255, RGB.

    Raises:
        TrainingError: ONNX Runtime's pictures are off by more than 1/255 on average.
        SinkError: a file can't be written.
    """
    net = net.eval()
    scales = {layer: scale for layer, (_, scale) in net.layers.items()}
    card = replace(card, multiple=net.multiple, reach=net.reach, layers=json.dumps(scales))
    graphs = trace_prepare(net), trace_apply(net)
    return write_pair(net, graphs, card, prepare, frames, style)

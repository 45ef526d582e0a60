"""A method for any style as two ONNX files: ``prepare``, once per style and shot, and ``apply``.

``NAME.prepare.onnx`` holds two graphs that share the encoder. From ``style`` (and its labels) it
gives ``mean.SITE``, ``root.SITE`` and ``weight.SITE`` of every site: a portrait. From ``content``
(and its labels), ``strength`` and a portrait, under the names ``style.mean.SITE`` and so on, it
gives ``matrix.SITE`` and ``shift.SITE``: the maps of a shot. A caller runs the half that it needs.

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

from ..models.universal.base import Maps, Portrait, Universal
from ..models.universal.whitening import Affine, Style
from ..pipeline.nets.contract import INPUT, OUTPUT, ModelCard
from .parity import Parity
from .tracing import floats, frame_bytes, traced
from .universal_files import write_pair

PARTS = ("mean", "root", "weight")
"""Of a portrait."""


class _Prepare(nn.Module):
    """Both halves, one after the other: what is not asked for is not run."""

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
        told: Sequence[Tensor],
    ) -> tuple[Tensor, ...]:
        """Pictures (N, H, W, 3) and labels (N, H, W, K), uint8."""
        net = self.net
        heard = net.portrait(floats(style), _shares(style_labels), "newton")
        groups = zip(net.sites, range(0, len(told), len(PARTS)), strict=True)
        portrait: Portrait = {site: Style(*told[i : i + len(PARTS)]) for site, i in groups}
        maps = net.maps(
            floats(content), portrait, _shares(content_labels), strength, method="newton"
        )
        of_style = [t for s in heard.values() for t in (s.mean, s.root, s.weight)]
        return (*of_style, *(t for m in maps.values() for t in (m.matrix, m.shift)))


class _Apply(nn.Module):
    def __init__(self, net: Universal) -> None:
        super().__init__()
        self.net = net

    def forward(self, frame: Tensor, told: Sequence[Tensor]) -> Tensor:
        """(1, H, W, 3) uint8, and each site's matrix (C, C) and shift (C) → as ``frame``."""
        groups = zip(self.net.sites, range(0, len(told), 2), strict=True)
        maps: Maps = {site: Affine(told[i][None], told[i + 1][None]) for site, i in groups}
        painted = self.net.paint(floats(frame), maps)
        return frame_bytes(painted)


def _shares(labels: Tensor) -> Tensor:
    """Bytes → shares that sum to 1 at each pixel."""
    x = labels.permute(0, 3, 1, 2).float()
    return x / x.sum(dim=1, keepdim=True).clamp(min=1)


def trace_apply(net: Universal) -> onnx.ModelProto:
    """The graph that repaints a frame, without metadata."""
    told = [
        t
        for channels, _ in net.sites.values()
        for t in (torch.eye(channels), torch.zeros(channels))
    ]
    names = [f"{part}.{site}" for site in net.sites for part in ("matrix", "shift")]
    side = 4 * net.multiple
    frame = torch.zeros(1, side, side + net.multiple, 3, dtype=torch.uint8)
    size = {1: torch.export.Dim("height", min=1), 2: torch.export.Dim("width", min=1)}
    shapes = (size, [{} for _ in told])
    return traced(_Apply(net), (frame, told), shapes, [INPUT, *names], [OUTPUT])


def trace_prepare(net: Universal) -> onnx.ModelProto:
    """The graph that finds portraits and maps, without metadata."""
    dim, labels = torch.export.Dim, torch.export.Dim("labels", min=1)
    # Another name and number than the portrait's own: a half must not read the other's sizes.
    style_labels = torch.export.Dim("style_labels", min=1)

    def size(name: str) -> dict[int, object]:
        return {1: dim(f"{name}_height", min=1), 2: dim(f"{name}_width", min=1)}

    side = 4 * net.multiple
    style = torch.zeros(1, side, side + 2, 3, dtype=torch.uint8)
    content = torch.zeros(2, side + 4, side, 3, dtype=torch.uint8)
    told, told_shapes = list[Tensor](), list[dict[int, object]]()
    for channels, _ in net.sites.values():
        told += [torch.zeros(2, channels), torch.eye(channels).repeat(2, 1, 1), torch.ones(2)]
        told_shapes += [{0: labels}] * len(PARTS)
    examples = (
        style,
        torch.ones(1, side, side + 2, 3, dtype=torch.uint8),
        content,
        torch.ones(2, side + 4, side, 2, dtype=torch.uint8),
        torch.tensor(1.0),
        told,
    )
    frames = {0: dim("frames", min=1)}
    shapes = (
        size("style"),
        size("style") | {3: style_labels},
        size("content") | frames,
        size("content") | frames | {3: labels},
        {},
        told_shapes,
    )
    inputs = ["style", "style_labels", "content", "content_labels", "strength"]
    inputs += [f"style.{part}.{site}" for site in net.sites for part in PARTS]
    outputs = [f"{part}.{site}" for site in net.sites for part in PARTS]
    outputs += [f"{part}.{site}" for site in net.sites for part in ("matrix", "shift")]
    return traced(_Prepare(net), examples, shapes, inputs, outputs)


def export_universal(
    net: Universal,
    card: ModelCard,
    prepare: Path,
    frames: Sequence[NDArray[np.uint8]],
    style: NDArray[np.uint8],
) -> Parity:
    """Write a method's two files; what the net says itself goes into the card: ``write_pair``."""
    net = net.eval()
    scales = {site: scale for site, (_, scale) in net.sites.items()}
    card = replace(card, multiple=net.multiple, reach=net.reach, layers=json.dumps(scales))
    graphs = trace_prepare(net), trace_apply(net)
    return write_pair(net, graphs, card, prepare, frames, style)

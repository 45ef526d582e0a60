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
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..models.data import to_rgb, to_tensor
from ..models.universal import Maps, Portrait, Universal
from ..models.whitening import Affine, Style
from ..pipeline.contract import INPUT, OUTPUT, ModelCard
from ..pipeline.errors import TrainingError
from ..pipeline.sink import whole_or_not
from ..pipeline.universal import Look, Method, UniversalPlayer
from .parity import WORST_MEAN, Parity
from .precision import halved
from .write import save, traced

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
        heard = net.portrait(_floats(style), _shares(style_labels), "newton")
        groups = zip(net.sites, range(0, len(told), len(PARTS)), strict=True)
        portrait: Portrait = {site: Style(*told[i : i + len(PARTS)]) for site, i in groups}
        maps = net.maps(
            _floats(content), portrait, _shares(content_labels), strength, method="newton"
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
        painted = self.net.paint(_floats(frame), maps)
        return (painted * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def _floats(pictures: Tensor) -> Tensor:
    return pictures.permute(0, 3, 1, 2).float() / 255


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
    """Write a method's two files, kept only if ``frames`` in a style prove them.

    Args:
        net: the method, trained; on the CPU.
        card: its metadata; what the net says itself, and the parity figures, are filled in.
        prepare: ``NAME.prepare.onnx``; ``NAME.apply.onnx`` is written beside it.
        frames: pictures (H, W, 3), RGB, of several sizes.
        style: likewise, one.

    Raises:
        TrainingError: ONNX Runtime's pictures are off by more than 1/255 on average.
        SinkError: a file can't be written.
    """
    net = net.eval()
    apply = prepare.with_name(prepare.name.replace(".prepare.", ".apply."))
    graphs = halved(trace_prepare(net)), halved(trace_apply(net))
    scales = {site: scale for site, (_, scale) in net.sites.items()}
    card = replace(card, multiple=net.multiple, reach=net.reach, sites=json.dumps(scales))
    with whole_or_not(prepare) as first, whole_or_not(apply) as second:
        for graph, aside in zip(graphs, (first, second), strict=True):
            save(graph, aside, card.to_metadata())
        parity = _parity(net, first, second, frames, style)
        card = replace(card, parity=parity.to_json())
        for graph, aside in zip(graphs, (first, second), strict=True):
            save(graph, aside, card.to_metadata())
    return parity


def _parity(
    net: Universal,
    prepare: Path,
    apply: Path,
    frames: Sequence[NDArray[np.uint8]],
    style: NDArray[np.uint8],
) -> Parity:
    def opened(model: bytes) -> onnxruntime.InferenceSession:
        return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    method = Method(prepare, opened, apply)
    look, session = Look(method.portrait(style)), opened(method.apply.SerializeToString())
    means, largest = list[float](), 0
    for rgb in frames:
        player = UniversalPlayer(session, method.maps([(rgb, None)], look), method.card)
        found = np.asarray(player.paint(rgb), np.int16)
        wanted = to_rgb(net.stylize(to_tensor(rgb), to_tensor(style))).astype(np.int16)
        difference = np.abs(found - wanted)
        means.append(float(difference.mean()))
        largest = max(largest, int(difference.max()))
    parity = Parity(max(means), largest, tuple(f"{f.shape[1]}x{f.shape[0]}" for f in frames))
    if parity.mean > WORST_MEAN:
        raise TrainingError(
            f"the exported files are off by {parity.mean:.2f}/255 on average, {largest} at worst; "
            f"at most {WORST_MEAN:.0f}/255 is kept, so nothing was written"
        )
    return parity

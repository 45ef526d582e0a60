"""Write a style net as an ONNX file that keeps the model contract."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn
from torch.export import Dim

from ..models.nets.canvas import CELL, canvas_bytes, noise_canvas
from ..models.nets.feedforward import FastNet, QualityNet, StyleNet
from ..models.nets.packed import padded_cells, padded_index, read_back, written_out
from ..pipeline.core.errors import ModelError
from ..pipeline.core.files import atomic_write
from ..pipeline.nets.contract import CANVAS, INPUT, MEMORY, OUTPUT, ModelCard
from .half_weights import halved
from .norm_statistics import usual_deviations
from .parity import Parity, measure_parity
from .tracing import OPSET, save, traced, traced_model

_OWN_CELLS = 96
"""Rows and columns of the canvas that a file has of its own: 36 KB."""


class Traced(nn.Module):
    """The graph of the ONNX file: bytes in, bytes out, the net's core between them.

    Pixels are padded, packed and cropped as bytes: a quarter of the memory traffic of floats.

    Args:
        net: with plain convolutions; see ``written_out``.
    """

    def __init__(self, net: StyleNet) -> None:
        super().__init__()
        self.net = net

    def forward(
        self,
        frame: Tensor,
        previous: Tensor | None = None,
        confidence: Tensor | None = None,
        canvas: Tensor | None = None,
    ) -> Tensor:
        """A frame, stylised.

        Args:
            frame: (1, H, W, 3) uint8, 0–255, RGB.
            previous: for a recurrent net the warped previous result, of the same shape and range.
            confidence: for a recurrent net, of that result, (1, H, W, 1) uint8, 0–255.
            canvas: for a net with a canvas, (1, ⌈H/4⌉, ⌈W/4⌉, C) uint8, 128 is 0.

        Returns:
            (1, H, W, 3) uint8, 0–255, RGB.
        """
        net = self.net
        memory, packed = None, self._packed(frame)
        if previous is not None and confidence is not None:
            memory = (_to_float(self._packed(previous)), _to_float(self._packed(confidence), 1, 0))
        if canvas is not None:
            packed = torch.cat([packed, self._cells(canvas, packed)], dim=1)
        y = net.core(_to_float(packed), memory)
        m, height, width = net.margin, frame.shape[1], frame.shape[2]
        return _unpack(_to_bytes(y), net.pack_out)[:, m : m + height, m : m + width]

    def _packed(self, x: Tensor) -> Tensor:
        """Padded, then packed."""
        m, height, width = self.net.margin, x.shape[1], x.shape[2]
        rows = padded_index(torch.arange(height), m, self.net.multiple)
        columns = padded_index(torch.arange(width), m, self.net.multiple)
        # Rows are moved whole. Of the columns only the rims are picked: picking is pixel by pixel.
        left, right = (x.index_select(2, c) for c in (columns[:m], columns[m + width :]))
        return _pack(torch.cat([left, x, right], dim=2).index_select(1, rows), self.net.pack_in)

    def _cells(self, canvas: Tensor, packed: Tensor) -> Tensor:
        """The canvas padded as the packed frame is: (1, C, h, w) uint8."""
        canvas = canvas.permute(0, 3, 1, 2)
        for axis in (2, 3):
            positions = torch.arange(canvas.shape[axis])
            picked = padded_cells(positions, self.net.margin // CELL, packed.shape[axis])
            canvas = canvas.index_select(axis, picked)
        return canvas


def _to_float(x: Tensor, span: float = 2, middle: int = 128) -> Tensor:
    """Bytes → −1..1, as ``StyleNet.forward`` does, in one operator in place of three."""
    scale, zero = torch.tensor(span / 255), torch.tensor(middle, dtype=torch.uint8)
    return torch.onnx.ops.symbolic(
        "DequantizeLinear", (x, scale, zero), dtype=torch.float32, shape=x.shape, version=OPSET
    )


def _to_bytes(y: Tensor) -> Tensor:
    """0..1 → bytes, rounded and clamped, in one operator."""
    scale, zero = torch.tensor(1 / 255), torch.tensor(0, dtype=torch.uint8)
    return torch.onnx.ops.symbolic(
        "QuantizeLinear", (y, scale, zero), dtype=torch.uint8, shape=y.shape, version=OPSET
    )


def _pack(frame: Tensor, r: int) -> Tensor:
    """(1, H, W, 3) → (1, r·r·3, H/r, W/r): ``packed.pack`` in two moves of contiguous runs."""
    _, h, w, c = frame.shape
    rows = frame.reshape(h, w // r, r * c).transpose(1, 2)  # H, r·3, W/r
    return rows.reshape(h // r, r * r * c, w // r).transpose(0, 1)[None]


def _unpack(packed: Tensor, r: int) -> Tensor:
    """(1, r·r·3, h, w) → (1, h·r, w·r, 3): the inverse of ``_pack``."""
    _, c, h, w = packed.shape
    rows = packed.reshape(c, h, w).transpose(0, 1)  # h, r·r·3, w
    return rows.reshape(h * r, c // r, w).transpose(1, 2).reshape(1, h * r, w * r, c // (r * r))


def trace_style(net: StyleNet) -> onnx.ModelProto:
    """The ONNX graph of ``net``, for any height and width, without metadata."""
    module = Traced(written_out(net))
    names = (INPUT, *MEMORY) if net.recurrent else (INPUT,)
    size = {1: Dim("height", min=1), 2: Dim("width", min=1)}
    if not net.canvas:
        frames = {n: _blank(64, 96, c) for n, c in zip(names, (3, 3, 1), strict=False)}
        return traced_model(module, frames, OUTPUT, size)
    examples = (_blank(64, 96, 3), None, None, _blank(16, 24, net.canvas))
    cells = {1: Dim("rows", min=1), 2: Dim("columns", min=1)}
    model = traced(module, examples, (size, None, None, cells), [INPUT, CANVAS], [OUTPUT])
    model.graph.initializer.append(numpy_helper.from_array(_own_canvas(net.canvas), CANVAS))
    return model


def _blank(height: int, width: int, channels: int) -> Tensor:
    return torch.zeros(1, height, width, channels, dtype=torch.uint8)


def _own_canvas(channels: int) -> NDArray[np.uint8]:
    """The noise that a file uses where it is given no canvas; the graph repeats it, mirrored."""
    random = torch.Generator().manual_seed(0)
    return canvas_bytes(noise_canvas(1, channels, _OWN_CELLS, _OWN_CELLS, random))


def read_net(path: Path) -> FastNet:
    """The net that a ``fast`` or ``quality`` style's file was written from, to train it further.

    Raises:
        ModelError: the file holds no such net.
    """
    try:
        model = onnx.load(path, load_external_data=False)
        written = {
            x.name.removeprefix("net.").removesuffix(".half"): _float(x)
            for x in model.graph.initializer
            if x.name.startswith("net.")
        }
        channels, inputs = written["head.0.weight"].shape[:2]
        canvas = inputs - FastNet.pack_in**2 * 3
        net = FastNet(canvas=canvas)
        if channels != net.channels:
            net = QualityNet(canvas=canvas)
        read_back(net, written)
    # protobuf's errors share no other base; a missing or odd weight has its own.
    except Exception as error:
        raise ModelError(f"{path} holds no net of the tiers fast and quality: {error}") from error
    return net


def _float(tensor: onnx.TensorProto) -> Tensor:
    return torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32))


def export_style(
    net: StyleNet,
    card: ModelCard,
    path: Path,
    frames: list[NDArray[np.uint8]],
    usual: list[NDArray[np.uint8]] | None = None,
) -> Parity:
    """Write ``net`` with its card to ``path``, only if it paints ``frames`` as PyTorch does.

    Args:
        net: the trained net; it is moved to the CPU.
        card: its metadata; the net's own properties and the parity figures are filled in here.
        path: the ``.onnx`` file, replaced whole or not at all.
        frames: pictures (H, W, 3) uint8, 0–255, RGB, of several sizes, one of them odd.
        usual: photographs (H, W, 3) uint8, 0–255, RGB, on which the usual statistics of its norms
            are measured; ``None``: ``frames``.

    Raises:
        TrainingError: ONNX Runtime's picture is off by more than 1/255 on average.
        SinkError: the file can't be written.
    """
    net = net.cpu().eval()
    model = halved(trace_style(net))
    with atomic_write(path) as temporary:
        onnx.save(model, temporary)
        parity = measure_parity(temporary, net, frames)
        deviations = usual_deviations(net, usual or frames)
        card = replace(
            card,
            multiple=net.multiple,
            margin=net.margin,
            canvas=net.canvas,
            macs_per_pixel=net.macs_per_pixel(),
            deviations=json.dumps([[round(v, 5) for v in row] for row in deviations]),
            parity=parity.to_json(),
        )
        save(model, temporary, card.to_metadata())
    return parity

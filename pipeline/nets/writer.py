"""Write a ``Net`` as ONNX for frames of one size, to run it. To measure it: ``measuring``.

In 8 bits (``quantize``) every convolution multiplies bytes by bytes with sums of 32 bits (Jacob
2018), with scales per channel and measured ranges. A CPU with such an instruction does four times
the work.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .contract import CANVAS
from .graph import FRAME, Net, Op

OPSET = 20
_IR = 9  # ONNX Runtime 1.22 reads it

Layout = Literal["rgb", "yuv"]
"""One plane of three colours, or Y, U and V of 4:2:0."""
CELL = 4
"""Side of a cell of the canvas, px."""
PLANES: dict[Layout, tuple[str, ...]] = {"rgb": ("rgb",), "yuv": ("y", "u", "v")}


# Scale and zero of the bytes. In: 128 is 0, the range −1..1. Out: 0..1.
INPUT_SCALE = (2 / 255, 128)
OUTPUT_SCALE = (1 / 255, 0)


class GraphWriter:
    """Builds an ONNX graph node by node.

    Args:
        kind: the type of its constants, float32 or float16.
    """

    def __init__(self, kind: Any = np.float32) -> None:
        self._kind = kind
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output; returns the output's name."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node with several outputs; returns their names.

        Args:
            kind: ONNX's name of the operator.
            count: the number of outputs.
            inputs: the names of the inputs.
            attributes: the node's attributes.
        """
        names = [f"{kind}_{len(self._nodes)}_{i}" for i in range(count)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def constant(self, value: Any, kind: Any = None) -> str:
        """Add a constant, of the graph's own type if no other is given; returns its name."""
        name = f"c{len(self._constants)}"
        values = np.asarray(value, kind or self._kind)
        self._constants.append(numpy_helper.from_array(values, name))
        return name

    def reshape(self, x: str, *shape: int) -> str:
        """Add a node that reshapes ``x``; returns its output's name."""
        return self.op("Reshape", x, self.constant(shape, np.int64))

    def model(
        self, inputs: dict[str, tuple[int, ...]], outputs: dict[str, str], kind: int
    ) -> bytes:
        """Complete the model.

        Args:
            inputs: name → shape, uint8.
            outputs: name in the model → name in the graph.
            kind: ONNX's type of the outputs.

        Returns:
            The ONNX file's bytes.
        """
        for name, made in outputs.items():
            self._nodes.append(helper.make_node("Identity", [made], [name]))
        graph = helper.make_graph(
            self._nodes,
            "style",
            [helper.make_tensor_value_info(n, TensorProto.UINT8, s) for n, s in inputs.items()],
            [helper.make_tensor_value_info(n, kind, None) for n in outputs],
            self._constants,
        )
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=_IR).SerializeToString()


@dataclass(frozen=True)
class Size:
    """The size of the padded picture, px: multiples of the net's own multiple."""

    height: int
    width: int


def write_playing(net: Net, layout: Layout, size: Size, half: bool = False) -> bytes:
    """Write a net in floating point: planes in, planes out, uint8.

    Args:
        net: the network, with folded norms.
        layout: the planes: ``rgb`` or ``yuv``.
        size: the size of the padded picture.
        half: compute in 16 bits; else in 32.

    Returns:
        The ONNX file's bytes.
    """
    w = GraphWriter(np.float16 if half else np.float32)
    values = {FRAME: dequantize(w, pack_planes(w, net, layout, size), INPUT_SCALE)}
    for op in net.ops:
        values[op.output] = write_op(w, op, [values[name] for name in op.inputs])
    return finish_model(w, net, layout, size, quantize(w, values[net.ops[-1].output], OUTPUT_SCALE))


def quantize(w: GraphWriter, x: str, scale: tuple[float, int]) -> str:
    """Convert floats to bytes of ``scale``: (step, zero); returns the output's name."""
    return w.op("QuantizeLinear", x, w.constant(scale[0]), w.constant(scale[1], np.uint8))


def dequantize(w: GraphWriter, x: str, scale: tuple[float, int]) -> str:
    """Convert bytes of ``scale``: (step, zero), to floats; returns the output's name."""
    return w.op("DequantizeLinear", x, w.constant(scale[0]), w.constant(scale[1], np.uint8))


def write_op(w: GraphWriter, op: Op, x: list[str]) -> str:
    """Write one operator on the inputs ``x``; returns its output's name."""
    write: dict[str, Callable[[], str]] = {
        "Conv": lambda: w.op("Conv", x[0], *map(w.constant, op.weights), **op.settings),
        "Pad": lambda: w.op(
            "Pad", x[0], w.constant(op.settings["pads"], np.int64), mode="reflect"
        ),
        "Resize": lambda: w.op(
            "Resize", x[0], "", w.constant(op.settings["scales"], np.float32), mode="nearest",
            nearest_mode="floor", coordinate_transformation_mode="asymmetric",
        ),
        "Crop": lambda: w.op("Slice", x[0], *_cut(w, op.settings["cells"])),
    }  # fmt: skip
    return write[op.kind]() if op.kind in write else w.op(op.kind, *x)


def _cut(w: GraphWriter, cells: int) -> list[str]:
    """The inputs of a slice without so many rows and columns at each edge: starts, ends, axes."""
    return [w.constant([value] * 2, np.int64) for value in (cells, -cells)] + [
        w.constant([2, 3], np.int64)
    ]


# ---- planes ----


def cell_parts(channels: int, layout: Layout) -> list[tuple[int, int]]:
    """For every plane: side of its part of a cell, px, and number of colours."""
    if layout == "rgb":
        return [(math.isqrt(channels // 3), 3)]
    r = math.isqrt(channels * 2 // 3)
    return [(r, 1), (r // 2, 1), (r // 2, 1)]


def channels_in(net: Net) -> int:
    """The number of packed channels of colours that the net reads, before those of the canvas."""
    return net.ops[0].weights[0].shape[1] - net.card.canvas if net.ops[0].weights else 3


def shapes(net: Net, layout: Layout, size: Size) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a model's inputs by name: of the planes, then of the canvas."""
    canvas = net.card.canvas
    cells = {CANVAS: (size.height // CELL, size.width // CELL, canvas)} if canvas else {}
    return _plane_shapes(layout, size) | cells


def _plane_shapes(layout: Layout, size: Size) -> dict[str, tuple[int, ...]]:
    """The shapes of the planes, in and out, by name."""
    if layout == "rgb":
        return {"rgb": (size.height, size.width, 3)}
    half = (size.height // 2, size.width // 2)
    return {"y": (size.height, size.width), "u": half, "v": half}


def pack_planes(w: GraphWriter, net: Net, layout: Layout, size: Size) -> str:
    """Write the conversion of planes to one tensor of cells, (1, channels, h, w) uint8.

    The channels of the canvas follow those of the planes.

    Args:
        w: the graph.
        net: the network; its first kernel says how large a cell is.
        layout: the planes: ``rgb`` or ``yuv``.
        size: the size of the padded picture.

    Returns:
        The tensor's name.
    """
    sides = cell_parts(channels_in(net), layout)
    r = sides[0][0]
    h, width = size.height // r, size.width // r
    first, *parts = [
        w.reshape(name, h, k, width, k * colours)
        for name, (k, colours) in zip(PLANES[layout], sides, strict=True)
    ]
    parts = [w.reshape(_swapped(w, part), h, 1, width, -1) for part in parts]
    if net.card.canvas:
        parts.append(w.reshape(CANVAS, h, 1, width, net.card.canvas))
    if _of_one_width(sides, net.card.canvas):
        cells = _swapped(w, w.op("Concat", first, *parts, axis=1) if parts else first)
    else:
        first = w.reshape(_swapped(w, first), h, 1, width, -1)
        cells = w.op("Concat", first, *parts, axis=3)
    return w.op("Transpose", w.reshape(cells, 1, h, width, -1), perm=[0, 3, 1, 2])


def _swapped(w: GraphWriter, x: str) -> str:
    """Swap the two axes in the middle: rows of a cell and cells of a row."""
    return w.op("Transpose", x, perm=[0, 2, 1, 3])


def _of_one_width(sides: list[tuple[int, int]], canvas: int = 0) -> bool:
    """Whether a cell's rows in the first plane have as many bytes as its part of each other one.

    Then they are moved together, in long runs; that is quicker than cell by cell.
    """
    (r, colours), *others = sides
    sizes = [k * k * c for k, c in others] + [canvas] * (canvas > 0)
    return all(size == r * colours for size in sizes)


def finish_model(w: GraphWriter, net: Net, layout: Layout, size: Size, answer: str) -> bytes:
    """Write the conversion of the network's output blocks to planes, and complete the model.

    A cell is one such block: the square of r × r pixels, in all colours, that one position of the
    output holds in its channels.

    Args:
        w: the graph.
        net: the network; its last kernel says how large a cell is.
        layout: the planes: ``rgb`` or ``yuv``.
        size: the size of the padded picture.
        answer: the name of the tensor of cells, (1, channels, h, w) uint8.

    Returns:
        The ONNX file's bytes.
    """
    sides = cell_parts(len(net.ops[-1].weights[0]), layout)
    r, colours = sides[0]
    shown = Size(size.height - 2 * net.inset, size.width - 2 * net.inset)
    h, width = shown.height // r, shown.width // r
    cells = w.op("Transpose", answer, perm=[0, 2, 3, 1])
    together = _of_one_width(sides)
    if together:
        rows = _swapped(w, w.reshape(cells, h, width, -1, r * colours))
        parts, sizes, axis = [rows], [r, *(1 for _ in sides[1:])], 1
    else:
        parts, sizes, axis = [cells], [k * k * c for k, c in sides], 3
    if len(sides) > 1:
        parts = w.ops("Split", len(sides), parts[0], w.constant(sizes, np.int64), axis=axis)
    outputs: dict[str, str] = {}
    planes = _plane_shapes(layout, shown)
    for part, (k, colours), (name, shape) in zip(parts, sides, planes.items(), strict=True):
        if part is not parts[0] or not together:
            part = _swapped(w, w.reshape(part, h, width, k, k * colours))
        outputs[name + "_out"] = w.reshape(part, *shape)
    return w.model(shapes(net, layout, size), outputs, TensorProto.UINT8)

"""Write a ``Net`` as ONNX for frames of one size: to measure it, to play it, to play it in 8 bits.

In 8 bits every convolution is of bytes by bytes with sums of 32 bits (Jacob 2018), per-channel
kernels, and ranges as measured: a CPU that has such an instruction does four times the work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from .contract import ModelCard
from .net import FRAME, Moments, Net, Op, colour_of, consumers

OPSET = 20
_IR = 9  # ONNX Runtime 1.22 reads it

Layout = Literal["rgb", "yuv"]
"""One plane of three colours, or Y, U and V of 4:2:0."""
PLANES: dict[Layout, tuple[str, ...]] = {"rgb": ("rgb",), "yuv": ("y", "u", "v")}

# Beyond what was measured: the rest of a shot may hold more.
_HEADROOM = 1.1

# Bytes in: 128 is zero. Bytes out: 0..1.
_TAKEN = (2 / 255, 128)
_GIVEN = (1 / 255, 0)


class _Writer:
    """A graph under construction."""

    def __init__(self, kind: Any = np.float32) -> None:
        self._kind = kind
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; its output's name."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node of several outputs."""
        names = [f"{kind}_{len(self._nodes)}_{i}" for i in range(count)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def constant(self, value: Any, kind: Any = None) -> str:
        """Add a constant, of the graph's own precision if no other is given; its name."""
        name = f"c{len(self._constants)}"
        values = np.asarray(value, kind or self._kind)
        self._constants.append(numpy_helper.from_array(values, name))
        return name

    def reshape(self, x: str, *shape: int) -> str:
        """``x`` in another shape."""
        return self.op("Reshape", x, self.constant(shape, np.int64))

    def model(
        self, inputs: dict[str, tuple[int, ...]], outputs: dict[str, str], kind: int
    ) -> bytes:
        """The finished model: inputs with their shapes, and outputs with what they are called."""
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
    """Of the padded picture: multiples of what the net wants."""

    height: int
    width: int


def write_measuring(net: Net, layout: Layout, size: Size) -> bytes:
    """The net with its norms, as a model that answers what ``Moments`` holds.

    Outputs, float32, in order: the means and the mean squares of what goes into every norm, of the
    frame and of what is painted; then of every operator's answer but a convolution's the least and
    the greatest value.
    """
    w = _Writer()
    inputs = shapes(layout, size)
    values = {FRAME: _dequantized(w, _packed(w, net, layout, size), _TAKEN)}
    moments: list[str] = []
    ranges: list[str] = []
    axes = w.constant([2, 3], np.int64)

    def note(x: str) -> None:
        moments.extend(w.op("ReduceMean", v, axes, keepdims=0) for v in (x, w.op("Mul", x, x)))

    for op in net.ops:
        x = [values[name] for name in op.inputs]
        if op.kind == "InstanceNormalization":
            note(x[0])
        values[op.output] = _float_op(w, op, x)
        if op.kind != "Conv":
            ranges += [w.op(r, values[op.output], keepdims=0) for r in ("ReduceMin", "ReduceMax")]
    note(values[FRAME])
    note(w.op("Clip", values[net.ops[-1].output], w.constant(0), w.constant(1)))
    outputs = {f"out{i}": name for i, name in enumerate(moments + ranges)}
    return w.model(inputs, outputs, TensorProto.FLOAT)


def read_moments(net: Net, layout: Layout, answers: Sequence[NDArray[Any]]) -> Moments:
    """What the model of ``write_measuring`` answered."""
    pairs = list(zip(answers[0::2], answers[1::2], strict=True))
    count = len(net.norms)
    norms = tuple(
        (_grouped(mean, norm), _grouped(square, norm))
        for norm, (mean, square) in zip(net.norms, pairs[:count], strict=True)
    )
    (mean, square), painted = (
        tuple(_by_colour(v, layout) for v in pair) for pair in pairs[count : count + 2]
    )
    # What goes in is told in −1..1, byte 128 being 0.
    grey = _TAKEN[1] / 255
    source = (mean / 2 + grey, square / 4 + mean * grey + grey**2)
    rest = ((float(low), float(high)) for low, high in pairs[count + 2 :])
    ranges = {op.output: next(rest) for op in net.ops if op.kind != "Conv"}
    return Moments(norms, source, (painted[0], painted[1]), ranges)


def _grouped(values: NDArray[Any], norm: Op) -> NDArray[Any]:
    """One value for each of the norm's channels, which may share several."""
    return values.reshape(len(norm.weights[0]), -1).mean(axis=1)


def _by_colour(values: NDArray[Any], layout: Layout) -> NDArray[Any]:
    colour = colour_of(values.size, layout == "yuv")
    return np.stack([values.ravel()[colour == c].mean() for c in range(3)])


def write_playing(net: Net, layout: Layout, size: Size, half: bool = False) -> bytes:
    """The folded net in floating point, of 32 or 16 bits: planes in, planes out, uint8."""
    w = _Writer(np.float16 if half else np.float32)
    values = {FRAME: _dequantized(w, _packed(w, net, layout, size), _TAKEN)}
    for op in net.ops:
        values[op.output] = _float_op(w, op, [values[name] for name in op.inputs])
    return _finished(w, net, layout, size, _quantized(w, values[net.ops[-1].output], _GIVEN))


def write_eight_bit(
    net: Net, ranges: dict[str, tuple[float, float]], layout: Layout, size: Size
) -> bytes:
    """The folded net in 8 bits: planes in, planes out, uint8.

    Args:
        net: without norms.
        ranges: of what its operators answer.
        layout: of the planes.
        size: of the padded picture.
    """
    w = _Writer()
    bits = _EightBit(w, net, ranges, _packed(w, net, layout, size))
    for op in net.ops:
        bits.add(op)
    return _finished(w, net, layout, size, bits.byte(net.ops[-1].output)[0])


class _EightBit:
    """Operators on bytes: a float value exists only between the two marks of a pattern.

    ONNX Runtime turns dequantise–operate–quantise into one integer operator.
    """

    def __init__(
        self, w: _Writer, net: Net, ranges: dict[str, tuple[float, float]], frame: str
    ) -> None:
        self._w = w
        self._ranges = ranges
        self._readers = consumers(net.ops)
        self._last = net.ops[-1].output
        self._bytes: dict[str, tuple[str, tuple[float, int]]] = {FRAME: (frame, _TAKEN)}
        self._floats: dict[str, str] = {}

    def byte(self, name: str) -> tuple[str, tuple[float, int]]:
        """The tensor as bytes, with their scale and zero."""
        if name not in self._bytes:
            scale = _GIVEN if name == self._last else _scale_of(self._ranges[name])
            self._bytes[name] = (_quantized(self._w, self._floats[name], scale), scale)
        return self._bytes[name]

    def add(self, op: Op) -> None:
        """Append an operator."""
        if op.kind in ("Pad", "Resize"):  # a move of bytes
            moved, scale = self.byte(op.inputs[0])
            self._bytes[op.output] = (_float_op(self._w, op, [moved]), scale)
            return
        if op.kind == "Relu" and self._is_raw(op.inputs[0]):
            self._floats[op.output] = self._w.op("Relu", self._floats[op.inputs[0]])
            return
        taken = [self.byte(name) for name in op.inputs]
        x = [_dequantized(self._w, *pair) for pair in taken]
        if op.kind == "Conv":
            self._floats[op.output] = self.conv(op, x[0], taken[0][1][0])
        else:
            self._floats[op.output] = _float_op(self._w, op, x)

    def _is_raw(self, name: str) -> bool:
        """Nobody else reads it, so it need not be bytes: the ReLU is part of what made it."""
        return name not in self._bytes and len(self._readers[name]) == 1

    def conv(self, op: Op, x: str, scale: float) -> str:
        """A convolution of dequantised bytes of this scale, with its kernel in bytes too."""
        kernel, bias = op.weights
        steps = np.maximum(np.abs(kernel).max(axis=(1, 2, 3)), 1e-9) / 127
        whole = _whole(kernel / steps[:, None, None, None])
        sums = np.clip(np.rint(bias / (steps * scale)), -(2**31) + 1, 2**31 - 1)
        w = self._w
        weights = [
            w.op("DequantizeLinear", w.constant(v, t), w.constant(s), axis=0)
            for v, t, s in ((whole, np.int8, steps), (sums, np.int32, steps * scale))
        ]
        return w.op("Conv", x, *weights, **op.settings)


def _whole(kernel: NDArray[Any]) -> NDArray[Any]:
    """Rounded to −127..127 so that the taps of each pair of channels keep their sum, to a half.

    What a flat field is answered with hangs on these sums alone. Rounded tap by tap they would be
    off by more, each place of a cell by its own: a grid of a grey level or two on every flat wall.
    """
    flat = kernel.reshape(*kernel.shape[:2], -1)
    whole = np.rint(flat)
    off = flat - whole
    missing = np.rint(off.sum(axis=2, keepdims=True))
    # The taps that were rounded the farthest against what is missing go one step on.
    order = np.argsort(np.argsort(-off * np.sign(missing), axis=2), axis=2)
    whole += np.sign(missing) * (order < np.abs(missing))
    return np.clip(whole, -127, 127).reshape(kernel.shape)


def _scale_of(range_: tuple[float, float]) -> tuple[float, int]:
    low, high = (min(0.0, _HEADROOM * range_[0]), max(1e-6, _HEADROOM * range_[1]))
    scale = (high - low) / 255
    return scale, round(-low / scale)


def _quantized(w: _Writer, x: str, scale: tuple[float, int]) -> str:
    return w.op("QuantizeLinear", x, w.constant(scale[0]), w.constant(scale[1], np.uint8))


def _dequantized(w: _Writer, x: str, scale: tuple[float, int]) -> str:
    return w.op("DequantizeLinear", x, w.constant(scale[0]), w.constant(scale[1], np.uint8))


def _float_op(w: _Writer, op: Op, x: list[str]) -> str:
    """One operator as ONNX has it."""
    write: dict[str, Callable[[], str]] = {
        "Conv": lambda: w.op("Conv", x[0], *map(w.constant, op.weights), **op.settings),
        "InstanceNormalization": lambda: _norm(w, op, x[0]),
        "Pad": lambda: w.op(
            "Pad", x[0], w.constant(op.settings["pads"], np.int64), mode="reflect"
        ),
        "Resize": lambda: w.op(
            "Resize", x[0], "", w.constant(op.settings["scales"], np.float32), mode="nearest",
            nearest_mode="floor", coordinate_transformation_mode="asymmetric",
        ),
    }  # fmt: skip
    return write[op.kind]() if op.kind in write else w.op(op.kind, *x)


def _norm(w: _Writer, op: Op, x: str) -> str:
    """Channels may share their statistics: they lie one after the other."""
    together = w.reshape(x, 1, len(op.weights[0]), -1)
    normed = w.op("InstanceNormalization", together, *map(w.constant, op.weights), **op.settings)
    return w.op("Reshape", normed, w.op("Shape", x))


# ---- planes ----


def _parts(channels: int, layout: Layout) -> list[tuple[int, int]]:
    """Of every plane the side of its part of a cell, and its colours."""
    if layout == "rgb":
        return [(math.isqrt(channels // 3), 3)]
    r = math.isqrt(channels * 2 // 3)
    return [(r, 1), (r // 2, 1), (r // 2, 1)]


def shapes(layout: Layout, size: Size) -> dict[str, tuple[int, ...]]:
    """Of the planes that go in, and come out."""
    if layout == "rgb":
        return {"rgb": (size.height, size.width, 3)}
    half = (size.height // 2, size.width // 2)
    return {"y": (size.height, size.width), "u": half, "v": half}


def _packed(w: _Writer, net: Net, layout: Layout, size: Size) -> str:
    """The planes' bytes as one tensor of cells, (1, channels, h, w)."""
    sides = _parts(net.ops[0].weights[0].shape[1] if net.ops[0].weights else 3, layout)
    r = sides[0][0]
    h, width = size.height // r, size.width // r
    parts: list[str] = []
    for name, (k, colours) in zip(PLANES[layout], sides, strict=True):
        rows = w.op("Transpose", w.reshape(name, h, k, width, k * colours), perm=[0, 2, 1, 3])
        parts.append(w.reshape(rows, 1, h, width, k * k * colours))
    cells = parts[0] if len(parts) == 1 else w.op("Concat", *parts, axis=3)
    return w.op("Transpose", cells, perm=[0, 3, 1, 2])


def _finished(w: _Writer, net: Net, layout: Layout, size: Size, answer: str) -> bytes:
    """The cells' bytes as planes again, and the model."""
    sides = _parts(len(net.ops[-1].weights[0]), layout)
    r = sides[0][0]
    h, width = size.height // r, size.width // r
    cells = w.op("Transpose", answer, perm=[0, 2, 3, 1])
    sizes = [k * k * colours for k, colours in sides]
    parts = [cells]
    if len(sides) > 1:
        parts = w.ops("Split", len(sides), cells, w.constant(sizes, np.int64), axis=3)
    inputs = shapes(layout, size)
    outputs: dict[str, str] = {}
    for part, (k, colours), (name, shape) in zip(parts, sides, inputs.items(), strict=True):
        rows = w.op("Transpose", w.reshape(part, h, width, k, k * colours), perm=[0, 2, 1, 3])
        outputs[name + "_out"] = w.reshape(rows, *shape)
    return w.model(inputs, outputs, TensorProto.UINT8)


def write_byte_sum() -> tuple[bytes, NDArray[np.uint8], int]:
    """A model of one 8-bit convolution, what goes in, and what comes out if its sums are exact.

    Older CPUs sum pairs of products in 16 bits, which overflow.
    """
    w = _Writer()
    kernel = Op("Conv", (FRAME,), "sum", (np.full((16, 64, 1, 1), 127, np.float32), np.zeros(16)))
    kernel = replace(kernel, settings={"pads": [0] * 4, "strides": [1, 1]})
    net = Net((kernel,), ModelCard("sum", "sum"))
    bits = _EightBit(w, net, {}, "bytes")
    x = _dequantized(w, "bytes", (1.0, 0))
    whole = 64 * 255 * 127
    summed = _quantized(w, bits.conv(kernel, x, 1.0), (whole / 250, 0))
    model = w.model({"bytes": (1, 64, 8, 8)}, {"sums": summed}, TensorProto.UINT8)
    return model, np.full((1, 64, 8, 8), 255, np.uint8), 250

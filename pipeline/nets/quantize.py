"""Nets in 8 bits: kernels and activations as bytes; the fastest precision of a device."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from .graph import FRAME, Moments, Net, Op, consumers
from .session import open_session
from .writer import (
    INPUT_SCALE,
    OUTPUT_SCALE,
    GraphWriter,
    Layout,
    Size,
    dequantize,
    finish_model,
    pack_planes,
    quantize,
    write_op,
)

Precision = Literal["int8", "half", "float"]


# Beyond the measured ranges: later frames of a shot may have larger values.
_HEADROOM = 1.1


def write_eight_bit(net: Net, moments: Moments, layout: Layout, size: Size) -> bytes:
    """Write a net in 8 bits: planes in, planes out, uint8.

    Args:
        net: the network, with folded norms.
        moments: what was measured, with the norms, on the frames that it will paint.
        layout: the planes: ``rgb`` or ``yuv``.
        size: the size of the padded picture.

    Returns:
        The ONNX file's bytes.
    """
    w = GraphWriter()
    bits = _EightBit(w, net, moments, pack_planes(w, net, layout, size))
    for op in net.ops:
        bits.add(op)
    return finish_model(w, net, layout, size, bits.byte(net.ops[-1].output)[0])


class _EightBit:
    """Writes operators on bytes, each as dequantise, operate, quantise.

    ONNX Runtime turns that pattern into one integer operator.
    """

    def __init__(self, w: GraphWriter, net: Net, moments: Moments, frame: str) -> None:
        self._w = w
        self._moments = moments
        self._readers = consumers(net.ops)
        self._last = net.ops[-1].output
        self._bytes: dict[str, tuple[str, tuple[float, int]]] = {FRAME: (frame, INPUT_SCALE)}
        self._floats: dict[str, str] = {}

    def byte(self, name: str) -> tuple[str, tuple[float, int]]:
        """Return the name of a tensor as bytes, and their scale and zero."""
        if name not in self._bytes:
            scale = OUTPUT_SCALE if name == self._last else _scale_of(self._moments.ranges[name])
            self._bytes[name] = (quantize(self._w, self._floats[name], scale), scale)
        return self._bytes[name]

    def add(self, op: Op) -> None:
        """Append an operator."""
        if op.kind in ("Pad", "Resize", "Crop"):  # these only move bytes
            moved, scale = self.byte(op.inputs[0])
            self._bytes[op.output] = (write_op(self._w, op, [moved]), scale)
            return
        if op.kind == "Relu" and self._is_raw(op.inputs[0]):
            self._floats[op.output] = self._w.op("Relu", self._floats[op.inputs[0]])
            return
        inputs = [self.byte(name) for name in op.inputs]
        x = [dequantize(self._w, *pair) for pair in inputs]
        if op.kind == "Conv":
            mean = self._moments.means[op.inputs[0]]
            self._floats[op.output] = _write_conv(self._w, op, x[0], inputs[0][1][0], mean)
        else:
            self._floats[op.output] = write_op(self._w, op, x)

    def _is_raw(self, name: str) -> bool:
        """Whether only the ReLU reads a tensor: then it is part of that tensor's operator."""
        return name not in self._bytes and len(self._readers[name]) == 1


def _write_conv(w: GraphWriter, op: Op, x: str, scale: float, mean: NDArray[Any]) -> str:
    """Write a convolution with its kernel in bytes; returns its output's name.

    Rounded taps change the mean of the output, and of a flat picture little else is left: its walls
    had another colour. The bias takes the change back (Nagel 2019, *bias correction*).

    Args:
        w: the graph.
        op: the convolution.
        x: name of the input, dequantised.
        scale: the value of one step of the input's bytes.
        mean: (C,): the input's, by channel.
    """
    kernel, bias = op.weights
    steps = np.maximum(np.abs(kernel).max(axis=(1, 2, 3)), 1e-9) / 127
    whole = _whole(kernel / steps[:, None, None, None])
    off = (whole * steps[:, None, None, None] - kernel).sum(axis=(2, 3))
    sums = np.rint((bias - off @ mean) / (steps * scale))
    weights = [
        w.op("DequantizeLinear", w.constant(v, t), w.constant(s), axis=0)
        for v, t, s in (
            (whole, np.int8, steps),
            (np.clip(sums, -(2**31) + 1, 2**31 - 1), np.int32, steps * scale),
        )
    ]
    return w.op("Conv", x, *weights, **op.settings)


def _whole(kernel: NDArray[Any]) -> NDArray[Any]:
    """Round a kernel (out, in, h, w) to −127..127, the sum of each h × w taps to within a half.

    The output for a flat area depends only on these sums. With every tap rounded on its own the
    sums would be off by more, differently for each position of a cell: a grid of one or two grey
    levels on every flat wall.
    """
    flat = kernel.reshape(*kernel.shape[:2], -1)
    whole = np.rint(flat)
    off = flat - whole
    missing = np.rint(off.sum(axis=2, keepdims=True))
    # The taps with the largest rounding error in the missing direction move one step.
    order = np.argsort(np.argsort(-off * np.sign(missing), axis=2), axis=2)
    whole += np.sign(missing) * (order < np.abs(missing))
    return np.clip(whole, -127, 127).reshape(kernel.shape)


def _scale_of(range_: tuple[float, float]) -> tuple[float, int]:
    low, high = (min(0.0, _HEADROOM * range_[0]), max(1e-6, _HEADROOM * range_[1]))
    scale = (high - low) / 255
    return scale, round(-low / scale)


def write_byte_sum() -> tuple[bytes, NDArray[np.uint8], int]:
    """Write a model of one 8-bit convolution, which tests whether a CPU's sums are exact.

    Older CPUs sum pairs of products in 16 bits, which overflow.

    Returns:
        The ONNX file's bytes; an input, (1, 64, 8, 8) uint8; and the value of every output if the
        sums are exact.
    """
    w = GraphWriter()
    kernel = Op("Conv", (FRAME,), "sum", (np.full((16, 64, 1, 1), 127, np.float32), np.zeros(16)))
    kernel = replace(kernel, settings={"pads": [0] * 4, "strides": [1, 1]})
    x = dequantize(w, "bytes", (1.0, 0))
    whole = 64 * 255 * 127
    summed = quantize(w, _write_conv(w, kernel, x, 1.0, np.zeros(64)), (whole / 250, 0))
    model = w.model({"bytes": (1, 64, 8, 8)}, {"sums": summed}, TensorProto.UINT8)
    return model, np.full((1, 64, 8, 8), 255, np.uint8), 250


def precision_on(device: str, requested: str) -> Precision:
    """Return the requested precision; for ``auto`` the fastest one of the device."""
    if requested == "auto":
        requested = "int8" if device == "cpu" and sums_bytes_exactly() else "float"
        return "half" if device in ("cuda", "tensorrt") else requested  # pyright: ignore[reportReturnType]
    return requested  # pyright: ignore[reportReturnType]


@functools.cache
def sums_bytes_exactly() -> bool:
    """Return whether this CPU has the instructions that 8-bit nets need (VNNI, dot products)."""
    model, bytes_in, expected = write_byte_sum()
    session, _ = open_session(model, "cpu", 1)
    summed = np.asarray(session.run(None, {"bytes": bytes_in})[0], np.float32)
    return bool(np.all(np.abs(summed - expected) <= 1))

"""A style file's net as data: it can be interpolated, folded, and converted to YUV.

A net of this contract is a few kinds of operators between the input's bytes and the output's. Its
instance norms make every frame's colours depend on the whole frame: when somebody enters, the
colour of the wall changes. With statistics that are fixed for a shot, a normalisation is a
multiplication and an addition of constants, which become part of the convolution before it. Then
colours do not change within a shot, and the norms cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ModelError
from ..core.frame import YuvMatrix
from .contract import ModelCard

Array = NDArray[np.floating[Any]]

FRAME = "frame"
"""Name of the input tensor."""

# Of a channel's usual standard deviation: the least that a norm divides by. A flatter picture is a
# wall or a fade from black; divided by its own deviation, its noise would be painted.
_LEAST_DEVIATION = 0.6


@dataclass(frozen=True, eq=False)
class Op:
    """One operator of the net, with ONNX's name."""

    kind: str
    """Conv, InstanceNormalization, Relu, Add, Pad (reflection), Resize (nearest) or Crop."""
    inputs: tuple[str, ...]
    output: str
    weights: tuple[Array, ...] = ()
    """Of a convolution: kernel and bias; of a norm: gain and offset."""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Attributes, and constant inputs that are not weights."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Statistics of a net on some frames."""

    norms: tuple[tuple[Array, Array], ...]
    """Of each norm's input: mean and mean square of every channel, (C,) both."""
    source: tuple[Array, Array] | None
    """Of the frames' R, G, B, or Y, U, V, 0..1: mean (3,), and mean products of pairs (3, 3).
    ``None``: not measured."""
    painted: tuple[Array, Array] | None
    """Of the net's outputs, as for ``source``."""
    ranges: Mapping[str, tuple[float, float]]
    """Lowest and highest value of every tensor, by its name."""
    means: Mapping[str, Array]
    """Mean of every channel, (C,), of what convolutions read, by its name."""

    @classmethod
    def mean(cls, several: Sequence[Moments], weights: Sequence[float] | None = None) -> Moments:
        """Average the statistics of several frames; ranges include all of them.

        Args:
            several: the statistics of each frame.
            weights: the weight of each frame, sum 1; ``None``: all the same.
        """
        weights = weights or [1 / len(several)] * len(several)

        def average(pairs: Iterable[tuple[Array, Array]]) -> tuple[Array, Array]:
            first, second = zip(*pairs, strict=True)
            return _weighted_sum(first, weights), _weighted_sum(second, weights)

        def colors(pairs: Sequence[tuple[Array, Array] | None]) -> tuple[Array, Array] | None:
            known = [pair for pair in pairs if pair is not None]
            return average(known) if len(known) == len(pairs) else None

        ranges = {
            name: (min(m.ranges[name][0] for m in several), max(m.ranges[name][1] for m in several))
            for name in several[0].ranges
        }
        return cls(
            tuple(average(norm) for norm in zip(*(m.norms for m in several), strict=True)),
            colors([m.source for m in several]),
            colors([m.painted for m in several]),
            ranges,
            {n: _weighted_sum([m.means[n] for m in several], weights) for n in several[0].means},
        )


def _weighted_sum(arrays: Sequence[Array], weights: Sequence[float]) -> Array:
    parts = [weight * array for weight, array in zip(weights, arrays, strict=True)]
    return np.asarray(np.sum(parts, axis=0), np.float32)


@dataclass(frozen=True, eq=False)
class Net:
    """The operators in order; the first reads ``FRAME``, the last gives the picture.

    Input channels are in −1..1, byte 128 being 0: the packed pixels, then the canvas. Output
    channels are in 0..1.
    """

    ops: tuple[Op, ...]
    card: ModelCard
    deviations: Mapping[str, Array] = field(default_factory=dict[str, Array])
    """Usual standard deviation of each norm's input, (C,), by the norm's output; from the file."""
    inset: int = 0
    """px that the output lacks at each edge of the input; see ``margin``."""

    @property
    def norms(self) -> tuple[Op, ...]:
        """The instance norms, in order."""
        return tuple(op for op in self.ops if op.kind == "InstanceNormalization")

    def fold_norms(self, moments: Moments) -> Net:
        """Fix the norms' statistics, so that each norm becomes part of the convolution before it.

        y = γ (x − μ) / √(σ² + ε) + β of x = W ∗ z + b is (γ/s) W ∗ z + (γ/s)(b − μ) + β, with
        s = √(σ² + ε).
        """
        measured = dict(zip((op.output for op in self.norms), moments.norms, strict=True))
        norm_of = {op.inputs[0]: op for op in self.norms}
        plain: list[Op] = []
        for op in self.ops:
            norm = norm_of.get(op.output)
            if op.kind == "InstanceNormalization":
                continue
            if norm is not None:
                mean, square = measured[norm.output]
                least = _LEAST_DEVIATION * self.deviations.get(norm.output, np.zeros(1))
                variance = np.maximum(square - mean**2, least**2)
                gain = norm.weights[0] / np.sqrt(variance + norm.settings["epsilon"])
                offset = norm.weights[1] - gain * mean
                op = replace(_scale(op, gain, offset), output=norm.output)
            plain.append(op)
        return replace(self, ops=tuple(plain))

    def to_yuv(self, coding: YuvMatrix) -> Net:
        """Convert the net to Y, U and V in and out, U and V at half size: its ends get new kernels.

        A cell's channels are then its Y, its U and its V. Both conversions are linear: on input
        four pixels have the same colour, on output a colour is the mean of four pixels.
        """
        head, tail = self.ops[0], self.ops[-1]
        head = _read_yuv(head, coding, self.card.canvas)
        return replace(self, ops=(head, *self.ops[1:-1], _write_yuv(tail, coding)))


def recolor(net: Net, matrix: Array, offset: Array) -> Net:
    """Map the net's colours: matrix · rgb + offset. The map becomes part of the last kernel.

    Args:
        net: the network, RGB in and out.
        matrix: (3, 3).
        offset: (3,), 0..1.
    """
    tail = net.ops[-1]
    kernel, bias = (
        np.einsum("rcx...,kx->rck...", _cells(weights, axis=0), matrix) for weights in tail.weights
    )
    shape, bias = tail.weights[0].shape, bias + offset
    corrected = replace(tail, weights=float_arrays(kernel.reshape(shape), bias.ravel()))
    return replace(net, ops=(*net.ops[:-1], corrected))


def interpolate(parts: Sequence[tuple[Net, float]]) -> Net:
    """Average the weights of several nets.

    Nets that were fine-tuned from one base lie in one valley of the loss, so a net between them is
    a style between theirs (Wang 2019, *Deep network interpolation*).

    Args:
        parts: each net and its weight, sum 1.

    Raises:
        ModelError: the nets have different shapes, canvases or bases.
    """
    first = parts[0][0]
    for net, _ in parts[1:]:
        if not of_one_base(net, first):
            raise ModelError(
                f"{first.card.name} ({first.card.kind}) and {net.card.name} ({net.card.kind}) "
                "can't be mixed: only styles trained from one base can (train --base)"
            )
    nets, weights = zip(*parts, strict=True)

    def average(op: int, k: int) -> Array:
        return _weighted_sum([net.ops[op].weights[k] for net in nets], weights)

    ops = tuple(
        replace(op, weights=tuple(average(i, k) for k in range(len(op.weights))))
        for i, op in enumerate(first.ops)
    )
    deviations = {
        name: _weighted_sum([net.deviations[name] for net in nets], weights)
        for name in first.deviations
        if all(name in net.deviations for net in nets)
    }
    return replace(first, ops=ops, deviations=deviations)


def of_one_base(a: Net, b: Net) -> bool:
    """Whether two nets were trained from one base and have one form: see ``interpolate``."""
    if a is b:
        return True
    family = a.card.family != "" and a.card.family == b.card.family
    return family and a.card.canvas == b.card.canvas and _form(a) == _form(b)


def _form(net: Net) -> list[Any]:
    """Kinds, shapes and connections. Names are the exporter's, and change with its version."""
    places = {op.output: place for place, op in enumerate(net.ops)}
    return [
        (op.kind, [places.get(name) for name in op.inputs], [w.shape for w in op.weights])
        for op in net.ops
    ]


def _scale(conv: Op, gain: Array, offset: Array) -> Op:
    """The convolution, its output times ``gain`` plus ``offset``; several channels may have one."""
    kernel, bias = conv.weights
    gain, offset = (np.repeat(v, len(bias) // len(v)) for v in (gain, offset))
    return replace(conv, weights=(kernel * gain[:, None, None, None], bias * gain + offset))


def _read_yuv(head: Op, coding: YuvMatrix, canvas: int) -> Op:
    kernel, bias = head.weights
    kernel, ground = np.split(kernel, [kernel.shape[1] - canvas], axis=1)
    matrix, offset = coding.to_rgb()
    cells = _cells(kernel, axis=1)  # out, row, column, colour, 3, 3
    yuv = np.einsum("orcxij,xk->orckij", cells, matrix)
    out, r = yuv.shape[0], yuv.shape[1]
    shared = yuv.reshape(out, r // 2, 2, r // 2, 2, 3, 3, 3).sum(axis=(2, 4))
    parts = [yuv[..., 0, :, :], shared[..., 1, :, :], shared[..., 2, :, :]]
    packed = np.concatenate([*(p.reshape(out, -1, 3, 3) for p in parts), ground], axis=1)
    # Byte 128 in all three planes, as RGB in the net's units.
    rest = (matrix @ np.full(3, 128.0) + offset - 128) * 2 / 255
    return replace(head, weights=float_arrays(packed, bias + np.einsum("orcxij,x->o", cells, rest)))


def _write_yuv(tail: Op, coding: YuvMatrix) -> Op:
    kernel, bias = tail.weights
    matrix, offset = coding.to_yuv()
    parts: list[list[Any]] = []
    for weights in (kernel, bias[:, None, None, None]):
        cells = np.einsum("rcx...,kx->krc...", _cells(weights, axis=0), matrix)
        _, r, _, *rest = cells.shape
        shared = cells.reshape(3, r // 2, 2, r // 2, 2, *rest).mean(axis=(2, 4))
        parts.append([cells[0].reshape(r * r, *rest)] + [s.reshape(-1, *rest) for s in shared[1:]])
    places = [len(p) for p in parts[0]]
    packed, moved = (np.concatenate(p) for p in parts)
    return replace(
        tail, weights=float_arrays(packed, moved[:, 0, 0, 0] + np.repeat(offset / 255, places))
    )


def _cells(weights: NDArray[Any], axis: int) -> NDArray[Any]:
    """Unpack one axis of channels into three: row, column, colour."""
    r = round((weights.shape[axis] / 3) ** 0.5)
    shape = weights.shape
    return weights.reshape(*shape[:axis], r, r, 3, *shape[axis + 1 :])


def float_arrays(*arrays: NDArray[Any]) -> tuple[Array, ...]:
    """Convert arrays of any shape to contiguous float32."""
    return tuple(np.ascontiguousarray(a, np.float32) for a in arrays)


def consumers(ops: Iterable[Op]) -> dict[str, list[Op]]:
    """For each tensor, by name: the operators that read it."""
    read: dict[str, list[Op]] = {}
    for op in ops:
        for name in op.inputs:
            read.setdefault(name, []).append(op)
    return read

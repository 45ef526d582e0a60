"""A style file's net as data: what can be mixed, measured, folded, and told in other colours.

A net of this contract is a few kinds of operators between the bytes that go in and those that come
out. Its instance norms make every frame's colours hang on all that the frame shows: who enters the
picture changes the wall. Taken once per shot the same statistics are constants, and a normalisation
by constants is part of the convolution before it: the picture holds still, and the norms cost
nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from ..core.errors import ModelError
from ..core.frame import YuvMatrix
from .contract import ModelCard

Array = NDArray[np.floating[Any]]

FRAME = "frame"
"""Name of the tensor that goes in."""

# Of a channel's usual spread. What is flatter is a wall or a fade from black: divided by its own
# spread, its noise would become a painting, and every breath of light a storm.
_LEAST_SPREAD = 0.6


@dataclass(frozen=True, eq=False)
class Op:
    """One operator of the net, named as ONNX names it."""

    kind: str
    """Conv, InstanceNormalization, Relu, Add, Pad (reflection) or Resize (nearest)."""
    inputs: tuple[str, ...]
    output: str
    weights: tuple[Array, ...] = ()
    """Of a convolution kernel and bias; of a norm gain and offset."""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Attributes, and constant inputs that are no weights."""


@dataclass(frozen=True, eq=False)
class Moments:
    """What was measured of a net on some frames."""

    norms: tuple[tuple[Array, Array], ...]
    """Of what goes into each norm: mean, and mean square, of every channel."""
    source: tuple[Array, Array]
    """Of the frames' colours (R, G, B, or Y, U, V), 0..1: mean and mean square."""
    painted: tuple[Array, Array]
    """Likewise of what the net made of them."""
    ranges: Mapping[str, tuple[float, float]]
    """Of every tensor: least and greatest value."""

    @classmethod
    def mean(cls, several: Sequence[Moments], shares: Sequence[float] | None = None) -> Moments:
        """Of all the frames together, in shares that sum to 1; ranges hold them all."""
        shares = shares or [1 / len(several)] * len(several)

        def average(pairs: Iterable[tuple[Array, Array]]) -> tuple[Array, Array]:
            first, second = zip(*pairs, strict=True)
            return _weighted(first, shares), _weighted(second, shares)

        ranges = {
            name: (min(m.ranges[name][0] for m in several), max(m.ranges[name][1] for m in several))
            for name in several[0].ranges
        }
        return cls(
            tuple(average(norm) for norm in zip(*(m.norms for m in several), strict=True)),
            average(m.source for m in several),
            average(m.painted for m in several),
            ranges,
        )


def _weighted(arrays: Sequence[Array], shares: Sequence[float]) -> Array:
    parts = [s * a for s, a in zip(shares, arrays, strict=True)]
    return np.asarray(np.sum(parts, axis=0), np.float32)


@dataclass(frozen=True, eq=False)
class Net:
    """The operators in order; the first reads ``FRAME``, the last answers the picture.

    In: channels in −1..1, byte 128 being 0. Out: 0..1.
    """

    ops: tuple[Op, ...]
    card: ModelCard
    deviations: Mapping[str, Array] = field(default_factory=dict[str, Array])
    """Of what usually goes into each norm, by its output's name: where the file says so."""

    @property
    def norms(self) -> tuple[Op, ...]:
        """The instance norms, in order."""
        return tuple(op for op in self.ops if op.kind == "InstanceNormalization")

    def fold_norms(self, moments: Moments) -> Net:
        """The net with its norms' statistics fixed, as plain convolutions.

        y = γ (x − μ) / √(σ² + ε) + β of x = W ∗ z + b is (γ/s) W ∗ z + (γ/s)(b − μ) + β.
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
                least = _LEAST_SPREAD * self.deviations.get(norm.output, np.zeros(1))
                variance = np.maximum(square - mean**2, least**2)
                gain = norm.weights[0] / np.sqrt(variance + norm.settings["epsilon"])
                offset = norm.weights[1] - gain * mean
                op = replace(_scaled(op, gain, offset), output=norm.output)
            plain.append(op)
        return replace(self, ops=tuple(plain))

    def to_yuv(self, coding: YuvMatrix) -> Net:
        """The net that takes and gives Y, U and V, colour at half size: other kernels at its ends.

        A cell's channels are then its Y, its U and its V. Both ways are linear: colour is spread
        over the four pixels that share it, and is their mean.
        """
        head, tail = self.ops[0], self.ops[-1]
        return replace(
            self, ops=(_reads_yuv(head, coding), *self.ops[1:-1], _gives_yuv(tail, coding))
        )


def match_colours(net: Net, moments: Moments, share: float, planar: bool) -> Net:
    """The net with the mean and spread of its colours brought to the source's, by ``share``.

    The correction is part of the last kernel; what it answers are these colours' cells.
    """
    (mean, spread), (wanted, wanted_spread) = map(_spread, (moments.painted, moments.source))
    goal = mean + share * (wanted - mean)
    # A flat picture has no spread to bring anywhere.
    gain = (spread + share * (wanted_spread - spread)) / np.maximum(spread, 1e-3)
    gain = np.clip(gain, 0.25, 4)
    tail = net.ops[-1]
    colour = colour_of(len(tail.weights[0]), planar)
    fitted = _scaled(tail, gain[colour], (goal - gain * mean)[colour])
    return replace(net, ops=(*net.ops[:-1], fitted))


def interpolate(parts: Sequence[tuple[Net, float]]) -> Net:
    """The nets' weights averaged by shares, which sum to 1.

    Nets that were fine-tuned from one base lie in one valley: what is between them paints too
    (Wang 2019, *Deep network interpolation*).

    Raises:
        ModelError: they are not of one shape.
    """
    first = parts[0][0]
    for net, _ in parts[1:]:
        if _shapes(net) != _shapes(first) or not _kin(net, first):
            raise ModelError(
                f"{first.card.name} ({first.card.kind}) and {net.card.name} ({net.card.kind}) "
                "can't be mixed: only styles trained from one base can (train --base)"
            )
    ops = tuple(
        replace(
            op,
            weights=tuple(
                _weighted(
                    [net.ops[i].weights[k] for net, _ in parts], [share for _, share in parts]
                )
                for k in range(len(op.weights))
            ),
        )
        for i, op in enumerate(first.ops)
    )
    deviations = {
        name: _weighted([net.deviations[name] for net, _ in parts], [share for _, share in parts])
        for name in first.deviations
        if all(name in net.deviations for net, _ in parts)
    }
    return replace(first, ops=ops, deviations=deviations)


def _kin(a: Net, b: Net) -> bool:
    return a is b or (a.card.family != "" and a.card.family == b.card.family)


def _shapes(net: Net) -> list[Any]:
    return [(op.kind, op.inputs, op.output, [w.shape for w in op.weights]) for op in net.ops]


def _scaled(conv: Op, gain: Array, offset: Array) -> Op:
    """The convolution with its answers multiplied and moved; several channels may share both."""
    kernel, bias = conv.weights
    gain, offset = (np.repeat(v, len(bias) // len(v)) for v in (gain, offset))
    return replace(conv, weights=(kernel * gain[:, None, None, None], bias * gain + offset))


def _reads_yuv(head: Op, coding: YuvMatrix) -> Op:
    kernel, bias = head.weights
    matrix, offset = coding.to_rgb()
    cells = _cells(kernel, axis=1)  # out, row, column, colour, 3, 3
    told = np.einsum("orcxij,xk->orckij", cells, matrix)
    out, r = told.shape[0], told.shape[1]
    shared = told.reshape(out, r // 2, 2, r // 2, 2, 3, 3, 3).sum(axis=(2, 4))
    parts = [told[..., 0, :, :], shared[..., 1, :, :], shared[..., 2, :, :]]
    packed = np.concatenate([p.reshape(out, -1, 3, 3) for p in parts], axis=1)
    # What byte 128 in all three planes is in RGB, in the net's units.
    rest = (matrix @ np.full(3, 128.0) + offset - 128) * 2 / 255
    return replace(head, weights=_floats(packed, bias + np.einsum("orcxij,x->o", cells, rest)))


def _gives_yuv(tail: Op, coding: YuvMatrix) -> Op:
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
        tail, weights=_floats(packed, moved[:, 0, 0, 0] + np.repeat(offset / 255, places))
    )


def _spread(moments: tuple[Array, Array]) -> tuple[Array, Array]:
    """Mean and standard deviation."""
    mean, square = moments
    return mean, np.sqrt(np.maximum(square - mean**2, 0))


def colour_of(channels: int, planar: bool) -> NDArray[np.int64]:
    """Which colour each packed channel holds: 0, 1 or 2."""
    if not planar:
        return np.arange(channels) % 3
    quarter = channels // 6  # a cell of r × r pixels has r²/4 samples of U, as many of V
    return np.repeat([0, 1, 2], [channels - 2 * quarter, quarter, quarter])


def _cells(weights: NDArray[Any], axis: int) -> NDArray[Any]:
    """Packed channels as (row, column, colour)."""
    r = round((weights.shape[axis] / 3) ** 0.5)
    shape = weights.shape
    return weights.reshape(*shape[:axis], r, r, 3, *shape[axis + 1 :])


def _floats(*arrays: NDArray[Any]) -> tuple[Array, ...]:
    return tuple(np.ascontiguousarray(a, np.float32) for a in arrays)


# ---- reading ----


def read_net(model: onnx.ModelProto, card: ModelCard) -> Net | None:
    """The net in a style file; ``None`` where it holds what is not known here."""
    reader = _Reader(model)
    for node in model.graph.node:
        if not reader.take(node):
            return None
    if not (reader.done and reader.foldable()):
        return None
    net = Net(tuple(reader.ops), card)
    try:
        rows = json.loads(card.deviations or "[]")
    except ValueError:
        rows = []
    return replace(
        net,
        deviations={
            norm.output: np.asarray(row, np.float32)
            for norm, row in zip(net.norms, rows, strict=False)
        },
    )


class _Reader:
    """Goes through a graph from where bytes become floats to where they are bytes again."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.ops: list[Op] = []
        self.done = False
        self._constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
        self._names: dict[str, str] = {}  # the graph's name of an activation → ours

    def foldable(self) -> bool:
        """Whether every norm follows a convolution that nothing else reads; the ends are plain."""
        read = consumers(self.ops)
        made = {op.output: op.kind for op in self.ops}
        norms = [op for op in self.ops if op.kind == "InstanceNormalization"]
        fit = all(made.get(n.inputs[0]) == "Conv" and read[n.inputs[0]] == [n] for n in norms)
        return fit and bool(self.ops) and self.ops[-1].kind == "Conv"

    def take(self, node: onnx.NodeProto) -> bool:
        """Whether the node is understood, or does not matter."""
        known = [self._names.get(name) for name in node.input]
        if node.op_type == "Cast" and node.input[0] in self._constants:
            self._constants[node.output[0]] = self._constants[node.input[0]].astype(np.float32)
        elif node.op_type == "DequantizeLinear" and node.input[0] not in self._constants:
            self._names[node.output[0]] = FRAME
        elif node.op_type == "QuantizeLinear" and known[0] is not None:
            self.done = known[0] == self.ops[-1].output if self.ops else False
        elif node.op_type == "Reshape" and known[0] is not None:
            self._names[node.output[0]] = known[0]  # places of a feature brought together, and back
        elif any(known):
            return self._take_op(node, known)
        return True

    def _take_op(self, node: onnx.NodeProto, known: list[str | None]) -> bool:
        constants = [self._constants.get(name) for name in node.input]
        given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        activations = tuple(name for name in known if name is not None)
        made = _UNDERSTOOD.get(node.op_type, _unknown)(constants[len(activations) :], given)
        if made is None:
            return False
        weights, settings = made
        output = node.output[0]
        self._names[output] = output
        self.ops.append(Op(node.op_type, activations, output, weights, settings))
        return True


_Given = tuple[tuple[Array, ...], dict[str, Any]] | None


def _unknown(constants: list[Any], given: dict[str, Any]) -> _Given:
    return None


def _conv(constants: list[Any], given: dict[str, Any]) -> _Given:
    if not constants or any(c is None for c in constants):
        return None
    kernel, *rest = constants
    bias = rest[0] if rest else np.zeros(len(kernel))
    if given.get("group", 1) != 1 or set(given.get("dilations", [1])) != {1}:
        return None
    settings = {k: list(given.get(k, d)) for k, d in (("pads", [0] * 4), ("strides", [1, 1]))}
    return _floats(kernel, bias), settings


def _norm(constants: list[Any], given: dict[str, Any]) -> _Given:
    if len(constants) != 2 or any(c is None for c in constants):
        return None
    return _floats(*constants), {"epsilon": given.get("epsilon", 1e-5)}


def _plain(constants: list[Any], given: dict[str, Any]) -> _Given:
    return ((), {}) if not constants else None


def _pad(constants: list[Any], given: dict[str, Any]) -> _Given:
    if given.get("mode") != b"reflect" or constants[0] is None:
        return None
    return (), {"pads": constants[0]}


def _resize(constants: list[Any], given: dict[str, Any]) -> _Given:
    scales = next((c for c in constants if c is not None and c.size == 4), None)
    if given.get("mode", b"nearest") != b"nearest" or scales is None:
        return None
    return (), {"scales": scales}


_UNDERSTOOD = {
    "Conv": _conv,
    "InstanceNormalization": _norm,
    "Relu": _plain,
    "Add": _plain,
    "Pad": _pad,
    "Resize": _resize,
}


def consumers(ops: Iterable[Op]) -> dict[str, list[Op]]:
    """Tensor → who reads it."""
    read: dict[str, list[Op]] = {}
    for op in ops:
        for name in op.inputs:
            read.setdefault(name, []).append(op)
    return read

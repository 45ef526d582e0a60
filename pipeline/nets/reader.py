"""Read a style file's net from its ONNX graph."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from .contract import ModelCard
from .graph import FRAME, Array, Net, Op, consumers, float_arrays


def read_net(model: onnx.ModelProto, card: ModelCard) -> Net | None:
    """Read the net of a style file; ``None`` if it has operators that are not known here."""
    reader = _Reader(model)
    for node in model.graph.node:
        if not reader.read(node):
            return None
    if not (reader.done and reader.foldable()):
        return None
    net = Net(tuple(reader.ops), card)
    rows = zip(net.norms, _deviations(card.deviations), strict=False)
    return replace(
        net,
        deviations={norm.output: row for norm, row in rows if row.shape == norm.weights[0].shape},
    )


def _deviations(text: str) -> list[Array]:
    """The rows of ``ModelCard.deviations``; none where they are no rows of numbers."""
    try:
        rows = [np.asarray(row, np.float32) for row in json.loads(text or "[]")]
    except (ValueError, TypeError, OverflowError, RecursionError):
        return []
    return rows if all(np.isfinite(row).all() for row in rows) else []


class _Reader:
    """Follows a graph from where bytes become floats to where floats become bytes."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.ops: list[Op] = []
        self.done = False
        self._constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
        self._names: dict[str, str] = {}  # the graph's name of an activation → the net's

    def foldable(self) -> bool:
        """Return whether each norm follows a convolution that only it reads, and the end is one."""
        readers = consumers(self.ops)
        kinds = {op.output: op.kind for op in self.ops}
        norms = [op for op in self.ops if op.kind == "InstanceNormalization"]
        fit = all(kinds.get(n.inputs[0]) == "Conv" and readers[n.inputs[0]] == [n] for n in norms)
        return fit and bool(self.ops) and self.ops[-1].kind == "Conv"

    def read(self, node: onnx.NodeProto) -> bool:
        """Read one node; returns whether it is known, or does not matter."""
        known = [self._names.get(name) for name in node.input]
        if node.op_type == "Cast" and node.input[0] in self._constants:
            self._constants[node.output[0]] = self._constants[node.input[0]].astype(np.float32)
        elif node.op_type == "DequantizeLinear" and node.input[0] not in self._constants:
            self._names[node.output[0]] = FRAME
        elif node.op_type == "QuantizeLinear" and known[0] is not None:
            self.done = known[0] == self.ops[-1].output if self.ops else False
        elif node.op_type == "Reshape" and known[0] is not None:
            self._names[node.output[0]] = known[0]  # positions are grouped for a norm, and back
        elif any(known):
            return self._read_op(node, known)
        return True

    def _read_op(self, node: onnx.NodeProto, known: list[str | None]) -> bool:
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
    return float_arrays(kernel, bias), settings


def _norm(constants: list[Any], given: dict[str, Any]) -> _Given:
    if len(constants) != 2 or any(c is None for c in constants):
        return None
    return float_arrays(*constants), {"epsilon": given.get("epsilon", 1e-5)}


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

"""Rewrite the ``apply`` graph of a universal style: affine maps for each label, or built in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

LABELS = "labels"
"""The new input: (1, K, H, W) float32, 0..1, of the padded picture; sum 1 at each pixel."""


def with_labels(model: onnx.ModelProto, scales: Mapping[str, int]) -> onnx.ModelProto:
    """Rewrite ``apply`` for K labels.

    Its inputs are then ``matrix.LAYER`` (K, C, C), ``shift.LAYER`` (K, C), and ``LABELS``.

    Every layer's convolution x → Mx + b becomes Σ_k label_k · (M_k x + b_k).

    Args:
        model: the ``apply`` network for one label.
        scales: for each layer, how many times smaller than the padded picture its features are.
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    makers = {output: node for node in model.graph.node for output in node.output}
    nodes: list[onnx.NodeProto] = []
    weights: dict[int, str] = {}
    for node in model.graph.node:
        layer = layer_of(node, makers)
        if layer is None:
            nodes.append(node)
            continue
        scale = scales[layer]
        if scale not in weights:
            weights[scale] = f"labels.{scale}"
            nodes.extend(_weights_at(scale, weights[scale]))
        nodes.extend(_by_label(node, layer, weights[scale]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    _retype(model)
    return model


def _retype(model: onnx.ModelProto) -> None:
    """Declare the inputs with their new shapes."""
    ranks = {"matrix": 3, "shift": 2}
    for port in model.graph.input:
        rank = ranks.get(port.name.partition(".")[0])
        if rank is not None:
            named = helper.make_tensor_value_info(port.name, TensorProto.FLOAT, [None] * rank)
            port.CopyFrom(named)
    axes = [1, None, None, None]
    model.graph.input.append(helper.make_tensor_value_info(LABELS, TensorProto.FLOAT, axes))


def layer_of(node: onnx.NodeProto, makers: Mapping[str, onnx.NodeProto]) -> str | None:
    """Return the layer whose affine map a convolution is; ``None`` for other nodes."""
    if node.op_type != "Conv":
        return None
    name = node.input[1]
    while name in makers:
        name = makers[name].input[0]
    return name.removeprefix("matrix.") if name.startswith("matrix.") else None


def _weights_at(scale: int, name: str) -> Iterator[onnx.NodeProto]:
    """Reduce the labels to features that are ``scale`` times smaller."""
    sides = [scale, scale]
    yield helper.make_node("AveragePool", [LABELS], [name], kernel_shape=sides, strides=sides)


def _by_label(node: onnx.NodeProto, layer: str, weights: str) -> Iterator[onnx.NodeProto]:
    (x, *_), (answer,) = node.input, node.output
    matrix, shift = f"matrix.{layer}", f"shift.{layer}"
    mapped, shifts = f"labels.{layer}.mapped", f"labels.{layer}.shifts"
    sums = (("kij,njhw,nkhw->nihw", [matrix, x, weights], mapped),)
    sums += (("ki,nkhw->nihw", [shift, weights], shifts),)
    for equation, inputs, output in sums:
        yield helper.make_node("Einsum", inputs, [output], equation=equation)
    yield helper.make_node("Add", [mapped, shifts], [answer])


_BETWEEN = ("Pad", "Div")
"""Operators that may lie between a map and the convolution into which it is folded."""


def with_maps(model: onnx.ModelProto, affine_maps: Mapping[str, NDArray[Any]]) -> onnx.ModelProto:
    """Build the affine maps of one shot and one label into ``apply``: the frame is its only input.

    A map x → Mx + b is a 1×1 convolution. Reflection and replication pad its output as they pad its
    input, so W(Mx + b) + c = (WM)x + (Wb + c) if another convolution follows; else the map stays.

    Args:
        model: ``NAME.apply.onnx``.
        affine_maps: the other inputs: ``matrix.LAYER`` (C, C) and ``shift.LAYER`` (C,), float32.
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = _Graph(model)
    for node in list(model.graph.node):
        layer = layer_of(node, graph.makers)
        if layer is not None:
            _bind(graph, node, affine_maps[f"matrix.{layer}"], affine_maps[f"shift.{layer}"])
    inputs = [port for port in model.graph.input if port.name not in affine_maps]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    graph.sweep()
    return model


class _Graph:
    """A model's nodes by their outputs and their inputs, and its constants."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.makers = {output: node for node in model.graph.node for output in node.output}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in model.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self.numbers = {tensor.name: tensor for tensor in model.graph.initializer}

    def value(self, name: str) -> NDArray[Any] | None:
        """Read a constant, which may be stored in 16 bits; ``None`` for computed tensors."""
        if name in self.numbers:
            return numpy_helper.to_array(self.numbers[name])
        node = self.makers.get(name)
        if node is None or node.op_type != "Cast":
            return None
        stored = self.value(node.input[0])
        return None if stored is None else stored.astype(np.float32)

    def add(self, name: str, value: NDArray[Any]) -> str:
        """Add a constant, of any shape, as float32; returns its name."""
        tensor = numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name)
        self.model.graph.initializer.append(tensor)
        return name

    def sweep(self) -> None:
        """Remove the nodes and constants that nothing needs."""
        needed = {port.name for port in self.model.graph.output}
        nodes: list[onnx.NodeProto] = []
        for node in reversed(self.model.graph.node):
            if needed & {*node.output}:
                nodes.append(node)
                needed |= {*node.input}
        numbers = [tensor for tensor in self.model.graph.initializer if tensor.name in needed]
        del self.model.graph.node[:], self.model.graph.initializer[:]
        self.model.graph.node.extend(reversed(nodes))
        self.model.graph.initializer.extend(numbers)


def _bind(graph: _Graph, node: onnx.NodeProto, matrix: Any, shift: Any) -> None:
    """Fold one map into the convolution that follows, or set it if there is none."""
    output = node.output[0]
    follower, size = _follower(graph, node)
    weight = None if follower is None else graph.value(follower.input[1])
    if follower is None or weight is None:
        node.input[1] = graph.add(f"{output}.matrix", matrix[..., None, None])
        node.input[2] = graph.add(f"{output}.shift", shift)
        return
    bias = graph.value(follower.input[2]) if len(follower.input) > 2 else None
    taps = weight.sum(axis=(2, 3))
    folded = np.einsum("oikl,ij->ojkl", weight, matrix)
    moved = taps @ (shift / size) + (0 if bias is None else bias)
    inputs = [follower.input[0], graph.add(f"{output}.weight", folded)]
    del follower.input[:]
    follower.input.extend([*inputs, graph.add(f"{output}.bias", moved)])
    for reader in graph.readers[output]:
        reader.input[list(reader.input).index(output)] = node.input[0]


def _follower(graph: _Graph, node: onnx.NodeProto) -> tuple[onnx.NodeProto | None, float]:
    """The convolution that alone reads a map's output, and the divisor between the two."""
    size, at = 1.0, node
    while True:
        readers = graph.readers.get(at.output[0], [])
        if len(readers) != 1:
            return None, size
        (at,) = readers
        if at.op_type == "Conv":
            return at, size
        if at.op_type not in _BETWEEN:
            return None, size
        if at.op_type == "Div":
            divisor = graph.value(at.input[1])
            if divisor is None or divisor.size != 1:
                return None, size
            size *= float(divisor.reshape(()))

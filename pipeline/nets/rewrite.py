"""Masks for universal styles: ``apply`` rewritten so that every label has maps of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

LABELS = "labels"
"""The input that is added: (1, K, H, W), float32, of the padded picture; sum 1 at each pixel."""


def with_labels(model: onnx.ModelProto, scales: Mapping[str, int]) -> onnx.ModelProto:
    """``apply`` whose ``matrix.SITE`` is (K, C, C) and ``shift.SITE`` (K, C), with ``labels``.

    Every site's convolution x → Mx + b becomes Σ_k label_k · (M_k x + b_k).

    Args:
        model: of one label.
        scales: site → how many times smaller than the padded picture its features are.
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    makers = {output: node for node in model.graph.node for output in node.output}
    nodes: list[onnx.NodeProto] = []
    shares: dict[int, str] = {}
    for node in model.graph.node:
        site = layer_of(node, makers)
        if site is None:
            nodes.append(node)
            continue
        scale = scales[site]
        if scale not in shares:
            shares[scale] = f"labels.{scale}"
            nodes.extend(_share(scale, shares[scale]))
        nodes.extend(_by_label(node, site, shares[scale]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    _retype(model)
    return model


def _retype(model: onnx.ModelProto) -> None:
    """The inputs as they are now."""
    ranks = {"matrix": 3, "shift": 2}
    for port in model.graph.input:
        rank = ranks.get(port.name.partition(".")[0])
        if rank is not None:
            named = helper.make_tensor_value_info(port.name, TensorProto.FLOAT, [None] * rank)
            port.CopyFrom(named)
    axes = [1, None, None, None]
    model.graph.input.append(helper.make_tensor_value_info(LABELS, TensorProto.FLOAT, axes))


def layer_of(node: onnx.NodeProto, makers: Mapping[str, onnx.NodeProto]) -> str | None:
    """The site whose map a convolution is."""
    if node.op_type != "Conv":
        return None
    name = node.input[1]
    while name in makers:
        name = makers[name].input[0]
    return name.removeprefix("matrix.") if name.startswith("matrix.") else None


def _share(scale: int, name: str) -> Iterator[onnx.NodeProto]:
    """How much of each label lies in each position of features so many times smaller."""
    sides = [scale, scale]
    yield helper.make_node("AveragePool", [LABELS], [name], kernel_shape=sides, strides=sides)


def _by_label(node: onnx.NodeProto, site: str, share: str) -> Iterator[onnx.NodeProto]:
    (x, *_), (answer,) = node.input, node.output
    matrix, shift = f"matrix.{site}", f"shift.{site}"
    mapped, shifts = f"labels.{site}.mapped", f"labels.{site}.shifts"
    told = (("kij,njhw,nkhw->nihw", [matrix, x, share], mapped),)
    told += (("ki,nkhw->nihw", [shift, share], shifts),)
    for equation, inputs, output in told:
        yield helper.make_node("Einsum", inputs, [output], equation=equation)
    yield helper.make_node("Add", [mapped, shifts], [answer])


_BETWEEN = ("Pad", "Div")
"""What may stand between a map and the convolution that takes it in: of places, and of size."""


def with_maps(model: onnx.ModelProto, maps: Mapping[str, NDArray[Any]]) -> onnx.ModelProto:
    """``apply`` of one shot and one label: it takes a frame, and nothing else.

    A map x → Mx + b is a 1×1 convolution. Reflection and replication pad it as they pad what it
    maps, so W(Mx + b) + c = (WM)x + (Wb + c) where another convolution follows; elsewhere it stays.

    Args:
        model: ``NAME.apply.onnx``.
        maps: its other inputs, of one label: ``matrix.SITE`` (C, C) and ``shift.SITE`` (C).
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = _Graph(model)
    for node in list(model.graph.node):
        site = layer_of(node, graph.makers)
        if site is not None:
            _bind(graph, node, maps[f"matrix.{site}"], maps[f"shift.{site}"])
    kept = [port for port in model.graph.input if port.name not in maps]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    graph.sweep()
    return model


class _Graph:
    """A model's nodes by what they make and take, and its numbers."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.makers = {output: node for node in model.graph.node for output in node.output}
        self.takers: dict[str, list[onnx.NodeProto]] = {}
        for node in model.graph.node:
            for name in node.input:
                self.takers.setdefault(name, []).append(node)
        self.numbers = {tensor.name: tensor for tensor in model.graph.initializer}

    def value(self, name: str) -> NDArray[Any] | None:
        """A constant, which may be stored as a half; ``None`` for what is computed."""
        if name in self.numbers:
            return numpy_helper.to_array(self.numbers[name])
        node = self.makers.get(name)
        if node is None or node.op_type != "Cast":
            return None
        stored = self.value(node.input[0])
        return None if stored is None else stored.astype(np.float32)

    def add(self, name: str, value: NDArray[Any]) -> str:
        """A new constant."""
        tensor = numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name)
        self.model.graph.initializer.append(tensor)
        return name

    def sweep(self) -> None:
        """Drop nodes and constants that nothing needs."""
        needed = {port.name for port in self.model.graph.output}
        kept: list[onnx.NodeProto] = []
        for node in reversed(self.model.graph.node):
            if needed & {*node.output}:
                kept.append(node)
                needed |= {*node.input}
        numbers = [tensor for tensor in self.model.graph.initializer if tensor.name in needed]
        del self.model.graph.node[:], self.model.graph.initializer[:]
        self.model.graph.node.extend(reversed(kept))
        self.model.graph.initializer.extend(numbers)


def _bind(graph: _Graph, node: onnx.NodeProto, matrix: Any, shift: Any) -> None:
    """One map, into the convolution that follows if there is one."""
    site = node.output[0]
    follower, size = _follower(graph, node)
    weight = None if follower is None else graph.value(follower.input[1])
    if follower is None or weight is None:
        node.input[1] = graph.add(f"{site}.matrix", matrix[..., None, None])
        node.input[2] = graph.add(f"{site}.shift", shift)
        return
    bias = graph.value(follower.input[2]) if len(follower.input) > 2 else None
    taps = weight.sum(axis=(2, 3))
    folded = np.einsum("oikl,ij->ojkl", weight, matrix)
    moved = taps @ (shift / size) + (0 if bias is None else bias)
    told = [follower.input[0], graph.add(f"{site}.weight", folded)]
    del follower.input[:]
    follower.input.extend([*told, graph.add(f"{site}.bias", moved)])
    for taker in graph.takers[site]:
        taker.input[list(taker.input).index(site)] = node.input[0]


def _follower(graph: _Graph, node: onnx.NodeProto) -> tuple[onnx.NodeProto | None, float]:
    """The one convolution that sees a map's answer alone, and by what that is divided before."""
    size, at = 1.0, node
    while True:
        takers = graph.takers.get(at.output[0], [])
        if len(takers) != 1:
            return None, size
        (at,) = takers
        if at.op_type == "Conv":
            return at, size
        if at.op_type not in _BETWEEN:
            return None, size
        if at.op_type == "Div":
            divisor = graph.value(at.input[1])
            if divisor is None or divisor.size != 1:
                return None, size
            size *= float(divisor.reshape(()))

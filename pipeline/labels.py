"""Masks for universal styles: ``apply`` rewritten so that every label has maps of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import onnx
from onnx import TensorProto, helper

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
        site = site_of(node, makers)
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


def site_of(node: onnx.NodeProto, makers: Mapping[str, onnx.NodeProto]) -> str | None:
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

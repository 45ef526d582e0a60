"""ONNX files of one or two nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper
from stylize_video.pipeline.nets.contract import ModelCard


def write_contract_model(path: Path, operator: str = "Identity", **card: Any) -> Path:
    shape: list[Any] = [1, "height", "width", 3]
    ports = [
        helper.make_tensor_value_info(n, TensorProto.UINT8, shape) for n in ("frame", "stylized")
    ]
    node = helper.make_node(operator, ["frame"], ["stylized"])
    graph = helper.make_graph([node], "style", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    facts = ModelCard(**{"name": path.stem, "kind": "fast", **card}).to_metadata()
    helper.set_model_props(model, facts)
    onnx.save(model, path)
    return path


def foreign_onnx(path: Path, shape: list[Any], add: float = 0.0, scale: float = 1.0) -> Path:
    """y = x · scale + add, floats."""
    ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("in", "out")]
    numbers = [
        helper.make_tensor("s", TensorProto.FLOAT, [], [scale]),
        helper.make_tensor("a", TensorProto.FLOAT, [], [add]),
    ]
    nodes = [
        helper.make_node("Mul", ["in", "s"], ["t"]),
        helper.make_node("Add", ["t", "a"], ["out"]),
    ]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], numbers)
    opsets = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def write_flow_model(path: Path) -> Path:
    """A flow net that finds no motion between equal pictures: flow = the difference of colours."""
    shape: list[Any] = [1, "height", "width", 3]
    ports = [
        helper.make_tensor_value_info(n, TensorProto.UINT8, shape) for n in ("first", "second")
    ]
    flow = helper.make_tensor_value_info("flow", TensorProto.FLOAT, [*shape[:3], 2])
    numbers = [
        helper.make_tensor(name, TensorProto.INT64, [1], [value])
        for name, value in (("begin", 0), ("end", 2), ("axis", 3))
    ]
    nodes = [
        helper.make_node("Cast", ["first"], ["one"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["second"], ["other"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["one", "other"], ["difference"]),
        helper.make_node("Slice", ["difference", "begin", "end", "axis"], ["flow"]),
    ]
    graph = helper.make_graph(nodes, "flow", ports, [flow], numbers)
    opsets = [helper.make_opsetid("", 20)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def write_endless_model(path: Path, inputs: list[str], output: str) -> Path:
    """A net of the contract's shapes that computes without end: a loop whose condition stays."""
    shape: list[Any] = [1, "height", "width", 3]
    flag = helper.make_tensor("true", TensorProto.BOOL, [], [True])
    port = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Identity", ["value"], ["same"]),
        ],
        "body",
        [
            port("number", TensorProto.INT64, []),
            port("go", TensorProto.BOOL, []),
            port("value", TensorProto.FLOAT, None),
        ],
        [port("on", TensorProto.BOOL, []), port("same", TensorProto.FLOAT, None)],
    )
    kind = TensorProto.FLOAT if output == "flow" else TensorProto.UINT8
    nodes = [
        helper.make_node("Cast", [inputs[0]], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Loop", ["", "true", "float"], ["looped"], body=body),
        helper.make_node("Cast", ["looped"], [output], to=kind),
    ]
    made = [port(name, TensorProto.UINT8, shape) for name in inputs]
    graph = helper.make_graph(nodes, "g", made, [port(output, kind, shape)], [flag])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    if output != "flow":
        helper.set_model_props(model, ModelCard(path.stem, "fast").to_metadata())
    onnx.save(model, path)
    return path

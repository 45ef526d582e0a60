"""The steps of every export: trace a module into ONNX, and write the graph with its metadata."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

OPSET = 20


def floats(pictures: Tensor) -> Tensor:
    """Pictures (N, H, W, 3) uint8, 0–255, RGB → (N, 3, H, W) float32, 0..1, RGB."""
    return pictures.permute(0, 3, 1, 2).float() / 255


def frame_bytes(painted: Tensor) -> Tensor:
    """Pictures (N, 3, H, W) float32, 0..1, RGB → (N, H, W, 3) uint8, 0–255, RGB.

    They are clamped and rounded.
    """
    return (painted * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def traced_model(
    module: nn.Module, inputs: dict[str, Tensor], output: str, shape: dict[int, Any]
) -> onnx.ModelProto:
    """The ONNX graph of a module with one output, without metadata.

    Args:
        module: takes the inputs in order, returns one tensor.
        inputs: name → an example; here pictures and masks, (1, H, W, C) uint8, 0–255, RGB where C
            is 3.
        output: name of the output.
        shape: axis → ``torch.export.Dim``: the axes of any size, the same for all inputs.
    """
    examples = tuple(inputs.values())
    return traced(module, examples, (shape,) * len(inputs), list(inputs), [output])


def traced(
    module: nn.Module,
    examples: tuple[Any, ...],
    shapes: tuple[Any, ...],
    inputs: list[str],
    outputs: list[str],
) -> onnx.ModelProto:
    """The ONNX graph of ``module``, without metadata.

    Args:
        module: takes ``examples``.
        examples: tensors, or lists of them.
        shapes: of each example: axis → ``torch.export.Dim``: the axes of any size.
        inputs: names of the tensors that the module takes, in order.
        outputs: names of the tensors that it returns, in order.
    """
    for noisy in ("torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's deprecations are not the user's to act on
        program = torch.onnx.export(
            module.eval(),
            examples,
            dynamo=True,
            opset_version=OPSET,
            input_names=inputs,
            output_names=outputs,
            dynamic_shapes=shapes,
            verbose=False,
        )
    assert program is not None  # dynamo=True returns one
    model = program.model_proto  # a new one each time it is asked for
    forget_origin(model)
    return model


def forget_origin(model: onnx.ModelProto) -> None:
    """Remove the exporter's notes: paths of the machine that wrote it, as long as the weights."""
    graph = model.graph
    del graph.metadata_props[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]


def save(model: onnx.ModelProto, path: Path, metadata: dict[str, str]) -> None:
    """Check a graph and write it with its metadata.

    Args:
        model: the graph.
        path: the file.
        metadata: name → text.
    """
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    onnx.save(model, path)

"""What every export does: trace a module into ONNX, and write that with its metadata."""

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
    """Pictures (N, H, W, 3), bytes → (N, 3, H, W), 0..1."""
    return pictures.permute(0, 3, 1, 2).float() / 255


def frame_bytes(painted: Tensor) -> Tensor:
    """The other way round, clamped and rounded."""
    return (painted * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def traced_model(
    module: nn.Module, inputs: dict[str, Tensor], output: str, shape: dict[int, Any]
) -> onnx.ModelProto:
    """The ONNX graph of a module with one answer, without metadata.

    Args:
        module: takes the inputs in order, gives one tensor.
        inputs: name → an example.
        output: name of the answer.
        shape: axis → ``torch.export.Dim``: what of the inputs' shapes may change, of all alike.
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
        shapes: of each example: axis → ``torch.export.Dim``: what may change.
        inputs: names of the tensors, in order.
        outputs: names of the answers, likewise.
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
    for node in program.model_proto.graph.node:
        del node.metadata_props[:]  # where in PyTorch it came from: as long as the weights
    return program.model_proto


def save(model: onnx.ModelProto, path: Path, metadata: dict[str, str]) -> None:
    """Write the graph with its metadata, checked."""
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    onnx.save(model, path)

"""What every export does: trace a module into ONNX, and write the file whole or not at all."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from ..pipeline.sink import writing

OPSET = 20


def traced_model(
    module: nn.Module, inputs: dict[str, Tensor], output: str, shape: dict[int, Any]
) -> onnx.ModelProto:
    """The ONNX graph of ``module``, without metadata.

    Args:
        module: takes the inputs in order, gives one tensor.
        inputs: name → an example.
        output: name of the answer.
        shape: axis → ``torch.export.Dim``: what of the inputs' shapes may change, of all alike.
    """
    for noisy in ("torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's deprecations are not the user's to act on
        program = torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=[output],
            dynamic_shapes=(shape,) * len(inputs),
            verbose=False,
        )
    assert program is not None  # dynamo=True returns one
    return program.model_proto


def save(model: onnx.ModelProto, path: Path, metadata: dict[str, str]) -> None:
    """Write the graph with its metadata, checked."""
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    onnx.save(model, path)


@contextmanager
def whole_or_not(path: Path) -> Generator[Path]:
    """A file beside ``path`` to write to; it takes that name if nothing is raised, else it goes.

    Raises:
        SinkError: it can't be written.
    """
    aside = path.with_name("." + path.name + ".part")
    with writing(path):
        try:
            yield aside
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)

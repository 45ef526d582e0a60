"""Colour tables applied to pictures of 16 bits: trilinear interpolation, by ONNX Runtime.

Of 65,536 levels a channel no table of all results can be made, as ``lut`` makes one for 256.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from ..core.frame import Rgb16
from ..imaging.lut import Table
from ..nets.session import open_session

_MOST = np.float32(65535)


class DeepTables:
    """Tables (N, N, N, 3), 0..1, and their weights, which sum to 1; of any sizes."""

    def __init__(self, parts: Sequence[tuple[Table, float]]) -> None:
        self._session = open_session(_model(parts), "cpu")[0]

    def __call__(self, rgb: Rgb16) -> Rgb16:
        """A picture (H, W, 3) uint16, 0–65535, RGB, by the tables; the same shape."""
        result = self._session.run(None, {"frame": rgb[None, None]})[0]
        return np.asarray(result, np.uint16)[0, 0]


def _model(parts: Sequence[tuple[Table, float]]) -> bytes:
    """The net: every pixel is a place in a volume of colours, which is sampled there."""
    constants: dict[str, Any] = {
        "to_place": np.float32(2) / _MOST,
        "one": np.float32(1),
        "most": _MOST,
    }
    constants["zero"] = np.float32(0)
    nodes = [
        helper.make_node("Cast", ["frame"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["levels", "to_place"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "one"], ["places"]),
    ]
    for number, (table, weight) in enumerate(parts):
        volume = np.moveaxis(table, -1, 0)[None] * (np.float32(weight) * _MOST)
        constants[f"volume{number}"] = np.ascontiguousarray(volume)
        nodes.append(
            helper.make_node(
                "GridSample",
                [f"volume{number}", "places"],
                [f"part{number}"],
                mode="linear",
                align_corners=1,
                padding_mode="border",
            )
        )
    nodes += [
        helper.make_node("Sum", [f"part{n}" for n in range(len(parts))], ["sum"]),
        helper.make_node("Round", ["sum"], ["rounded"]),
        helper.make_node("Clip", ["rounded", "zero", "most"], ["clamped"]),
        helper.make_node("Transpose", ["clamped"], ["pixels"], perm=[0, 2, 3, 4, 1]),
        helper.make_node("Cast", ["pixels"], ["stylized"], to=TensorProto.UINT16),
    ]
    shape = [1, 1, None, None, 3]
    graph = helper.make_graph(
        nodes,
        "tables",
        [helper.make_tensor_value_info("frame", TensorProto.UINT16, shape)],
        [helper.make_tensor_value_info("stylized", TensorProto.UINT16, shape)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()

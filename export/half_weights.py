"""Half the bytes on disk: kernels kept as float16, made float32 again when a file is loaded."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_WORTH = 256  # elements; what is smaller stays as it is


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose large float32 constants are stored as float16, each behind a cast.

    Runtimes fold the casts when they load the file: what is computed is float32.
    """
    model = onnx.ModelProto.FromString(model.SerializeToString())
    casts: list[onnx.NodeProto] = []
    for constant in model.graph.initializer:
        values = numpy_helper.to_array(constant)
        if values.dtype != np.float32 or values.size < _WORTH:
            continue
        name = constant.name
        constant.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + ".half"))
        casts.append(helper.make_node("Cast", [name + ".half"], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model

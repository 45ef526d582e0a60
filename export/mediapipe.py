"""From MediaPipe's TensorFlow Lite files to ONNX: the nets that find people and faces.

This runs once, by hand, when the nets that ship are made (``pip install tflite``):

    python -m stylize_video.export.mediapipe FOLDER_OF_TFLITE_FILES models/mediapipe

TensorFlow Lite keeps pictures as (N, H, W, C), ONNX as (N, C, H, W). What comes out takes bytes
(1, H, W, 3), RGB, and gives what MediaPipe's file gives.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from .half_weights import halved

Array = NDArray[Any]

NETS = {
    "selfie_segmentation": ("selfie_segmentation", 0.0, 1.0),
    "face_detection_full_range_sparse": ("face_detection", -1.0, 1.0),
    "pose_detection": ("pose_detection", -1.0, 1.0),
}
"""MediaPipe's name of a net → ours, and what black and white are for it."""

_OPSET = 17
_CUSTOM = 32  # TensorFlow Lite's number of operators that are not its own
_TYPES = {0: np.float32, 1: np.float16, 2: np.int32}
_RELU, _RELU6 = 1, 3
_HEIGHT, _WIDTH = 1, 2  # axes of (N, H, W, C)
_TO_NCHW, _TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]


class _Graph:
    """A TensorFlow Lite file that is being written as ONNX."""

    def __init__(self, file: bytes) -> None:
        self._lite: Any = import_module("tflite")
        self._model = self._lite.Model.GetRootAs(file, 0)
        self._graph = self._model.Subgraphs(0)
        self._names = {
            number: name
            for name, number in vars(self._lite.BuiltinOperator).items()
            if isinstance(number, int)
        }
        self._constants: dict[int, Array] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def convert(self, name: str, black: float, white: float) -> onnx.ModelProto:
        """The file as ONNX.

        Args:
            name: of the net.
            black: what a black pixel is for the net.
            white: what a white one is.
        """
        (start,) = self._graph.InputsAsNumpy()
        shape = self.shape(start)
        self.emit("Cast", ["frame"], "floats", to=TensorProto.FLOAT)
        scale = self.weight(np.float32((white - black) / 255))
        self.emit("Mul", ["floats", scale], "scaled")
        self.emit("Add", ["scaled", self.weight(np.float32(black))], "shifted")
        self.emit("Transpose", ["shifted"], _name(start), perm=_TO_NCHW)
        for index in range(self._graph.OperatorsLength()):
            self._operator(self._graph.Operators(index))
        outputs = [self._output(tensor) for tensor in self._graph.OutputsAsNumpy()]
        frame = helper.make_tensor_value_info("frame", TensorProto.UINT8, list(shape))
        graph = helper.make_graph(self._nodes, name, [frame], outputs, self._weights)
        opset = helper.make_opsetid("", _OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
        onnx.checker.check_model(model, full_check=True)
        return model

    def _output(self, tensor: int) -> onnx.ValueInfoProto:
        name, shape = _name(tensor), self.shape(tensor)
        if len(shape) == 4:
            self.emit("Transpose", [name], f"{name}_out", perm=_TO_NHWC)
            name = f"{name}_out"
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))

    def _operator(self, operator: Any) -> None:
        code = self._model.OperatorCodes(operator.OpcodeIndex())
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        kind = code.CustomCode().decode() if number == _CUSTOM else self._names[number]
        inputs = [int(i) for i in operator.InputsAsNumpy()]
        (output,) = (int(i) for i in operator.OutputsAsNumpy())
        if kind in ("DEQUANTIZE", "DENSIFY"):
            self._constants[output] = self.constant(inputs[0])
            return
        settings: Any = None
        if kind in _OPTIONS:
            options = operator.BuiltinOptions()
            settings = getattr(self._lite, _OPTIONS[kind])()
            settings.Init(options.Bytes, options.Pos)
        elif number == _CUSTOM:
            settings = operator.CustomOptionsAsNumpy().tobytes()
        _WRITERS[kind](self, inputs, output, settings)

    # ---- what writers use ----

    def shape(self, tensor: int) -> tuple[int, ...]:
        """As TensorFlow Lite has it."""
        return tuple(int(n) for n in self._graph.Tensors(tensor).ShapeAsNumpy())

    def constant(self, tensor: int) -> Array:
        """The values of a tensor of the file."""
        if tensor not in self._constants:
            self._constants[tensor] = self._read(self._graph.Tensors(tensor))
        return self._constants[tensor]

    def _read(self, tensor: Any) -> Array:
        data = self._model.Buffers(tensor.Buffer()).DataAsNumpy()
        values = np.frombuffer(data.tobytes(), _TYPES[tensor.Type()])
        sparsity = tensor.Sparsity()
        shape = tuple(tensor.ShapeAsNumpy())
        dense = values.reshape(shape) if sparsity is None else _densified(values, shape, sparsity)
        return dense.astype(np.float32) if values.dtype == np.float16 else dense

    def is_constant(self, tensor: int) -> bool:
        """Whether a tensor has its values in the file."""
        buffer = self._model.Buffers(self._graph.Tensors(tensor).Buffer())
        return tensor in self._constants or buffer.DataLength() > 0

    def weight(self, values: Any) -> str:
        """Add a constant; returns its name."""
        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def emit(self, kind: str, inputs: Sequence[str], output: str, **settings: Any) -> None:
        """Add a node."""
        self._nodes.append(helper.make_node(kind, list(inputs), [output], **settings))

    def emit_activated(
        self, kind: str, inputs: Sequence[str], output: int, activation: int, **settings: Any
    ) -> None:
        """Add a node and the activation that TensorFlow Lite has in it."""
        name = _name(output)
        plain = name if not activation else f"{name}_plain"
        self.emit(kind, inputs, plain, **settings)
        if activation == _RELU:
            self.emit("Relu", [plain], name)
        elif activation == _RELU6:
            limits = [self.weight(np.float32(n)) for n in (0, 6)]
            self.emit("Clip", [plain, *limits], name)
        elif activation:
            raise ValueError(f"unknown activation {activation}")


def _name(tensor: int) -> str:
    return f"t{tensor}"


def _densified(values: Array, shape: tuple[int, ...], sparsity: Any) -> Array:
    """The dense values of a sparse tensor: dimensions in a given order, each dense or in rows."""
    order = [int(n) for n in sparsity.TraversalOrderAsNumpy()]
    blocks = [int(n) for n in sparsity.BlockMapAsNumpy()] if sparsity.BlockMapLength() else []
    levels = [sparsity.DimMetadata(i) for i in range(sparsity.DimMetadataLength())]
    dense = np.zeros(shape, values.dtype)
    sizes = [levels[order.index(len(shape) + b)].DenseSize() for b in range(len(blocks))]
    filled = iter(values)

    def visit(level: int, row: int, place: dict[int, int]) -> None:
        if level == len(levels):
            spot = [place[d] for d in range(len(shape))]
            for b, d in enumerate(blocks):
                spot[d] = spot[d] * sizes[b] + place[len(shape) + b]
            dense[tuple(spot)] = next(filled)
            return
        meta = levels[level]
        if meta.Format() == 0:
            for i in range(meta.DenseSize()):
                visit(level + 1, row * meta.DenseSize() + i, {**place, order[level]: i})
            return
        begins, columns = _indices(meta, "Segments"), _indices(meta, "Indices")
        for at in range(begins[row], begins[row + 1]):
            visit(level + 1, at, {**place, order[level]: int(columns[at])})

    visit(0, 0, {})
    return dense


def _indices(meta: Any, which: str) -> Array:
    """The row starts or the columns of a sparse dimension: 32, 16 or 8 bits each."""
    kind = getattr(meta, f"Array{which}Type")()
    lite: Any = import_module("tflite")
    vector = (None, lite.Int32Vector, lite.Uint16Vector, lite.Uint8Vector)[kind]()
    table = getattr(meta, f"Array{which}")()
    vector.Init(table.Bytes, table.Pos)
    return vector.ValuesAsNumpy()


def _pads(graph: _Graph, source: int, output: int, kernel: tuple[int, int], options: Any) -> Any:
    """The margins of ``SAME`` as TensorFlow has them: top, left, bottom, right."""
    if options.Padding() != 0:
        return [0, 0, 0, 0]
    strides = (options.StrideH(), options.StrideW())
    margins: list[tuple[int, int]] = []
    for axis, size, stride in zip((_HEIGHT, _WIDTH), kernel, strides, strict=True):
        steps = (graph.shape(output)[axis] - 1) * stride
        total = max(0, steps + size - graph.shape(source)[axis])
        margins.append((total // 2, total - total // 2))
    return [m[0] for m in margins] + [m[1] for m in margins]


def _convolution(graph: _Graph, inputs: list[int], output: int, options: Any) -> None:
    kernel = graph.constant(inputs[1]).transpose(0, 3, 1, 2)
    _convolve(graph, inputs, output, options, kernel, 1)


def _depthwise(graph: _Graph, inputs: list[int], output: int, options: Any) -> None:
    kernel = graph.constant(inputs[1]).transpose(3, 0, 1, 2)
    _convolve(graph, inputs, output, options, kernel, graph.shape(inputs[0])[3])


def _convolve(
    graph: _Graph, inputs: list[int], output: int, options: Any, kernel: Array, groups: int
) -> None:
    bias = [graph.weight(graph.constant(inputs[2]))] if len(inputs) > 2 else []
    graph.emit_activated(
        "Conv",
        [_name(inputs[0]), graph.weight(kernel), *bias],
        output,
        options.FusedActivationFunction(),
        pads=_pads(graph, inputs[0], output, kernel.shape[2:], options),
        strides=[options.StrideH(), options.StrideW()],
        group=groups,
    )


def _transposed(graph: _Graph, inputs: list[int], output: int, options: Any) -> None:
    """MediaPipe's own transposed convolution with a bias; no margins where stride is the kernel."""
    kernel = graph.constant(inputs[1]).transpose(3, 0, 1, 2)
    _, width, height = struct.unpack("<3i", options[:12])
    if kernel.shape[2:] != (height, width):
        raise ValueError("a transposed convolution whose pieces overlap")
    weights = [graph.weight(kernel), graph.weight(graph.constant(inputs[2]))]
    graph.emit(
        "ConvTranspose", [_name(inputs[0]), *weights], _name(output), strides=[height, width]
    )


def _pooled(kind: str) -> Callable[[_Graph, list[int], int, Any], None]:
    def write(graph: _Graph, inputs: list[int], output: int, options: Any) -> None:
        size = (options.FilterHeight(), options.FilterWidth())
        graph.emit_activated(
            kind,
            [_name(inputs[0])],
            output,
            options.FusedActivationFunction(),
            kernel_shape=list(size),
            strides=[options.StrideH(), options.StrideW()],
            pads=_pads(graph, inputs[0], output, size, options),
        )

    return write


def _mean(graph: _Graph, inputs: list[int], output: int, options: Any) -> None:
    if set(graph.constant(inputs[1]).tolist()) != {_HEIGHT, _WIDTH} or not options.KeepDims():
        raise ValueError("a mean that is not over the picture")
    graph.emit("GlobalAveragePool", [_name(inputs[0])], _name(output))


def _paired(kind: str) -> Callable[[_Graph, list[int], int, Any], None]:
    def write(graph: _Graph, inputs: list[int], output: int, options: Any) -> None:
        graph.emit_activated(
            kind, [_operand(graph, i) for i in inputs], output, options.FusedActivationFunction()
        )

    return write


def _operand(graph: _Graph, tensor: int) -> str:
    if not graph.is_constant(tensor):
        return _name(tensor)
    values = graph.constant(tensor)
    return graph.weight(values.transpose(_TO_NCHW) if values.ndim == 4 else values)


def _simple(kind: str) -> Callable[[_Graph, list[int], int, Any], None]:
    def write(graph: _Graph, inputs: list[int], output: int, options: Any) -> None:
        graph.emit(kind, [_name(inputs[0])], _name(output))

    return write


def _padded(graph: _Graph, inputs: list[int], output: int, options: Any) -> None:
    margins = graph.constant(inputs[1])[_TO_NCHW]
    pads = graph.weight(margins.T.reshape(-1).astype(np.int64))
    graph.emit("Pad", [_name(inputs[0]), pads], _name(output))


def _resized(graph: _Graph, inputs: list[int], output: int, options: Any) -> None:
    half = "half_pixel" if options.HalfPixelCenters() else "asymmetric"
    mode = "align_corners" if options.AlignCorners() else half
    size = np.array([graph.shape(output)[axis] for axis in _TO_NCHW], np.int64)
    inputs_ = [_name(inputs[0]), "", "", graph.weight(size)]
    graph.emit("Resize", inputs_, _name(output), mode="linear", coordinate_transformation_mode=mode)


def _to_space(graph: _Graph, inputs: list[int], output: int, options: Any) -> None:
    size = options.BlockSize()
    graph.emit("DepthToSpace", [_name(inputs[0])], _name(output), blocksize=size, mode="DCR")


def _reshaped(graph: _Graph, inputs: list[int], output: int, options: Any) -> None:
    """Of the maps of detections: places first, then what is said of each."""
    rows = f"{_name(output)}_rows"
    graph.emit("Transpose", [_name(inputs[0])], rows, perm=_TO_NHWC)
    shape = graph.weight(np.array(graph.shape(output), np.int64))
    graph.emit("Reshape", [rows, shape], _name(output))


def _joined(graph: _Graph, inputs: list[int], output: int, options: Any) -> None:
    axis = options.Axis()
    axis = _TO_NCHW.index(axis) if len(graph.shape(output)) == 4 else axis
    graph.emit("Concat", [_name(i) for i in inputs], _name(output), axis=axis)


_OPTIONS = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MUL": "MulOptions",
    "ADD": "AddOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "CONCATENATION": "ConcatenationOptions",
}

_WRITERS: dict[str, Callable[[_Graph, list[int], int, Any], None]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "Convolution2DTransposeBias": _transposed,
    "AVERAGE_POOL_2D": _pooled("AveragePool"),
    "MAX_POOL_2D": _pooled("MaxPool"),
    "MEAN": _mean,
    "MUL": _paired("Mul"),
    "ADD": _paired("Add"),
    "RELU": _simple("Relu"),
    "HARD_SWISH": _simple("HardSwish"),
    "LOGISTIC": _simple("Sigmoid"),
    "PAD": _padded,
    "RESIZE_BILINEAR": _resized,
    "DEPTH_TO_SPACE": _to_space,
    "RESHAPE": _reshaped,
    "CONCATENATION": _joined,
}


def main(folder: str, out: str) -> None:
    """Convert every net of ``NETS`` that is in a folder, or in folders in it."""
    for path in sorted(Path(folder).rglob("*.tflite")):
        if path.stem in NETS:
            name, black, white = NETS[path.stem]
            model = halved(_Graph(path.read_bytes()).convert(name, black, white))
            onnx.save(model, str(Path(out) / f"{name}.onnx"))


if __name__ == "__main__":
    main(*sys.argv[1:])

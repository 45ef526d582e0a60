"""Write a ``Net`` with its norms as a model that measures it, and read what that found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from .graph import FRAME, Array, Moments, Net, Op
from .writer import (
    INPUT_SCALE,
    GraphWriter,
    Layout,
    Size,
    cell_parts,
    channels_in,
    dequantize,
    pack_planes,
    shapes,
    write_op,
)

_REACH = 10.0  # standard deviations; at most a hundredth of the values is further away


def write_measuring(net: Net, layout: Layout, size: Size, colors: bool = True) -> bytes:
    """Write the net with its norms as a model that measures ``Moments``.

    Outputs, float32, in order: mean, mean square, lowest and highest value, by channel, (4, C), of
    every tensor of ``_measured``; mean, by channel, (1, C), of those of ``_averaged``; mean colour
    and mean products of two colours, by position in a cell, of the frame and of the picture.

    Tensors are measured as soon as they are there, and norms use what was measured. Run in the
    order of its nodes, the model holds few of them at a time.

    Args:
        net: the network, with its norms.
        layout: the planes: ``rgb`` or ``yuv``.
        size: the size of the padded picture.
        colors: measure colours too; only they need the net's last operator.

    Returns:
        The ONNX file's bytes.
    """
    w = GraphWriter()
    values = {FRAME: dequantize(w, pack_planes(w, net, layout, size), INPUT_SCALE)}
    measured, averaged, found = _measured(net), _averaged(net), dict[str, str]()
    axes = w.constant([2, 3], np.int64)

    def measure(name: str) -> None:
        if name in measured:
            found[name] = _statistics(w, values[name], axes)
        elif name in averaged:
            found[name] = w.op("ReduceMean", values[name], axes, keepdims=0)

    measure(FRAME)
    for op in net.ops if colors else net.ops[:-1]:
        x = [values[name] for name in op.inputs]
        if op.kind == "InstanceNormalization":
            values[op.output] = _norm(w, op, x[0], found[op.inputs[0]])
        else:
            values[op.output] = write_op(w, op, x)
        measure(op.output)
    outputs = [found[name] for name in (*measured, *averaged)]
    if colors:
        picture = w.op("Clip", values[net.ops[-1].output], w.constant(0), w.constant(1))
        outputs += _color_moments(w, values[FRAME], channels_in(net), layout, size)
        outputs += _color_moments(w, picture, len(net.ops[-1].weights[0]), layout, size)
    named = {f"out{i}": x for i, x in enumerate(outputs)}
    return w.model(shapes(net, layout, size), named, TensorProto.FLOAT)


def _measured(net: Net) -> list[str]:
    """The tensors of which all is measured: what norms read, and what has a range of its own."""
    normed = {op.output for op in net.norms}
    names = [
        op.inputs[0] if op.kind == "InstanceNormalization" else op.output
        for op in net.ops
        if op.kind not in ("Conv", "Pad", "Resize")  # the last two only move values
        and not (op.kind == "Relu" and op.inputs[0] in normed)
    ]
    return list(dict.fromkeys(names))


def _averaged(net: Net) -> list[str]:
    """The other tensors that convolutions read: their means are needed."""
    read = [op.inputs[0] for op in net.ops if op.kind == "Conv"]
    measured = _measured(net)
    return [name for name in dict.fromkeys(read) if name not in measured]


def _statistics(w: GraphWriter, x: str, axes: str) -> str:
    """A tensor's mean, mean square, lowest and highest value by channel, (4, C)."""
    count = w.op("Cast", w.op("ReduceProd", w.op("Shape", x, start=2)), to=TensorProto.FLOAT)
    sums = w.op("ReduceSumSquare", x, axes, keepdims=0)
    mean, low, high = (
        w.op(kind, x, axes, keepdims=0) for kind in ("ReduceMean", "ReduceMin", "ReduceMax")
    )
    return w.op("Concat", mean, w.op("Div", sums, count), low, high, axis=0)


def _norm(w: GraphWriter, op: Op, x: str, statistics: str) -> str:
    """A norm by the statistics of its input; channels that share them follow each other."""
    gain, offset = op.weights
    groups = w.reshape(statistics, 4, len(gain), -1)
    shared = w.op("ReduceMean", groups, w.constant([2], np.int64), keepdims=0)
    rows = w.ops("Split", 4, shared, axis=0, num_outputs=4)
    mean, square = (w.reshape(row, -1) for row in rows[:2])
    variance = w.op("Max", w.op("Sub", square, w.op("Mul", mean, mean)), w.constant(0))
    constants = w.constant(gain), w.constant(offset), mean, variance
    together = w.reshape(x, 1, len(gain), -1)
    normed = w.op("BatchNormalization", together, *constants, **op.settings)
    return w.op("Reshape", normed, w.op("Shape", x))


def _color_moments(
    w: GraphWriter, x: str, channels: int, layout: Layout, size: Size
) -> tuple[str, str]:
    """Write the mean (N, 3) and the products (N, 3, 3) of colours at the N positions of a cell.

    Args:
        w: the graph.
        x: the tensor of cells, (1, C, h, w).
        channels: how many of the C are colours, the first ones.
        layout: the planes: ``rgb`` or ``yuv``.
        size: the size of the padded picture.
    """
    (r, _), *_ = cell_parts(channels, layout)
    count = (size.height // r) * (size.width // r)
    x = w.op("Slice", x, *(w.constant([at], np.int64) for at in (0, channels, 1)))
    if layout == "rgb":
        colors = w.reshape(x, r * r, 3, count)
    else:
        quarter = r * r // 4
        sizes = w.constant([r * r, quarter, quarter], np.int64)
        y, *chroma = w.ops("Split", 3, w.reshape(x, channels, count), sizes, axis=0)
        wide = w.constant([r // 2, 2, r // 2, 2, count], np.int64)
        halves = (w.reshape(c, r // 2, 1, r // 2, 1, count) for c in chroma)
        planes = [y, *(w.op("Expand", half, wide) for half in halves)]
        columns = [w.reshape(plane, r * r, 1, count) for plane in planes]
        colors = w.op("Concat", *columns, axis=1)
    turned = w.op("Transpose", colors, perm=[0, 2, 1])
    products = w.op("Mul", w.op("MatMul", colors, turned), w.constant(1 / count))
    return w.op("ReduceMean", colors, w.constant([2], np.int64), keepdims=0), products


def read_moments(net: Net, answers: Sequence[NDArray[Any]], colors: bool = True) -> Moments:
    """Turn the outputs of a model that ``write_measuring`` wrote into ``Moments``.

    Args:
        net: the network that was measured.
        answers: the model's outputs, float32, in its order.
        colors: whether colours were measured.
    """
    rest = iter(answers)
    measured: dict[str, Array] = {n: next(rest).astype(np.float64) for n in _measured(net)}
    means = {name: values[0] for name, values in measured.items()}
    means |= {name: next(rest)[0] for name in _averaged(net)}
    norms = tuple(
        (_grouped(mean, norm), _grouped(square, norm))
        for norm in net.norms
        for mean, square, *_ in [measured[norm.inputs[0]]]
    )
    read = {op.inputs[0] for op in net.ops if op.kind == "Conv"}
    source, painted = _colors(rest) if colors else (None, None)
    return Moments(
        norms,
        source,
        painted,
        dict(_ranges(net, measured)),
        {name: np.asarray(mean, np.float32) for name, mean in means.items() if name in read},
    )


def _colors(
    answers: Iterator[NDArray[Any]],
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """The moments of the source's and of the painted colours, 0..1."""
    (mean, product), painted = (
        (next(answers).mean(axis=0), next(answers).mean(axis=0)) for _ in range(2)
    )
    # The input is in −1..1, byte 128 being 0; the source's colours are in 0..1.
    grey = INPUT_SCALE[1] / 255
    cross = (mean[:, None] + mean) * grey / 2
    return (mean / 2 + grey, product / 4 + cross + grey**2), painted


def _ranges(net: Net, measured: dict[str, Array]) -> Iterator[tuple[str, tuple[float, float]]]:
    """The range of every operator's output, by its name, except of convolutions."""
    of_norms: dict[str, tuple[float, float]] = {}
    for op in net.ops:
        if op.kind == "InstanceNormalization":
            of_norms[op.output] = _range(_normed(op, measured[op.inputs[0]]))
            yield op.output, of_norms[op.output]
        elif op.kind == "Relu" and op.inputs[0] in of_norms:
            low, high = of_norms[op.inputs[0]]
            yield op.output, (max(0.0, low), max(0.0, high))
        elif op.kind != "Conv" and op.output in measured:
            yield op.output, _range(measured[op.output])


def _normed(norm: Op, statistics: Array) -> Array:
    """The statistics of a norm's output, (4, C), by those of its input."""
    mean, square, *ends = statistics
    each = len(mean) // len(norm.weights[0])
    middle, power = (np.repeat(_grouped(v, norm), each) for v in (mean, square))
    gain, offset = (np.repeat(v, each) for v in norm.weights)
    gain = gain / np.sqrt(np.maximum(power - middle**2, 0) + norm.settings["epsilon"])
    offset = offset - gain * middle
    ends = [gain * end + offset for end in ends]
    squares = gain**2 * square + 2 * gain * offset * mean + offset**2
    return np.stack([gain * mean + offset, squares, np.minimum(*ends), np.maximum(*ends)])


def _range(statistics: Array) -> tuple[float, float]:
    """A tensor's lowest and highest value, but no further from its mean than ``_REACH``.

    In the dark, one headlight is twenty standard deviations away. It would make the steps of the
    bytes so coarse that everything else flickers.
    """
    mean, square = (float(v.mean()) for v in statistics[:2])
    reach = _REACH * max(0.0, square - mean**2) ** 0.5
    return max(float(statistics[2].min()), mean - reach), min(
        float(statistics[3].max()), mean + reach
    )


def _grouped(values: NDArray[Any], norm: Op) -> NDArray[Any]:
    """One value for each of the norm's channels, as a mean of the positions in a cell."""
    return values.reshape(len(norm.weights[0]), -1).mean(axis=1)

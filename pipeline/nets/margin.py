"""Paint no margin: what is reflected around a picture is computed only as deep as it is needed.

Each convolution needs the margin one cell less far out than the one before it. So the last ones
leave it out step by step, and what is left is the picture, the same to the bit.
"""

from __future__ import annotations

import math
from dataclasses import replace

from .graph import Net, Op


def without_margin(net: Net, margin: int) -> Net:
    """The net whose output lacks its input's margin; the same net where that can't be done.

    Args:
        net: the network, RGB in and out, with folded norms.
        margin: px.
    """
    side = _cell_side(net)
    cells = margin // side if side else 0
    rings = sum(_is_ring(op) for op in net.ops)
    if not cells or rings < cells or not all(_is_ring(op) or op.kind in _BY_CELL for op in net.ops):
        return net
    padded = rings - cells  # the first convolutions, which compute the margin too
    left = {net.ops[0].inputs[0]: cells}
    ops: list[Op] = []
    for op in net.ops:
        rest = min(left[name] for name in op.inputs)
        inputs = [_cropped(ops, name, left[name] - rest) for name in op.inputs]
        op = replace(op, inputs=tuple(inputs))
        if op.kind == "Conv" and padded:
            padded -= 1
        elif op.kind == "Conv":
            op = replace(op, settings={**op.settings, "pads": [0] * 4})
            rest -= 1
        left[op.output] = rest
        ops.append(op)
    done = left[ops[-1].output] == 0
    return replace(net, ops=tuple(ops), inset=cells * side) if done else net


_BY_CELL = ("Relu", "Add")


def _is_ring(op: Op) -> bool:
    """Whether a convolution reads one ring of cells around each: 3 × 3, padded by one."""
    return (
        op.kind == "Conv"
        and op.weights[0].shape[2:] == (3, 3)
        and op.settings["pads"] == [1] * 4
        and op.settings["strides"] == [1, 1]
    )


def _cell_side(net: Net) -> int:
    """Side of a cell, px; 0 where the net's ends have different ones."""
    if not net.ops[0].weights or not net.ops[-1].weights:
        return 0
    ends = net.ops[0].weights[0].shape[1] - net.card.canvas, net.ops[-1].weights[0].shape[0]
    first, last = (math.isqrt(channels // 3) for channels in ends)
    return first if first == last else 0


def _cropped(ops: list[Op], name: str, cells: int) -> str:
    """The tensor without so many cells at each edge; an operator for that is appended."""
    if not cells:
        return name
    ops.append(Op("Crop", (name,), f"{name} but {cells} cells", settings={"cells": cells}))
    return ops[-1].output

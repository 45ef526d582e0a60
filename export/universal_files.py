"""The two files of a method for any style, written only if they paint as PyTorch does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx
from numpy.typing import NDArray
from torch import Tensor

from ..models.data import to_rgb, to_tensor
from ..pipeline.core.errors import TrainingError
from ..pipeline.core.files import atomic_write
from ..pipeline.nets.contract import INPUT, OUTPUT, ModelCard
from ..pipeline.nets.runtime import onnxruntime
from ..pipeline.styles.universal_files import StyleMix, UniversalFiles
from .half_weights import halved
from .parity import WORST_MEAN, Parity
from .tracing import save


class Stylizes(Protocol):
    """A method in PyTorch."""

    def stylize(self, content: Tensor, style: Tensor) -> Tensor:
        """One picture in the style of another.

        Args:
            content: (1, 3, H, W) float32, 0..1, RGB.
            style: (1, 3, h, w) float32, 0..1, RGB.

        Returns:
            (1, 3, H, W) float32, 0..1, RGB.
        """
        ...


def write_pair(
    net: Stylizes,
    graphs: tuple[onnx.ModelProto, onnx.ModelProto],
    card: ModelCard,
    prepare: Path,
    frames: Sequence[NDArray[np.uint8]],
    style: NDArray[np.uint8],
) -> Parity:
    """Write a method's two files, only if they paint ``frames`` in a style as PyTorch does.

    Args:
        net: the method in PyTorch.
        graphs: prepare and apply, without metadata.
        card: their metadata; the parity figures are filled in.
        prepare: ``NAME.prepare.onnx``; ``NAME.apply.onnx`` is written beside it.
        frames: pictures (H, W, 3) uint8, 0–255, RGB, of several sizes.
        style: the style picture, (H, W, 3) uint8, 0–255, RGB.

    Raises:
        TrainingError: ONNX Runtime's pictures are off by more than 1/255 on average.
        SinkError: a file can't be written.
    """
    apply = prepare.with_name(prepare.name.replace(".prepare.", ".apply."))
    halved_graphs = [halved(graph) for graph in graphs]
    with atomic_write(prepare) as first, atomic_write(apply) as second:
        for graph, temporary in zip(halved_graphs, (first, second), strict=True):
            save(graph, temporary, card.to_metadata())
        parity = _parity(net, first, second, frames, style)
        card = replace(card, parity=parity.to_json())
        for graph, temporary in zip(halved_graphs, (first, second), strict=True):
            save(graph, temporary, card.to_metadata())
    return parity


def _parity(
    net: Stylizes,
    prepare: Path,
    apply: Path,
    frames: Sequence[NDArray[np.uint8]],
    style: NDArray[np.uint8],
) -> Parity:
    def opened(model: bytes) -> onnxruntime.InferenceSession:
        return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    method = UniversalFiles(prepare, opened, apply)
    look, session = StyleMix(method.statistics(style)), opened(method.apply.SerializeToString())
    means, largest = list[float](), 0
    for rgb in frames:
        affine_maps = method.affine_maps([(rgb, None)], look)
        fed = {INPUT: rgb[None]} | {name: np.asarray(v[0]) for name, v in affine_maps.items()}
        actual = np.asarray(session.run([OUTPUT], fed)[0], np.int16)[0]
        expected = to_rgb(net.stylize(to_tensor(rgb), to_tensor(style))).astype(np.int16)
        difference = np.abs(actual - expected)
        means.append(float(difference.mean()))
        largest = max(largest, int(difference.max()))
    parity = Parity(max(means), largest, tuple(f"{f.shape[1]}x{f.shape[0]}" for f in frames))
    if parity.mean > WORST_MEAN:
        raise TrainingError(
            f"the exported files are off by {parity.mean:.2f}/255 on average, {largest} at worst; "
            f"at most {WORST_MEAN:.0f}/255 is kept, so nothing was written"
        )
    return parity

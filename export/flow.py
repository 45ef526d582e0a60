"""Write RAFT-small as an ONNX file: it takes two pictures and returns the flow between them.

::

    first, second   uint8    [1, H, W, 3]   RGB, H and W at least 128
    flow            float32  [1, H, W, 2]   pixels to the right and downwards, first → second
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..models.nets.raft import CELL, RaftSmall
from ..pipeline.core.errors import TrainingError
from ..pipeline.core.files import atomic_write
from ..pipeline.nets.runtime import onnxruntime
from .tracing import save, traced_model

SMALLEST = 128
"""Least height and width of a picture."""

WORST_MEAN = 0.05
"""Largest mean difference, in pixels, with which a file is written."""

PROOF_SIZES = ((256, 192), (203, 269))
"""(height, width) of the pictures that a file is checked on; one of them odd."""

_METADATA = {
    "stylize.kind": "flow",
    "stylize.name": "raft-small",
    "stylize.licence": "BSD-3-Clause (princeton-vl/RAFT)",
}


class TracedFlow(nn.Module):
    """The graph of the ONNX file: the net, with pictures padded to whole cells.

    The last row and column are repeated up to whole cells. The flow is cropped to the picture.

    Args:
        net: with its weights.
    """

    def __init__(self, net: RaftSmall) -> None:
        super().__init__()
        self.net = net

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """The flow from one picture to another.

        Args:
            first: (1, H, W, 3) uint8, 0–255, RGB.
            second: of the same shape and range.

        Returns:
            (1, H, W, 2) float32, px: x and y from a pixel of ``first`` to its place in ``second``.
        """
        height, width = first.shape[1:3]
        flow = self.net(_to_cells(first), _to_cells(second))
        return flow[:, :, :height, :width].permute(0, 2, 3, 1)


def _to_cells(frame: Tensor) -> Tensor:
    """(1, H, W, 3) uint8, 0–255, RGB → (1, 3, H′, W′) float32, −1..1, RGB, in whole cells."""
    rows, columns = (_repeat_last(size, frame.device) for size in frame.shape[1:3])
    padded = frame.index_select(1, rows).index_select(2, columns)
    return padded.permute(0, 3, 1, 2).float() * (2 / 255) - 1


def _repeat_last(size: int, device: torch.device) -> Tensor:
    whole = (size + CELL - 1) // CELL * CELL
    return torch.arange(whole, device=device).clamp(max=size - 1)


def export_flow(net: RaftSmall, path: Path) -> float:
    """Write ``net`` to ``path``, only if the file's flow of a moved texture is PyTorch's.

    Args:
        net: the net with its weights; it is moved to the CPU.
        path: the ``.onnx`` file, replaced whole or not at all.

    Returns:
        The mean difference of ONNX Runtime's flow from PyTorch's, in pixels, at the worse of
        ``PROOF_SIZES``.

    Raises:
        TrainingError: that difference is above ``WORST_MEAN``.
        SinkError: the file can't be written.
    """
    traced = TracedFlow(net).cpu().eval()
    with atomic_write(path) as temporary:
        save(_trace(traced), temporary, _METADATA)
        return _prove(temporary, traced)


def _trace(traced: TracedFlow) -> onnx.ModelProto:
    names = ("first", "second")
    # Two tensors: one that is given twice would be taken for one input.
    examples = {name: torch.zeros(1, 136, 152, 3, dtype=torch.uint8) for name in names}
    sides = ((1, "height"), (2, "width"))
    size = {axis: torch.export.Dim(name, min=SMALLEST) for axis, name in sides}
    model = traced_model(traced, examples, "flow", size)
    # The exporter calls what is left of a cropped side Min(height, 8·⌈height/8⌉), which is height.
    for axis, name in sides:
        model.graph.output[0].type.tensor_type.shape.dim[axis].dim_param = name
    return model


@torch.no_grad()
def _prove(path: Path, traced: TracedFlow) -> float:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    means: list[float] = []
    for height, width in PROOF_SIZES:
        first, second = _moved_texture(height, width)
        (actual,) = session.run(["flow"], {"first": first, "second": second})
        expected = traced(torch.from_numpy(first), torch.from_numpy(second)).numpy()
        means.append(float(np.abs(np.asarray(actual) - expected).mean()))
    worst = max(means)
    if not worst <= WORST_MEAN:  # so that NaN is refused too
        raise TrainingError(
            f"the exported file's flow is off by {worst:.3f} px on average; "
            f"at most {WORST_MEAN} px is kept, so nothing was written"
        )
    return worst


def _moved_texture(height: int, width: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Noise at three scales, and the same 3 px to the left and 2 px up.

    Each is (1, H, W, 3) uint8, 0–255, RGB.
    """
    rng = np.random.default_rng(0)
    size = (width + 3, height + 2)
    scene = np.zeros((*size[::-1], 3))
    for grain in (2, 8, 32):
        coarse = rng.random((height // grain + 1, width // grain + 1, 3))
        scene += cv2.resize(coarse, size, interpolation=cv2.INTER_LINEAR)
    frame = (scene * (255 / 3)).astype(np.uint8)[None]
    still, moved = frame[:, :height, :width], frame[:, 2:, 3:]
    return np.ascontiguousarray(still), np.ascontiguousarray(moved)

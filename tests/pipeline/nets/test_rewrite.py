from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from stylize_video.export.universal import trace_apply
from stylize_video.models.universal.base import Universal
from stylize_video.models.universal.whitening import Affine
from stylize_video.pipeline.nets.rewrite import LABELS, with_labels

from ...helpers.universal_nets import noise_picture, tiny_universal_nets

SESSION = {"providers": ["CPUExecutionProvider"]}


@pytest.mark.parametrize("name", ["wct", "wct2-cat5"])
def test_every_label_has_maps_of_its_own(name: str):
    net: Universal = tiny_universal_nets()[name]
    scales = {layer: scale for layer, (_, scale) in net.layers.items()}
    model = with_labels(trace_apply(net), scales)
    session = onnxruntime.InferenceSession(model.SerializeToString(), **SESSION)
    frame = noise_picture(2, 64, 80)
    labels = torch.rand(1, 3, 64, 80)
    labels = labels / labels.sum(dim=1, keepdim=True)
    affine_maps = {
        layer: Affine(torch.eye(c) + 0.2 * torch.randn(3, c, c), 0.1 * torch.randn(3, c))
        for layer, (c, _) in net.layers.items()
    }
    wanted = (net.paint(frame, affine_maps, labels) * 255).round().clamp(0, 255).byte()
    fed: dict[str, np.ndarray] = {LABELS: labels.numpy()}
    fed["frame"] = (frame * 255).round().byte().permute(0, 2, 3, 1).numpy()
    for layer, made in affine_maps.items():
        fed |= {f"matrix.{layer}": made.matrix.numpy(), f"shift.{layer}": made.shift.numpy()}
    found = torch.from_numpy(session.run(None, fed)[0]).permute(0, 3, 1, 2)
    assert (found.float() - wanted.float()).abs().mean() < 0.5

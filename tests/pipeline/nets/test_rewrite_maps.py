from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch
from stylize_video.export.half_weights import halved
from stylize_video.export.universal import trace_apply
from stylize_video.models.universal.base import Universal
from stylize_video.pipeline.nets.rewrite import with_maps

from ...helpers.universal_nets import noise_picture, tiny_universal_nets


@pytest.mark.parametrize("name", ["wct", "wct2-cat5"])
def test_a_shots_own_file_paints_as_the_maps_do(name: str):
    net: Universal = tiny_universal_nets()[name]
    for module in net.modules():
        if hasattr(module, "sizes"):
            torch.nn.init.uniform_(module.sizes, 1.0, 3.0)  # pyright: ignore[reportArgumentType]
    frame, style = noise_picture(2, 40, 56), noise_picture(1, 64, 64)
    affine_maps = net.affine_maps(frame, net.style_statistics(style))
    arrays = {
        f"{part}.{layer}": getattr(affine_maps[layer], part)[0].float().numpy()
        for layer in net.layers
        for part in ("matrix", "shift")
    }
    model = halved(trace_apply(net))
    fed = (frame * 255).byte().permute(0, 2, 3, 1).numpy()

    def run(model: bytes, told: dict[str, np.ndarray]) -> np.ndarray:
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        return np.asarray(session.run(None, {"frame": fed, **told})[0], int)

    bound = with_maps(model, arrays)
    assert [port.name for port in bound.graph.input] == ["frame"]
    assert len(bound.graph.node) < len(model.graph.node)
    off = run(bound.SerializeToString(), {}) - run(model.SerializeToString(), arrays)
    assert np.abs(off).max() <= 1

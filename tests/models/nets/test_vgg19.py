from __future__ import annotations

from pathlib import Path

import pytest
import torch
from stylize_video.models.nets.vgg19 import VGG19


def test_vgg_names_its_layers_as_the_papers_do(vgg: VGG19):
    layers = ("relu1_1", "relu2_1", "conv4_2", "relu4_2", "pool4", "conv5_1")
    found = vgg(torch.rand(1, 3, 32, 48), layers)
    assert found["relu1_1"].shape == (1, 64, 32, 48)
    assert found["relu2_1"].shape == (1, 128, 16, 24)
    assert found["conv4_2"].shape == (1, 512, 4, 6)
    assert torch.equal(found["conv4_2"].clamp(min=0), found["relu4_2"])
    assert found["conv5_1"].shape == (1, 512, 2, 3)


def test_a_file_that_is_not_vgg_is_named(tmp_path: Path):
    torch.save({"features.0.weight": torch.zeros(3)}, tmp_path / "no.pth")
    with pytest.raises(ValueError, match="does not hold VGG-19"):
        VGG19(tmp_path / "no.pth")


@pytest.mark.real_data
def test_the_half_precision_weights_load(shared: Path):
    describer = VGG19(shared / "weights" / "vgg19-features-conv5_1.safetensors")
    assert describer(torch.rand(1, 3, 32, 32), ("conv5_1",))["conv5_1"].std() > 0.1

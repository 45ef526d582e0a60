"""Published weights: from a named file without torchvision, else from torchvision."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from stylize_video.models.nets.raft import RaftSmall, load_raft_small
from stylize_video.models.nets.vgg19 import VGG19, open_vgg19
from stylize_video.pipeline.core.errors import TrainingError


def test_a_named_file_needs_no_torchvision(monkeypatch: pytest.MonkeyPatch, vgg_file: Path):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert open_vgg19(vgg_file).places["conv4_2"] == 21


def test_without_torchvision_a_download_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(TrainingError, match=r"torchvision can't be imported.*STYLIZE_VGG19"):
        open_vgg19(None)


def test_a_download_is_of_torchvisions_address_and_checked(
    monkeypatch: pytest.MonkeyPatch, vgg: VGG19
):
    asked: list[tuple[str, Any]] = []
    states = {
        "vgg19-": {f"features.{k}": v for k, v in vgg.features.state_dict().items()},
        "raft_s": RaftSmall().state_dict(),
    }

    def load(url: str, *args: Any, **options: Any) -> dict[str, torch.Tensor]:
        asked.append((url, options["check_hash"]))
        return states[Path(url).name[:6]]

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", load)
    assert torch.equal(open_vgg19(None).features[0].weight, vgg.features[0].weight)  # pyright: ignore
    load_raft_small(None)
    assert asked == [
        ("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", True),
        ("https://download.pytorch.org/models/raft_small_C_T_V2-01064c6d.pth", True),
    ]

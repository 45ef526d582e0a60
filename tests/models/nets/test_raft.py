from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
from stylize_video.models.nets.raft import load_raft_small
from stylize_video.pipeline.core.errors import TrainingError

from ...helpers.weights import untrained_raft


def test_every_picture_of_a_batch_has_its_own_flow():
    net = untrained_raft()
    first, second = torch.rand(2, 2, 3, 64, 72) * 2 - 1
    together = net(first, second)
    assert together.shape == (2, 2, 64, 72)
    for i in range(2):
        torch.testing.assert_close(together[i], net(first[i : i + 1], second[i : i + 1])[0])


def test_a_pth_file_loads(tmp_path: Path):
    torch.save(untrained_raft().state_dict(), tmp_path / "raft.pth")
    net = load_raft_small(tmp_path / "raft.pth", updates=3)
    assert net.updates == 3 and not net.training
    assert not any(weight.requires_grad for weight in net.parameters())
    torch.testing.assert_close(net.state_dict(), untrained_raft().state_dict())


@pytest.mark.parametrize("name", ["raft.safetensors", "raft.pth"])
def test_a_broken_weight_file_is_one_line(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"no weights at all")
    with pytest.raises(TrainingError, match=rf"{name} can't be used") as caught:
        load_raft_small(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_weights_of_another_net_name_what_lacks(tmp_path: Path):
    torch.save({"features.0.weight": torch.zeros(3)}, tmp_path / "vgg.pth")
    with pytest.raises(TrainingError, match=r"no fitting 'feature_encoder\.convnormrelu\.0\.w"):
        load_raft_small(tmp_path / "vgg.pth")


def test_a_missing_weight_file_is_named(tmp_path: Path):
    with pytest.raises(TrainingError, match=r"none\.pth do not exist"):
        load_raft_small(tmp_path / "none.pth")


def test_a_failed_download_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    def no_net(*_: Any, **__: Any) -> None:
        raise URLError("no route")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", no_net)
    with pytest.raises(TrainingError, match=r"could not be read .*no route.*give a file"):
        load_raft_small()

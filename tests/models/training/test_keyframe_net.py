"""A net that learns to paint from a few painted frames."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from stylize_video.export.style import read_net
from stylize_video.models.nets.feedforward import FastNet
from stylize_video.models.nets.vgg19 import VGG19
from stylize_video.models.recipe import DistilRecipe
from stylize_video.models.training.keyframe_net import Pair, begin, distil, load_lesson, save_lesson
from stylize_video.pipeline.styles.zoo import base_file

from ...helpers.scenes import texture

CPU = torch.device("cpu")
SHORT = DistilRecipe(steps=6, batch=1, crop=64)


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    """Two frames, and each with red and blue exchanged."""
    found: list[Pair] = []
    for n in range(2):
        rgb = texture(n, 96, 80)
        pair = tmp_path / f"{n}.png", tmp_path / f"{n}-painted.png"
        cv2.imwrite(str(pair[0]), rgb[..., ::-1])
        cv2.imwrite(str(pair[1]), rgb)
        found.append(pair)
    return found


def test_it_comes_nearer_to_the_paintings(vgg: VGG19, pairs: list[Pair]):
    recipe = SHORT.model_copy(update={"steps": 40})
    losses = list(distil(begin(FastNet(), recipe, CPU), vgg, pairs, recipe))
    assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


def test_the_base_that_ships_is_a_better_beginning_than_nothing(vgg: VGG19, pairs: list[Pair]):
    def loss(net: FastNet) -> float:
        return sum(distil(begin(net, SHORT, CPU), vgg, pairs, SHORT))

    fresh: list[float] = []
    for seed in (1, 2, 3):
        torch.manual_seed(seed)
        fresh.append(loss(FastNet()))
    assert loss(read_net(base_file("fast"))) < 0.8 * float(np.mean(fresh))


def test_a_stopped_net_goes_on_where_it_was(vgg: VGG19, pairs: list[Pair], tmp_path: Path):
    base = FastNet()
    whole = list(distil(begin(base, SHORT, CPU), vgg, pairs, SHORT))
    lesson = begin(base, SHORT, CPU)
    stopped = distil(lesson, vgg, pairs, SHORT)
    first = [next(stopped) for _ in range(3)]
    save_lesson(lesson, tmp_path / "net.part")
    again = load_lesson(tmp_path / "net.part", SHORT, CPU)
    assert again is not None
    assert again.step == 3
    rest = list(distil(again, vgg, pairs, SHORT))
    np.testing.assert_allclose(first + rest, whole, rtol=2e-2)


def test_a_broken_checkpoint_is_no_end(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "net.part").write_bytes(b"nothing")
    assert load_lesson(tmp_path / "net.part", SHORT, CPU) is None
    assert "learns anew" in caplog.text
    assert load_lesson(tmp_path / "none.part", SHORT, CPU) is None

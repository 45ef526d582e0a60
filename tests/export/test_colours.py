"""A trained net's colours are brought to its painting's."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from stylize_video.export.colours import match_colours
from stylize_video.models.data import to_rgb, to_tensor
from stylize_video.models.recipe import Recipe
from stylize_video.models.training.state import Training, begin, load_checkpoint, save_checkpoint
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.imaging.palette import Palette

from ..helpers.pictures import write_photos

GOAL = Palette(np.array([90.0, 120, 150]), np.diag([900.0, 400, 1600]))


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    return sorted(write_photos(tmp_path / "photos", 3, 480).iterdir())


def training(**values: object) -> Training:
    fresh = begin(Recipe.model_validate(values), torch.device("cpu"))
    fresh.palette = GOAL.to_json()
    return fresh


@torch.no_grad()
def paint(net: torch.nn.Module, path: Path) -> Rgb:
    rgb = cv2.imread(str(path))
    assert rgb is not None
    return to_rgb(net(to_tensor(rgb[..., ::-1])))


def palette(net: torch.nn.Module, photos: list[Path]) -> Palette:
    return Palette.of([paint(net, path) for path in photos])


@pytest.mark.parametrize("tier", ["fast", "quality"])
def test_paintings_come_near_to_the_goals_mean_and_covariance(photos: list[Path], tier: str):
    task = training(tier=tier, colour_match=1.0)
    before = palette(task.average, photos)
    match_colours(task, photos)
    after = palette(task.average, photos)
    for name in ("mean", "covariance"):
        far, near = (np.abs(getattr(p, name) - getattr(GOAL, name)).max() for p in (before, after))
        assert near < 0.3 * far, name


def test_in_part_they_lie_between(photos: list[Path]):
    task = training(colour_match=0.6)
    before = palette(task.average, photos).mean
    match_colours(task, photos)
    after = palette(task.average, photos).mean
    assert np.allclose(after, 0.4 * before + 0.6 * GOAL.mean, atol=4)


@pytest.mark.parametrize(
    ("values", "goal"),
    [
        ({"colour_match": 0.0}, GOAL.to_json()),
        ({}, ""),  # a base has no painting
        ({"tier": "johnson"}, GOAL.to_json()),  # ends in no plain convolution
    ],
)
def test_other_nets_stay_as_they_are(photos: list[Path], values: dict[str, object], goal: str):
    task = training(**values)
    task.palette = goal
    before = paint(task.average, photos[0])
    match_colours(task, photos)
    assert np.array_equal(paint(task.average, photos[0]), before)


def test_a_resumed_training_does_not_match_twice(photos: list[Path], tmp_path: Path):
    task = training()
    save_checkpoint(task, tmp_path / "checkpoint.pt")
    match_colours(task, photos)
    again = load_checkpoint(tmp_path / "checkpoint.pt", torch.device("cpu"))
    match_colours(again, photos)
    assert np.array_equal(paint(again.average, photos[0]), paint(task.average, photos[0]))


def test_a_photo_that_cannot_be_read_is_left_out(photos: list[Path], tmp_path: Path):
    whole, broken = training(), training()
    match_colours(whole, photos)
    match_colours(broken, [*photos, Path(tmp_path / "none.png")])
    assert np.array_equal(paint(broken.average, photos[0]), paint(whole.average, photos[0]))

"""What a training begins from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from stylize_video.export.bases import base_of
from stylize_video.models.recipe import Recipe
from stylize_video.models.training.state import begin, save_checkpoint
from stylize_video.pipeline.core.errors import TrainingError
from stylize_video.pipeline.styles.zoo import CANVAS_BASE, base_file, family_of

CPU = torch.device("cpu")


def test_fast_and_quality_nets_begin_from_the_base_that_ships():
    for tier in ("fast", "quality"):
        recipe = Recipe(tier=tier)  # pyright: ignore[reportArgumentType]
        family = begin(recipe, CPU, base_of(recipe, None)).family
        assert family.startswith(family_of(base_file(CANVAS_BASE)) or "none")


@pytest.mark.parametrize(
    "recipe", [Recipe(tier="recurrent"), Recipe(tier="johnson"), Recipe(canvas=0)]
)
def test_other_nets_begin_from_nothing(recipe: Recipe):
    assert base_of(recipe, None) is None


def test_none_and_a_base_itself_begin_from_nothing():
    assert base_of(Recipe(), Path("none")) is None
    assert base_of(Recipe(), None, fresh=True) is None


def test_a_checkpoint_and_a_style_file_are_bases(tmp_path: Path):
    save_checkpoint(begin(Recipe(), CPU), tmp_path / "c.pt")
    for path in (tmp_path / "c.pt", base_file(CANVAS_BASE)):
        base = base_of(Recipe(), path)
        assert base is not None and base.net.canvas == 4


def test_a_file_of_another_kind_is_refused(tmp_path: Path):
    (tmp_path / "x.onnx").write_bytes(b"nothing")
    with pytest.raises(TrainingError, match="--base"):
        base_of(Recipe(), tmp_path / "x.onnx")

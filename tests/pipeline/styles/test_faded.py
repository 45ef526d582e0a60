from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.styles.faded import FadedStyles
from stylize_video.pipeline.styles.feedforward import FeedForwardStyle
from stylize_video.pipeline.styles.per_shot import paint_picture
from stylize_video.pipeline.styles.zoo import CANVAS_BASE, base_file

from ...helpers.open_styles import open_file
from ...helpers.scenes import texture


def test_styles_without_a_common_base_are_faded():
    picture = texture(5, 160, 96)
    names = ("composition-vii", "shipwreck", "udnie-quality")
    weights = (0.5, 0.2, 0.3)
    mixed = open_file(*(f"{n}:{w}" for n, w in zip(names, weights, strict=True)))
    assert isinstance(mixed, FadedStyles)
    assert mixed.info.name == "composition-vii:0.5 shipwreck:0.2 udnie-quality:0.3"
    alone = [paint_picture(open_file(name), picture).astype(float) for name in names]
    wanted = sum(w * p for w, p in zip(weights, alone, strict=True))
    assert np.abs(paint_picture(mixed, picture) - wanted).max() <= 2


def test_styles_of_one_base_are_one_net(tmp_path: Path):
    twins = [str(shutil.copy(base_file(CANVAS_BASE), tmp_path / f"{n}.onnx")) for n in "ab"]
    assert isinstance(open_file(*(f"{twin}:0.5" for twin in twins)), FeedForwardStyle)


def test_styles_that_ship_are_faded():
    assert isinstance(open_file("udnie:0.5", "starry-night:0.5"), FadedStyles)


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_the_strength_of_a_mixture_is_a_fade(strength: float):
    style = open_file("composition-vii:0.5", "shipwreck:0.5", strength=strength)
    frame = Frame(texture(5, 160, 96), 0, Fraction(1))
    assert style.compile([frame], strength).opacity == strength


def test_a_style_without_a_base_is_faded_too():
    frame = Frame(texture(5, 160, 96), 0, Fraction(1))
    style = open_file("shipwreck", strength=0.4)
    assert style.compile([frame], 0.4).opacity == 0.4

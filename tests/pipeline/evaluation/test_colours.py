"""Colours against a painting: what follows the source, and how far the palettes are apart."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.evaluation.colours import Palette, layout, reduce_to_compare

from ...helpers.scenes import texture


@pytest.fixture(scope="module")
def photo() -> Rgb:
    return cv2.resize(texture(3), (640, 480), interpolation=cv2.INTER_CUBIC)  # pyright: ignore[reportReturnType]


def spots(shape: tuple[int, ...], seed: int) -> Rgb:
    cells = np.random.default_rng(seed).integers(0, 256, (8, 10, 3), np.uint8)
    return cv2.resize(cells, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)  # pyright: ignore[reportReturnType]


def test_a_tint_keeps_the_layout_and_camouflage_does_not(photo: Rgb):
    tint = (photo * np.array([0.5, 0.7, 1.0]) + [60, 30, 0]).clip(0, 255).astype(np.uint8)
    assert layout(photo, tint) > 0.95
    assert layout(photo, spots(photo.shape, 1)) < 0.4


def test_a_painting_has_no_distance_to_itself_and_its_own_chroma(photo: Rgb):
    palette = Palette(photo)
    assert palette.sliced_distance(photo) == 0
    assert palette.gaussian_distance(photo) < 1e-3
    assert palette.chroma(photo) == pytest.approx(1)


def test_distances_are_those_of_a_shift_in_lightness():
    rng = np.random.default_rng(0)
    grey = rng.integers(80, 121, (240, 320, 1), np.uint8).repeat(3, axis=2)
    darker, lighter = grey, (grey + 60).astype(np.uint8)
    shift = float(np.diff([cv2.cvtColor(p, cv2.COLOR_RGB2LAB)[..., 0].mean() * 100 / 255
                           for p in (darker, lighter)])[0])  # fmt: skip
    palette = Palette(darker)
    assert palette.gaussian_distance(lighter) == pytest.approx(shift, rel=0.03)
    # The mean of |cos| over a sphere is a half.
    assert palette.sliced_distance(lighter) == pytest.approx(shift / 2, rel=0.15)


def test_a_grey_result_has_no_chroma(photo: Rgb):
    grey = cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    assert Palette(photo).chroma(np.asarray(grey, np.uint8)) < 0.01


@pytest.mark.parametrize(
    ("shape", "expected"), [((1080, 1920), (720, 1280)), ((500, 333), (1072, 720))]
)
def test_pictures_are_compared_at_720_px(shape: tuple[int, int], expected: tuple[int, int]):
    assert reduce_to_compare(np.zeros((*shape, 3), np.uint8)).shape == (*expected, 3)

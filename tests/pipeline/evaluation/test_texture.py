"""Strokes and clouds, and sharpness."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.evaluation.texture import bare_paper, sharpness, stroke_ratio


def waves(period: float, contrast: float = 40, size: int = 384) -> Rgb:
    """Slanted waves of a period in px."""
    y, x = np.mgrid[:size, :size]
    light = 128 + contrast * np.sin(2 * np.pi * (0.8 * x + 0.6 * y) / period)
    return light.round().astype(np.uint8)[..., None].repeat(3, axis=2)


def test_strokes_have_a_higher_ratio_than_clouds():
    strokes, clouds = stroke_ratio(waves(9)), stroke_ratio(waves(64))
    assert strokes > 100 * clouds


def test_contrast_does_not_matter():
    pale, bold = (
        stroke_ratio(waves(9, contrast) // 2 + waves(64, contrast) // 2) for contrast in (20, 60)
    )
    assert pale == pytest.approx(bold, rel=0.25)


def test_only_the_chosen_windows_count():
    both = waves(64)
    both[:, 192:] = waves(9)[:, 192:]
    left = np.zeros((4, 4), np.bool_)
    left[:, 0] = True
    right = left[:, ::-1]
    assert stroke_ratio(both, right) > 50 * stroke_ratio(both, left)


def test_a_plain_wall_has_no_strokes():
    assert stroke_ratio(np.full((192, 192, 3), 120, np.uint8)) < 1e-3


def test_blur_lowers_the_sharpness():
    sharp = waves(8)
    assert sharpness(np.asarray(cv2.GaussianBlur(sharp, (0, 0), 1.5), np.uint8)) < sharpness(sharp)


def test_bare_paper_is_told_from_paint():
    painted = waves(9)
    drawn = painted.copy()
    drawn[:, : drawn.shape[1] // 2] = 230
    assert bare_paper(painted) == 0
    assert 0.2 < bare_paper(drawn) <= 0.5

"""A universal style is given a canvas: a faint texture on flat parts of its sources."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from stylize_video.pipeline.core.frame import Frame, as_rgb
from stylize_video.pipeline.styles.grained import grained
from stylize_video.pipeline.temporal.canvas import still_canvas

WALL = np.full((96, 160, 3), 120, np.uint8)


def test_a_wall_gets_a_faint_grey_texture():
    rgb = as_rgb(grained(Frame(WALL, 0, Fraction(1))).source).astype(int)
    assert 5 < (rgb - 120).std() < 11
    assert np.array_equal(rgb[..., 0], rgb[..., 2])


def test_structure_gets_less_of_it_and_no_canvas_none():
    noisy = np.random.default_rng(0).integers(0, 256, WALL.shape, np.uint8)
    noisy[:, :80] = 120
    change = as_rgb(grained(Frame(noisy, 0, Fraction(1))).source).astype(int) - noisy
    assert change[:, 100:].std() < 0.3 * change[:, :60].std()
    off = replace(Frame(WALL, 0, Fraction(1)), canvas=still_canvas(WALL, 0))
    assert np.array_equal(as_rgb(grained(off).source), WALL)


def test_a_weaker_style_has_a_weaker_texture():
    half = as_rgb(grained(Frame(WALL, 0, Fraction(1)), 0.5).source).astype(int) - 120
    whole = as_rgb(grained(Frame(WALL, 0, Fraction(1))).source).astype(int) - 120
    assert abs(half.std() / whole.std() - 0.5) < 0.1

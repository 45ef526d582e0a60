"""Paper and grain: where they are seen, what they leave alone, and what time changes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from stylize_video.pipeline.core.frame import WIDER, Rgb, Yuv, YuvMatrix
from stylize_video.pipeline.imaging.surface import Surface, open_surface

NOW, LATER = Fraction(1, 25), Fraction(2, 25)


def grey(level: int) -> Rgb:
    return np.full((72, 96, 3), level, np.uint8)


def spread(picture: object) -> float:
    return float(np.std(np.asarray(picture, np.float64)))


def test_nothing_is_nothing():
    assert open_surface(0, 0) is None


@pytest.mark.parametrize("surface", [Surface(1, 0), Surface(0, 1), Surface(0.5, 0.5)])
def test_middle_tones_show_it_blacks_do_not_and_the_mean_stays(surface: Surface):
    middle, black = surface(grey(128), NOW), surface(grey(0), NOW)
    assert spread(middle) > 4
    assert spread(black) < 1.5
    assert np.mean(middle) == pytest.approx(128, abs=1)


def test_paper_stands_still_and_grain_does_not():
    paper, grain = Surface(1, 0), Surface(0, 1)
    assert np.array_equal(paper(grey(128), NOW), paper(grey(128), LATER))
    assert np.array_equal(grain(grey(128), NOW), grain(grey(128), NOW))
    assert not np.array_equal(grain(grey(128), NOW), grain(grey(128), LATER))


def test_more_is_more():
    assert spread(Surface(0, 1)(grey(128), NOW)) > 1.8 * spread(Surface(0, 0.5)(grey(128), NOW))


def test_pictures_of_16_bits_get_the_same_in_their_bits():
    surface = Surface(0.6, 0.6)
    deep = surface(grey(128).astype(np.uint16) * WIDER, NOW)
    assert not isinstance(deep, Yuv) and deep.dtype == np.uint16
    assert np.abs(deep / WIDER - surface(grey(128), NOW)).max() <= 1


@pytest.mark.parametrize("limited", [0, 2])
def test_planes_get_it_in_their_brightness_alone(limited: int):
    half = np.full((36, 48), 128, np.uint8)
    picture = Yuv(np.full((72, 96), 126, np.uint8), half, half, YuvMatrix(1, limited))
    done = Surface(1, 0)(picture, NOW)
    assert isinstance(done, Yuv)
    assert spread(done.y) > 4
    assert done.u is half and done.v is half

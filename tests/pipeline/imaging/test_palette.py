from __future__ import annotations

import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.imaging.palette import ColorGoal, ColorMap, Palette


def cloud(mean: list[float], mixing: list[list[float]], seed: int = 0) -> Rgb:
    """A picture of Gaussian colours, (128, 128, 3), 0–255."""
    noise = np.random.default_rng(seed).standard_normal((128, 128, 3))
    return np.clip(noise @ np.array(mixing).T + mean, 0, 255).astype(np.uint8)


WARM = cloud([150, 110, 80], [[25, 0, 0], [15, 10, 0], [8, 6, 8]])
COLD = cloud([90, 110, 140], [[12, 0, 0], [5, 15, 0], [-3, 8, 20]], seed=1)


def test_a_mapped_picture_has_the_other_ones_palette():
    warm, cold = Palette.of([WARM]), Palette.of([COLD])
    mapped = Palette.of([ColorMap.between(warm, cold)(WARM)])
    assert np.abs(mapped.mean - cold.mean).max() < 1
    assert np.abs(mapped.covariance - cold.covariance).max() < 0.05 * cold.covariance.max()


def test_the_map_to_its_own_palette_changes_nothing():
    warm = Palette.of([WARM])
    assert np.array_equal(ColorMap.between(warm, warm)(WARM), WARM)


def test_noise_is_not_amplified_to_a_palette():
    """A nearly flat picture keeps a deviation of 3 times its own at most."""
    flat = cloud([120, 120, 120], [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    mapped = ColorMap.between(Palette.of([flat]), Palette.of([WARM]))(flat)
    assert mapped.std(axis=(0, 1)).max() < 3.1 * flat.std(axis=(0, 1)).max()
    assert np.abs(mapped.mean(axis=(0, 1)) - WARM.mean(axis=(0, 1))).max() < 1


def test_half_the_strength_is_half_way_to_the_source():
    warm, cold = Palette.of([WARM]), Palette.of([COLD])
    goal = ColorGoal(palette=warm).at(0.5)
    mapped = Palette.of([goal.map(cold, cold)(COLD)])
    assert np.abs(mapped.mean - (warm.mean + cold.mean) / 2).max() < 1


def test_a_palette_is_read_as_it_was_written():
    warm = Palette.of([WARM])
    read = Palette.from_json(warm.to_json())
    assert np.allclose(read.mean, warm.mean, atol=0.01)
    assert np.allclose(read.covariance, warm.covariance, atol=0.01)


@pytest.mark.parametrize("text", ["red", "[]", "{}", '{"mean": [1], "covariance": [2]}'])
def test_what_is_no_palette_is_refused(text: str):
    with pytest.raises(ValueError, match=r"no palette|Expecting"):
        Palette.from_json(text)

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Frame, YuvMatrix, as_rgb
from stylize_video.pipeline.temporal.light import levelled, steady_light

from ...helpers.scenes import texture
from ...helpers.yuv import to_yuv420

PHOTO = texture(5, 192, 128) // 2 + 40


def means(gains: Sequence[float], planar: bool, cut: int = 0) -> np.ndarray:
    """Mean brightness of what a net is given, of a still picture under changing light."""
    frames: list[Frame] = []
    for number, gain in enumerate(gains):
        rgb = np.clip(PHOTO * gain + 0.5, 0, 255).astype(np.uint8)
        source = to_yuv420(rgb, YuvMatrix(1, 1)) if planar else rgb
        frames.append(Frame(source, number, Fraction(1, 25), cut=number in (0, cut)))
    return np.array([as_rgb(levelled(f).source).mean() for f in steady_light(frames)])


@pytest.mark.parametrize("planar", [False, True])
def test_the_flicker_of_a_lamp_is_taken_out(planar: bool):
    gains = 1 + 0.03 * np.sin(np.arange(60) * 2.1)
    seen, given = PHOTO.mean() * gains, means(list(gains), planar)
    assert np.abs(np.diff(given)).mean() < 0.3 * np.abs(np.diff(seen)).mean()


@pytest.mark.parametrize("planar", [False, True])
def test_a_fade_and_a_lamp_that_is_switched_on_are_followed(planar: bool):
    fade = list(np.linspace(1, 0.1, 30))
    assert np.abs(means(fade, planar) - PHOTO.mean() * np.array(fade)).max() < 6
    switched = [0.6] * 10 + [1.0] * 20
    given = means(switched, planar)
    assert abs(given[-1] - PHOTO.mean()) < 3 and abs(given[12] - PHOTO.mean()) < 5


def test_a_cut_begins_anew():
    gains = [1.0] * 10 + [1.04] * 10
    given = means(gains, planar=False, cut=10)
    assert given[10] == pytest.approx(PHOTO.mean() * 1.04, abs=1)


def test_what_moves_is_no_change_of_light():
    rng = np.random.default_rng(0)
    pictures = [rng.integers(60, 180, (128, 192, 3), dtype=np.uint8) for _ in range(8)]
    frames = [Frame(p, n, Fraction(1, 25), cut=n == 0) for n, p in enumerate(pictures)]
    for frame, picture in zip(steady_light(frames), pictures, strict=True):
        assert np.abs(levelled(frame).source.astype(int) - picture).max() <= 2

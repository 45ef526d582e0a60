"""What VGG-19's features say of paint in flat areas; with weights of its shape."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from stylize_video.cli.style_figures import style_figures
from stylize_video.models.evaluation.strokes import bare, content_error, describe, paint
from stylize_video.models.nets.vgg19 import VGG19
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.evaluation import colours

from ...helpers.scenes import texture
from ...helpers.weights import write_vgg19


@pytest.fixture(scope="module")
def vgg(tmp_path_factory: pytest.TempPathFactory) -> VGG19:
    return VGG19(write_vgg19(tmp_path_factory.mktemp("vgg") / "vgg19.pth"))


@pytest.fixture(scope="module")
def painting() -> Rgb:
    return cv2.resize(texture(3), (288, 288), interpolation=cv2.INTER_AREA)  # pyright: ignore[reportReturnType]


def half_flat(rgb: Rgb) -> Rgb:
    """A picture whose upper part is a plain wall."""
    flat = rgb.copy()
    flat[:200] = 180
    return flat


def test_a_plain_wall_is_bare_and_a_painted_one_is_not(vgg: VGG19, painting: Rgb):
    source = half_flat(painting)
    wall, painted, own = (describe(vgg, p) for p in (source, painting, painting))
    assert bare(wall, wall, own) == 1
    assert paint(wall, wall, own) < 0.1  # the padding at the picture's edge has some contrast
    assert bare(wall, painted, own) == 0
    assert 0.5 < paint(wall, painted, own) < 1.5


def test_flat_windows_are_a_third_where_the_source_has_least_contrast(vgg: VGG19, painting: Rgb):
    source = painting.copy()
    source[:96] = (source[:96] / 20 + 100).astype(np.uint8)
    flat = describe(vgg, source).flat_windows()
    assert flat.tolist() == [[True] * 3, [False] * 3, [False] * 3]


def test_the_content_error_is_that_of_the_features(vgg: VGG19, painting: Rgb):
    same, other = describe(vgg, painting), describe(vgg, painting[::-1].copy())
    assert content_error(same, same) == 0
    assert content_error(same, other) > 0.1


def test_a_picture_smaller_than_a_window_is_refused(vgg: VGG19):
    with pytest.raises(ValueError, match=r"90x95 has no window of 96 px"):
        describe(vgg, np.zeros((95, 90, 3), np.uint8))


def test_figures_of_a_painting_that_paints_itself(
    vgg: VGG19, painting: Rgb, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(colours, "COMPARED_SIDE", 288)
    figures = style_figures(vgg, painting, [(painting, painting)])
    assert figures.layout == pytest.approx(1)
    assert figures.swd == figures.content == 0
    assert figures.chroma == pytest.approx(1)

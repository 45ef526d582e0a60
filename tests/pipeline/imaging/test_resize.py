from __future__ import annotations

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Yuv, YuvMatrix
from stylize_video.pipeline.imaging.resize import (
    StrokeScale,
    resize_picture,
    restore_detail,
    tile_spans,
    work_size,
)

from ...helpers.pictures import psnr
from ...helpers.scenes import texture
from ...helpers.yuv import to_yuv420


@pytest.mark.parametrize(
    ("size", "scale", "wanted"),
    [
        ((720, 1280), 1.0, (720, 1280)),
        ((2160, 3840), 1.0, (720, 1280)),
        ((480, 854), 1.0, (720, 1282)),
        ((1080, 1920), 2.0, (360, 640)),
        ((1920, 1080), 2.0, (640, 360)),
        ((31, 47), None, (31, 47)),
        ((2, 2000), 16.0, (16, 16384)),
    ],
)
def test_the_painted_size_hangs_on_the_scale_alone(size, scale, wanted):
    found = work_size(*size, scale and StrokeScale(scale))
    if scale is not None:
        assert found[0] % 2 == found[1] % 2 == 0
    assert np.allclose(found, wanted, atol=2)


@pytest.mark.parametrize(
    ("size", "scale", "wanted"),
    [
        ((720, 1280), 1.0, (720, 1280)),
        ((801, 1201), 1.0, (801, 1201)),  # about as large
        ((1080, 1920), 1.0, (720, 1280)),
        ((3840, 2160), 1.0, (1280, 720)),
        ((359, 639), 1.0, (359, 639)),
        ((2160, 3840), 0.75, (960, 1706)),
    ],
)
def test_for_a_styles_own_scale_frames_are_only_reduced(size, scale, wanted):
    assert np.allclose(work_size(*size, StrokeScale(scale, enlarge=False)), wanted, atol=2)


def test_a_limit_of_pixels_holds_for_a_styles_own_scale_too():
    own = StrokeScale(1.0, enlarge=False)
    assert work_size(720, 1280, own, most_pixels=480 * 854) == (480, 854)
    assert work_size(2160, 3840, own, most_pixels=10**7) == (720, 1280)


@pytest.mark.parametrize("planar", [False, True])
def test_a_painting_that_follows_its_source_gets_its_detail_back(planar: bool):
    rgb = texture(3, 480, 320)
    source = to_yuv420(rgb, YuvMatrix(1, 1)) if planar else rgb
    small = resize_picture(source, (106, 160))
    back = restore_detail(small, source, small)  # the painting is the source itself
    blurred = resize_picture(small, (320, 480))
    as_rgb = [p.rgb() if isinstance(p, Yuv) else p for p in (back, blurred, source)]
    assert psnr(as_rgb[0], as_rgb[2]) > psnr(as_rgb[1], as_rgb[2]) + 2


def test_strokes_of_their_own_get_no_detail():
    source = texture(3, 480, 320)
    small = resize_picture(source, (160, 240))
    flat = np.full_like(small, 90)
    assert np.abs(np.asarray(restore_detail(flat, source, small), int) - 90).max() <= 2


def test_at_its_own_size_it_is_left_alone():
    picture = texture(1, 64, 48)
    assert restore_detail(picture, picture, picture) is picture
    assert resize_picture(picture, (48, 64)) is picture


def test_planes_stay_even():
    planes = to_yuv420(cv2.resize(texture(1, 64, 48), (64, 48)), YuvMatrix(1, 1))
    small = resize_picture(planes, (24, 32))
    assert isinstance(small, Yuv)
    assert small.y.shape == (24, 32) and small.u.shape == (12, 16)


@pytest.mark.parametrize(("length", "tile", "rim"), [(64, 64, 32), (64, 64, 40), (300, 128, 32)])
def test_tiles_cover_the_whole_once(length: int, tile: int, rim: int):
    """A picture of one tile may be as small as two rims, or smaller."""
    spans = tile_spans(length, tile, rim)
    assert [begin for _, begin, _ in spans] == [0, *(end for _, _, end in spans[:-1])]
    assert spans[-1][2] == length
    assert all(start <= begin < end <= start + tile for start, begin, end in spans)

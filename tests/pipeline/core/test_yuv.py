from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Yuv, YuvMatrix, resized
from stylize_video.pipeline.media.color import ColorTags, frame_of, planes_of

from ...helpers.pictures import psnr
from ...helpers.scenes import texture
from ...helpers.yuv import to_yuv420


def test_white_black_and_red_are_the_standards():
    matrix, offset = YuvMatrix(matrix=1, range=1).to_yuv()
    assert np.allclose(matrix @ [255, 255, 255] + offset, [235, 128, 128], atol=0.01)
    assert np.allclose(matrix @ [0, 0, 0] + offset, [16, 128, 128])
    assert np.allclose(matrix @ [255, 0, 0] + offset, [62.6, 102.3, 240], atol=0.1)
    matrix, offset = YuvMatrix(matrix=5, range=2).to_yuv()
    assert np.allclose(matrix @ [255, 255, 255] + offset, [255, 128, 128], atol=0.01)


@pytest.mark.parametrize("matrix", [1, 2, 4, 5, 7, 9])
@pytest.mark.parametrize("range_", [0, 1, 2])
def test_there_and_back_is_where_it_was(matrix: int, range_: int):
    coding = YuvMatrix(matrix, range_)
    (there, offset), (back, moved) = coding.to_yuv(), coding.to_rgb()
    rgb = np.array([12.0, 200, 77])
    assert np.allclose(back @ (there @ rgb + offset) + moved, rgb)


def test_planes_are_shown_as_ffmpeg_shows_them():
    rgb = cv2.GaussianBlur(texture(3, 96, 64), (0, 0), 2)
    frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(
        format="yuv420p", dst_colorspace=1, dst_color_range=1
    )
    frame.colorspace, frame.color_range = 1, 1
    planes = planes_of(frame)
    assert planes is not None
    assert psnr(planes.rgb(), rgb) > 38
    again = frame_of(planes, ColorTags(1, 1, 1, 1))
    for a, b in zip(again.planes, frame.planes, strict=True):
        assert bytes(a) == bytes(b)


@pytest.mark.parametrize("format_", ["yuv444p", "yuv420p10le", "rgb24"])
def test_other_formats_have_no_such_planes(format_: str):
    assert planes_of(av.VideoFrame(64, 48, format_)) is None


def test_an_odd_size_has_no_such_planes():
    assert planes_of(av.VideoFrame(63, 48, "yuv420p")) is None


def test_planes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="planes of"):
        Yuv(*(np.zeros((4, 4), np.uint8) for _ in "yuv"))


def test_resizing_gives_what_resizing_rgb_gives():
    rgb = cv2.GaussianBlur(texture(4, 128, 96), (0, 0), 3)
    small = resized(to_yuv420(rgb, YuvMatrix(1, 1)), (32, 24), cv2.INTER_AREA)
    assert psnr(small, resized(rgb, (32, 24), cv2.INTER_AREA)) > 38

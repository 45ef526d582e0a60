from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stylize_video.pipeline import Settings, planning, stylize
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.core.frame import Frame, Rgb, Yuv, YuvMatrix
from stylize_video.pipeline.imaging.resize import StrokeScale, work_size
from stylize_video.pipeline.media.images import read_picture, write_picture
from stylize_video.pipeline.styles.painted_size import (
    painted_size,
    reduce_frames,
    restore_frames,
)

from ...helpers.fake_style import FakeStyle
from ...helpers.pictures import psnr
from ...helpers.scenes import pan, texture
from ...helpers.yuv import to_yuv420

SMALL = StrokeScale(12.0)  # a short side of 60 px


@pytest.mark.parametrize("size", [(1080, 1920), (2160, 3840), (1000, 1777), (719, 1281), (90, 160)])
@pytest.mark.parametrize("scale", [None, StrokeScale(1), StrokeScale(1.3), StrokeScale(1, False)])
def test_what_is_reduced_once_is_not_reduced_again(size: Any, scale: StrokeScale | None):
    small = painted_size(size, scale)
    assert small[0] <= size[0]
    assert scale is None or small == size or work_size(*small, scale) == small


@pytest.mark.parametrize("planes", [False, True])
def test_a_large_film_is_painted_small_and_comes_out_whole(planes: bool):
    rgb = pan(texture(3), 1, 192, 128).rgb(0)
    source = to_yuv420(rgb, YuvMatrix()) if planes else rgb
    (small,) = reduce_frames([Frame(source, 7, Fraction(1, 25))], SMALL)
    assert small.source.shape == (60, 90, 3)
    assert isinstance(small.source, Yuv) == planes
    (whole,) = restore_frames([small])
    assert (whole.pts, whole.whole) == (7, None)
    assert whole.source is source
    assert psnr(whole.rgb, rgb) > 30  # its detail is back


def test_small_films_stay_as_they_are():
    frame = Frame(texture(1, 60, 40), 0, Fraction(1))
    assert next(iter(reduce_frames([frame], SMALL))) is frame
    assert next(iter(restore_frames([frame]))) is frame


def test_masks_and_strength_are_applied_at_the_films_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    style = FakeStyle(40, scale=SMALL, per_shot=True)
    monkeypatch.setattr(planning, "open_style", lambda *_, **__: style)
    (tmp_path / "in").mkdir()
    films: list[Rgb] = [np.full((120, 200, 3), 100, np.uint8) for _ in range(3)]
    for number, rgb in enumerate(films):
        write_picture(tmp_path / "in" / f"{number}.png", rgb)
    mask = np.zeros((120, 200, 3), np.uint8)
    mask[:, :101] = 255
    write_picture(tmp_path / "mask.png", mask)
    settings = {"style": "udnie", "mask": str(tmp_path / "mask.png"), "mask_feather": 0}
    stylize(tmp_path / "in", tmp_path / "out", checked(Settings, settings, "test"))
    painted = [read_picture(path) for path in sorted((tmp_path / "out").iterdir())]
    assert len(painted) == 3
    assert style.sizes == [(60, 100)]
    for rgb in painted:
        assert np.ptp(rgb[:, :101]) == 0
        assert (rgb[:, :101] == 140).all()
        assert (rgb[:, 101:] == 100).all()

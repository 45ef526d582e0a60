"""``--palette``: whose colours the result has."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.errors import ModelError, SourceError
from stylize_video.pipeline.core.frame import Frame, Picture, Rgb, YuvMatrix, as_rgb
from stylize_video.pipeline.imaging.palette import Palette
from stylize_video.pipeline.styles.per_shot import CompiledShot, paint_picture
from stylize_video.pipeline.styles.recolored import palette_of
from stylize_video.pipeline.styles.zoo import find_style, zoo

from ...helpers.onnx_files import foreign_onnx, write_contract_model
from ...helpers.open_styles import open_file
from ...helpers.pictures import psnr
from ...helpers.scenes import texture
from ...helpers.yuv import to_yuv420


def frame(picture: Picture, pts: int = 0) -> Frame:
    return Frame(picture, pts, Fraction(1, 25))


def off(painted: Rgb, goal: Palette) -> float:
    """The largest difference of mean or standard deviation to a palette, grey levels."""
    own = Palette.of([painted])
    deviations = (np.sqrt(np.diag(p.covariance)) for p in (own, goal))
    a, b = deviations
    return float(max(np.abs(own.mean - goal.mean).max(), np.abs(a - b).max()))


def written_picture(folder: Path) -> Path:
    warm = texture(7, 160, 120) * np.array([0.9, 0.7, 0.5])
    cv2.imwrite(str(folder / "style.png"), warm.astype(np.uint8)[..., ::-1])
    return folder / "style.png"


@pytest.mark.parametrize("settings", [{}, {"precision": "float"}, {"statistics": "frame"}])
def test_a_trained_style_gets_its_paintings_colours(settings: dict[str, Any]):
    photo = (texture(5, 320, 192) * np.array([0.5, 0.8, 1.0])).astype(np.uint8)
    goal = palette_of(find_style("the-scream"))
    plain, mapped = (
        paint_picture(open_file("the-scream", palette=name, **settings), photo)
        for name in ("none", "style")
    )
    assert off(mapped, goal) < min(22, 0.8 * off(plain, goal))


def test_planes_are_mapped_as_pictures_are():
    """In the network's last kernel, which writes a video's own Y, U and V."""
    planes = to_yuv420(texture(5, 320, 192), YuvMatrix(1, 1))
    style = open_file("the-scream", palette="style", precision="float")
    painted = [as_rgb(style.compile([frame(p)]).paint(frame(p))) for p in (planes, as_rgb(planes))]
    assert psnr(*painted) > 27


def test_a_picture_and_a_mixture_have_a_palette(tmp_path: Path):
    path, photo = written_picture(tmp_path), texture(5, 160, 96)
    goal = palette_of(path)
    plain, mapped = (
        paint_picture(open_file(path, palette=name), photo) for name in ("none", "style")
    )
    assert off(mapped, goal) < 10 and off(mapped, goal) <= off(plain, goal)
    mixed = Palette.mix([(palette_of(find_style(name)), 0.5) for name in ("udnie", "the-scream")])
    both = open_file("udnie:0.5", "the-scream:0.5", palette="style")
    # The mean of two paintings has less contrast than either.
    assert off(paint_picture(both, texture(5, 320, 192)), mixed) < 20


def test_another_projects_network_is_matched(tmp_path: Path):
    negative = foreign_onnx(tmp_path / "n.onnx", [1, 3, "h", "w"], add=255.0, scale=-1.0)
    photo = (texture(5, 160, 96) * np.array([1.0, 0.6, 0.3])).astype(np.uint8)
    matched = paint_picture(open_file(negative, palette="match"), photo)
    assert off(matched, Palette.of([photo])) < 4


@pytest.mark.parametrize("statistics", ["shot", "frame"])
def test_the_map_is_of_the_shot_and_follows_its_light(statistics: str):
    style = open_file("udnie", palette="match", statistics=statistics)
    dark = (texture(2, 160, 96) * 0.5).astype(np.uint8)
    bright = dark + 100
    shot = CompiledShot.of(style, [frame(dark)])
    before = as_rgb(shot.style.paint(frame(bright)))
    after = as_rgb(shot.look(frame(bright)).style.paint(frame(bright)))
    assert np.array_equal(as_rgb(shot.style.paint(frame(bright))), before)
    assert not np.array_equal(after, before)
    dark_mean, bright_mean = dark.mean(), bright.mean()
    if statistics == "frame":  # the net normalises each frame, so the light is all the map's
        assert abs(before.mean() - dark_mean) < 10
        assert dark_mean + 10 < after.mean() < bright_mean


def test_a_file_without_a_palette_is_one_line(tmp_path: Path):
    plain = write_contract_model(tmp_path / "plain.onnx")
    with pytest.raises(ModelError, match=r"plain\.onnx does not hold its painting's colours; "):
        open_file(plain, palette="style")
    broken = write_contract_model(tmp_path / "broken.onnx", palette="blue")
    with pytest.raises(ModelError, match=r"broken\.onnx: "):
        open_file(broken, palette="style")
    with pytest.raises((ModelError, SourceError), match="exist"):
        open_file(tmp_path / "none.onnx", palette="style")


@pytest.mark.parametrize("name", sorted(zoo()))
def test_every_built_in_style_holds_its_paintings_palette(name: str):
    palette = palette_of(find_style(name))
    assert np.linalg.eigvalsh(palette.covariance).min() > 0
    assert 30 < palette.mean.mean() < 200

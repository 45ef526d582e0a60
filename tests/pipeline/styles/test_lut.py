from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.core.errors import ModelError, SettingsError
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.imaging.lut import Table, apply_table, identity, write_cube
from stylize_video.pipeline.styles.lut import LutStyle

from ...helpers.pictures import psnr
from ...helpers.scenes import texture
from ...helpers.video import MakeClip, read_video


def table(warmth: float, size: int = 17) -> Table:
    power = np.array([1 - warmth, 1.0, 1 + warmth], np.float32)
    return identity(size) ** power * np.float32(0.9) + np.float32(0.041)


@pytest.fixture
def warm(tmp_path: Path) -> Path:
    write_cube(table(0.3), tmp_path / "warm.cube", "warm")
    return tmp_path / "warm.cube"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), texture(3, 90, 70)[..., ::-1])
    return path


def graded(photo: Path, **values: Any) -> Rgb:
    """What the main job makes of a picture, with nothing said of steadiness."""
    out = photo.with_name("out.png")
    settings = checked(Settings, {"device": "cpu", "overwrite": True, **values}, "test")
    stylize(photo, out, settings)
    return np.asarray(cv2.imread(str(out), cv2.IMREAD_COLOR_RGB), np.uint8)


def test_a_picture_is_what_interpolation_makes_of_it(warm: Path, photo: Path):
    wanted = apply_table(table(0.3), texture(3, 90, 70))
    shown = graded(photo, style=str(warm))
    assert np.abs(shown.astype(int) - wanted).max() <= 1
    assert (shown != wanted).mean() < 1e-3  # halves, rounded another way


def test_every_colour_is_answered(tmp_path: Path):
    own = np.random.default_rng(0).uniform(-0.1, 1.1, (6, 6, 6, 3)).astype(np.float32)
    write_cube(own, tmp_path / "wild.cube", "wild")
    colours = np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)
    corners = np.array([[[r, g, b] for r in (0, 255) for g in (0, 255)] for b in (0, 255)])
    colours[:2, :4] = corners
    off = LutStyle([(tmp_path / "wild.cube", 1.0)]).paint(colours).astype(int) - apply_table(
        own, colours
    )
    assert np.abs(off).max() <= 1 and (off != 0).mean() < 1e-3


def test_strength_and_weights_are_between_the_tables(warm: Path, photo: Path):
    write_cube(table(-0.4, 9), warm.with_name("cold.cube"), "cold")
    source = texture(3, 90, 70)
    one, other = (apply_table(t, source).astype(float) for t in (table(0.3), table(-0.4, 9)))
    half = graded(photo, style=str(warm), strength=0.5)
    assert np.abs(half - (source + one) / 2).max() <= 1
    assert np.array_equal(graded(photo, style=str(warm), strength=0), source)
    styles = [f"{warm}:3", f"{warm.with_name('cold.cube')}:1"]
    assert np.abs(graded(photo, style=styles) - (0.75 * one + 0.25 * other)).max() <= 1


def test_a_mask_and_the_sources_colours_are_kept(warm: Path, photo: Path):
    mask = np.zeros((70, 90), np.uint8)
    mask[:, 45:] = 255
    cv2.imwrite(str(photo.with_name("mask.png")), mask)
    source, wanted = texture(3, 90, 70), graded(photo, style=str(warm))
    masked = graded(photo, style=str(warm), mask=str(photo.with_name("mask.png")), mask_feather=0)
    assert np.array_equal(masked[:, :45], source[:, :45])
    assert np.array_equal(masked[:, 45:], wanted[:, 45:])
    luma = graded(photo, style=str(warm), palette="source")
    plain, kept = (cv2.cvtColor(x, cv2.COLOR_RGB2YCrCb).astype(int) for x in (source, luma))
    assert np.abs(plain - kept)[..., 1:].mean() < 1.5


def test_a_video_has_the_colours_and_steadiness_costs_nothing(
    warm: Path, make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        "stylize_video.pipeline.planning.open_flow", None
    )  # no motion is looked for
    clip = make_clip()
    lossless: dict[str, Any] = {"crf": 0, "encoder_option": {"pix_fmt": "yuv444p"}}
    values = {"style": str(warm), **lossless}
    stylize(clip, tmp_path / "out.mp4", checked(Settings, values, "test"))
    before, times = read_video(clip)
    after, new_times = read_video(tmp_path / "out.mp4")
    assert new_times == times
    assert min(psnr(apply_table(table(0.3), a), b) for a, b in zip(before, after, strict=True)) > 45


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"style": ["WARM:1", "udnie:1"]}, r"warm\.cube is a table and udnie\.onnx a net"),
        ({"style": ["PHOTO:1", "WARM:1"]}, r"photo\.png is a picture and warm\.cube a table"),
        ({"style": "WARM", "palette": "match"}, "--palette match does not apply"),
        (
            {"style": "WARM", "style_scale": 2},
            "--style-scale 2 does not apply: this style has no strokes",
        ),
        ({"style": "WARM", "steady": "strong"}, "--steady strong does not apply"),
    ],
)
def test_what_a_table_can_not_do_is_refused(
    warm: Path, photo: Path, values: dict[str, Any], told: str
):
    def named(text: str) -> str:
        return text.replace("WARM", str(warm)).replace("PHOTO", str(photo))

    style = values["style"]
    style = named(style) if isinstance(style, str) else [named(text) for text in style]
    with pytest.raises(SettingsError, match=told):
        graded(photo, **{**values, "style": style})


def test_a_table_that_is_not_there_is_named(photo: Path):
    with pytest.raises(ModelError, match=r"no\.cube: there is no such table"):
        graded(photo, style=str(photo.with_name("no.cube")))

"""The styles that ship: whole, by the contract, and without the faults that a viewer would see."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from stylize_video.pipeline.core.config import Settings
from stylize_video.pipeline.core.errors import ModelError
from stylize_video.pipeline.core.frame import Frame, Rgb, as_rgb
from stylize_video.pipeline.styles import open as open_module
from stylize_video.pipeline.styles.compiled import NetMix
from stylize_video.pipeline.styles.direct import DirectStyle, ThirdPartyFormat
from stylize_video.pipeline.styles.feedforward import NetFiles, agrees
from stylize_video.pipeline.styles.files import NetOptions, card_of
from stylize_video.pipeline.styles.per_shot import paint_picture
from stylize_video.pipeline.styles.style import Style
from stylize_video.pipeline.styles.zoo import find_style, sha256, zoo
from stylize_video.pipeline.temporal.canvas import still_canvas

from ...helpers.open_styles import open_file

NAMES = sorted(zoo())


@pytest.fixture(scope="module", params=NAMES)
def style(request: pytest.FixtureRequest) -> Style:
    return open_file(request.param)


def scene(height: int, width: int, left: int = 0) -> Rgb:
    """Smooth hills of colour with one hard edge, cut from a plane at ``left``."""
    y, x = np.mgrid[0:height, left : left + width].astype(float)
    waves = [np.sin(x / 37 + k) * np.cos(y / (23 + 5 * k)) for k in range(3)]
    rgb = 128 + 90 * np.stack(waves, axis=-1)
    rgb[(x > 150) & (x < 190)] = (230, 220, 200)
    return rgb.astype(np.uint8)


def test_there_are_two_styles_and_the_default_is_one():
    assert len(NAMES) >= 2
    assert set(Settings().style) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_table_says_what_the_file_holds(name: str):
    entry = zoo()[name]
    assert sha256(entry.path) == entry.sha256
    metadata = {p.key: p.value for p in onnx.load(entry.path).metadata_props}
    card = card_of(metadata, entry.path)
    assert card is not None and (card.name, card.kind) == (name, entry.tier)
    assert json.loads(card.parity)["mean"] < 1
    recipe = json.loads(card.recipe)
    assert recipe["tier"] == entry.tier
    figures = json.loads(card.figures)
    assert figures["content"] == pytest.approx(entry.figures["content"], abs=1e-3)
    assert figures["style"] == pytest.approx(entry.figures["style"], abs=1e-3)


def test_it_paints_at_any_size(style: Style):
    for size in ((1, 1), (37, 53), (360, 640)):
        assert paint_picture(style, scene(*size)).shape == (*size, 3)


def test_it_changes_the_picture_but_keeps_its_shapes(style: Style):
    content = scene(240, 320)
    painted = paint_picture(style, content)
    assert np.abs(painted.astype(int) - content).mean() > 15
    edges = [np.abs(np.diff(p.astype(float).mean(axis=2), axis=1)) for p in (content, painted)]
    at_edge, elsewhere = edges[1][:, 149:152].max(axis=1).mean(), edges[1][:, 60:120].mean()
    assert at_edge > 2 * elsewhere


def test_a_flat_picture_has_no_grid(style: Style):
    wall = np.full((256, 256, 3), 120, np.uint8)
    frame = Frame(wall, 0, Fraction(1), canvas=still_canvas(wall, 0.0))
    painted = as_rgb(style.compile([frame]).paint(frame)).astype(float).mean(axis=2)
    inner = painted[32:-32, 32:-32] - painted[32:-32, 32:-32].mean()
    amplitude = np.abs(np.fft.fft2(inner)) / inner.size  # in grey levels
    n = inner.shape[0]
    # The net works in cells of 4 px: a grid would stand at multiples of a quarter cycle per pixel.
    grid = [amplitude[k * n // 4, m * n // 4] for k in range(4) for m in range(4) if k or m]
    assert max(grid) < 0.4


def test_there_is_no_border(style: Style):
    """The rim of a picture is painted as the same pixels inside a larger one would be."""
    small = paint_picture(style, scene(240, 320, left=200)).astype(float)
    rim = np.ones((240, 320), bool)
    rim[8:-8, 8:-8] = False
    brightness = small.mean(axis=2)
    near = np.zeros_like(rim)
    near[8:-8, 8:-8] = True
    near[24:-24, 24:-24] = False
    assert abs(brightness[rim].mean() - brightness[near].mean()) < 12


@pytest.mark.parametrize("name", NAMES)
def test_the_program_paints_what_the_file_itself_paints(name: str):
    """For these files it is not asked again at every start."""
    path = zoo()[name].path
    mix = NetFiles([(path, 1.0)]).mix()
    assert mix is not None
    assert agrees(mix, DirectStyle(path, NetOptions(device="cpu"), ThirdPartyFormat()))


def test_only_a_file_that_ships_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []

    def refused(mix: NetMix, direct: DirectStyle) -> bool:
        asked.append(mix.net.card.name)
        return False

    monkeypatch.setattr(open_module, "agrees", refused)
    assert open_file("udnie").info.per_shot
    model = onnx.load(zoo()["udnie"].path)
    model.producer_name = "someone else"
    onnx.save(model, tmp_path / "mine.onnx")
    assert not open_file(tmp_path / "mine.onnx").info.per_shot
    assert asked == ["udnie"]


def test_the_zoo_is_found_by_name():
    assert find_style(NAMES[0]) == zoo()[NAMES[0]].path
    with pytest.raises(ModelError, match="did you mean"):
        find_style(NAMES[0][:-1])
    assert isinstance(find_style(str(zoo()[NAMES[0]].path)), Path)


def test_the_light_of_a_photograph_is_taken_over(tmp_path: Path):
    content, style = scene(240, 320), scene(240, 320, left=100)
    warm = np.clip(style * np.array([1.2, 0.8, 0.5]), 0, 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "warm.png"), warm[..., ::-1])
    shown = paint_picture(open_file(tmp_path / "warm.png", look="photo"), content)
    assert shown.shape == content.shape
    off, before = (np.abs(x.mean((0, 1)) - warm.mean((0, 1))).max() for x in (shown, content))
    assert off < before / 3

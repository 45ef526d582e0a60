"""Whole runs of a style that paints its canvas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from stylize_video.pipeline import Settings, planning, stylize
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.core.errors import SettingsError
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.media.images import read_picture, write_picture
from stylize_video.pipeline.planning import make_plan

from ..helpers.fake_style import CanvasStyle, FakeStyle
from ..helpers.scenes import pan, texture
from ..helpers.video import MakeClip, Pictures

Paint = Callable[..., Pictures]


@pytest.fixture
def canvas_style(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: Any, **__: Any) -> CanvasStyle:
        return CanvasStyle(max_workers=2)

    monkeypatch.setattr(planning, "open_style", opened)


def settings(**values: Any) -> Settings:
    return checked(Settings, {"style": "udnie", **values}, "test")


def two_shots(first: int, second: int) -> Pictures:
    """Two pans, 96 × 64, the second with a lamp that is turned up."""
    one = pan(texture(1), first, 96, 64, velocity=(1.5, 0.5))
    other = pan(texture(2), second, 96, 64, velocity=(-1, 1))
    bright = (cv2.convertScaleAbs(other.rgb(t), alpha=0.6 + t / 200) for t in range(second))
    return [*(one.rgb(t) for t in range(first)), *(np.asarray(p, np.uint8) for p in bright)]


@pytest.fixture
def paint(make_clip: MakeClip, tmp_path: Path, canvas_style: None) -> Paint:
    """Paint a film of two shots, of 20 and 145 frames, 30 a second; the pictures."""
    clip = make_clip(frames=two_shots(20, 145), step=1000, audio=False)

    def run(name: str, **values: Any) -> Pictures:
        stylize(clip, tmp_path / name, settings(**values))
        return [read_picture(path) for path in sorted((tmp_path / name).iterdir())]

    return run


def test_a_part_of_a_film_is_painted_as_in_the_whole(paint: Paint):
    """The canvas, and what is measured of a shot, are those of the shot's beginning."""
    whole = paint("whole", steady="off")
    for start, first in (("0.2", 6), ("1.0", 30), ("5.1", 153)):
        part = paint(f"from-{first}", steady="off", start=start)
        assert len(part) == len(whole) - first
        for one, other in zip(part, whole[first:], strict=True):
            assert (one == other).all()


def test_blended_frames_of_a_part_are_nearly_those_of_the_whole(paint: Paint):
    whole, part = paint("whole"), paint("part", start="2.5", end="3.0")
    assert len(part) == 15
    differences = [np.abs(a.astype(int) - b) for a, b in zip(part, whole[75:90], strict=True)]
    assert np.mean(differences[0]) < 0.5
    assert np.mean(differences[-1]) < 0.05


def test_the_canvas_is_off(paint: Paint):
    first = paint("off", canvas=0.0, steady="off")[0]
    assert (first == first[0, 0]).all()


def save_pictures(folder: Path, pictures: list[Rgb]) -> Path:
    folder.mkdir()
    for number, rgb in enumerate(pictures):
        write_picture(folder / f"{number:03d}.png", rgb)
    return folder


@pytest.mark.usefixtures("canvas_style")
def test_pictures_that_become_pictures_have_a_canvas_that_stays(tmp_path: Path):
    plain = [np.full((64, 96, 3), level, np.uint8) for level in (100, 101, 180, 20)]
    stylize(save_pictures(tmp_path / "in", plain), tmp_path / "out", settings(steady="off"))
    painted = [read_picture(path) for path in sorted((tmp_path / "out").iterdir())]
    assert (painted[0].std(axis=(0, 1)) > 10).all()
    canvas = [p.astype(int) - p[0, 0] for p in painted]
    assert all((c == canvas[0]).all() for c in canvas)


# ---- the plan ----


def line_of(clip: Path, out: Path, **values: Any) -> str:
    opened = make_plan(clip, out, settings(**values))
    return next((line for line in opened.lines() if line.startswith("canvas")), "")


@pytest.mark.usefixtures("canvas_style")
def test_motion_is_estimated_only_where_it_is_needed(make_clip: MakeClip, tmp_path: Path):
    clip, film = make_clip(audio=False), tmp_path / "out.mp4"
    assert make_plan(clip, film, settings(steady="off")).flow is not None
    assert make_plan(clip, film, settings(steady="off", canvas=0.0)).flow is None
    folder = save_pictures(tmp_path / "in", two_shots(2, 0))
    assert make_plan(folder, tmp_path / "out", settings(steady="off")).flow is None
    assert make_plan(folder, film, settings(steady="off")).flow is not None
    assert make_plan(folder / "000.png", tmp_path / "o.png", settings()).flow is None


@pytest.mark.usefixtures("canvas_style")
def test_the_plan_says_what_the_canvas_does(make_clip: MakeClip, tmp_path: Path):
    clip, film = make_clip(audio=False), tmp_path / "out.mp4"
    assert line_of(clip, film, canvas=0.5) == "canvas   strength 0.5, moves with the scene"
    assert line_of(clip, film, canvas=0.0) == "canvas   off"
    folder = save_pictures(tmp_path / "in", two_shots(2, 0))
    assert line_of(folder, tmp_path / "out") == "canvas   strength 1, does not move"


def test_a_style_without_a_canvas_refuses_its_options(
    make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def opened(*_: Any, **__: Any) -> FakeStyle:
        return FakeStyle(1)

    monkeypatch.setattr(planning, "open_style", opened)
    clip, film = make_clip(audio=False), tmp_path / "out.mp4"
    assert line_of(clip, film) == ""
    with pytest.raises(SettingsError, match=r"--canvas 0\.5 does not apply: this style"):
        make_plan(clip, film, settings(canvas=0.5))
    with pytest.raises(SettingsError, match="--flow dis does not apply: nothing here"):
        make_plan(clip, film, settings(steady="off", flow="dis"))

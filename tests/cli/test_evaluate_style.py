"""``evaluate --style``: how well films and pairs of pictures are painted."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from stylize_video.cli.evaluate import evaluate
from stylize_video.cli.evaluate_style import picture_pairs
from stylize_video.cli.style_figures import NAMES, StyleFigures, mean_figures
from stylize_video.pipeline.core.errors import SettingsError, SourceError
from stylize_video.pipeline.evaluation import colours

from ..helpers import scenes
from ..helpers.command import one_line, run_command
from ..helpers.video import MakeClip

PHOTO = scenes.texture(3)


@pytest.fixture(autouse=True)
def compared_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """VGG-19 is slow: pictures are compared at two windows' size."""
    monkeypatch.setattr(colours, "COMPARED_SIDE", 192)


def write(path: Path, width: int, height: int, flip: bool = False) -> Path:
    picture = cv2.resize(PHOTO, (width, height), interpolation=cv2.INTER_AREA)
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), picture[::-1] if flip else picture)
    return path


def test_pairs_of_pictures_of_any_size_are_measured(
    tmp_path: Path, vgg_file: Path, capsys: pytest.CaptureFixture[str]
):
    painting = write(tmp_path / "painting.png", 200, 200)
    for number, size in (("2", (200, 210)), ("10", (240, 200))):
        write(tmp_path / "in" / f"{number}.png", *size)
        write(tmp_path / "out" / f"{number}.png", *size)
    folders = str(tmp_path / "in"), str(tmp_path / "out")
    evaluate(*folders, style=painting, vgg=vgg_file, as_json=True, quiet=True)
    style = json.loads(capsys.readouterr().out)["style"]
    assert style["pictures"] == 2
    assert set(style["result"]) == set(style["painting"]) == set(NAMES)
    assert style["result"]["content"] == 0  # each is compared with itself
    assert style["result"]["layout"] == pytest.approx(1)


def test_a_film_has_steadiness_and_style(
    tmp_path: Path, vgg_file: Path, make_clip: MakeClip, capsys: pytest.CaptureFixture[str]
):
    scene = scenes.pan(PHOTO, count=4, width=192, height=192, velocity=(2, 1))
    frames = [frame.rgb for frame in scene.frames()]
    films = str(make_clip("in.mp4", frames)), str(make_clip("out.mp4", frames[:3]))
    painting = write(tmp_path / "painting.png", 200, 200)
    evaluate(*films, style=painting, vgg=vgg_file, quiet=True)
    table = capsys.readouterr().out
    assert "steadiness, 1 is the film's" in table
    assert "bare: fraction of flat areas" in table
    assert "mean of 3 pictures" in table


def test_options_of_films_are_refused_for_pictures(tmp_path: Path, vgg_file: Path):
    picture = write(tmp_path / "picture.png", 200, 200)
    with pytest.raises(SettingsError, match="--start does not apply to single pictures"):
        evaluate(str(picture), str(picture), style=picture, vgg=vgg_file, start="1")


def test_pictures_without_a_partner_or_of_another_size_are_refused(tmp_path: Path):
    for number, size in (("1", (60, 40)), ("2", (40, 60))):
        write(tmp_path / "in" / f"{number}.png", *size)
    write(tmp_path / "out" / "1.png", 60, 40)
    folders = str(tmp_path / "in"), str(tmp_path / "out")
    with pytest.raises(SourceError, match=r"has 2 pictures, .* has 1"):
        picture_pairs(*folders)
    write(tmp_path / "out" / "2.png", 40, 50)
    with pytest.raises(SourceError, match=r"is 40x50, .* is 40x60"):
        picture_pairs(*folders)


def test_pictures_of_one_size_are_a_film(tmp_path: Path):
    for number in ("1", "2"):
        write(tmp_path / "in" / f"{number}.png", 60, 40)
    assert picture_pairs(str(tmp_path / "in"), str(tmp_path / "in")) is None


def test_a_painting_that_is_not_there_is_one_line(tmp_path: Path):
    picture = write(tmp_path / "picture.png", 200, 200)
    done = run_command("evaluate", picture, picture, "--style", "none.jpg", cwd=tmp_path)
    assert done.returncode == 1
    assert "picture none.jpg can't be read" in one_line(done)


def test_what_is_all_bare_says_nothing_of_strokes_and_clouds():
    """On black both energies are almost 0, and their ratio is anything."""
    painted = StyleFigures(**dict.fromkeys(NAMES, 0.5))
    bare = StyleFigures(**{**dict.fromkeys(NAMES, 0.5), "bare": 1.0, "clouds": 12.0})
    assert mean_figures([painted, bare]).clouds == pytest.approx(0.5)
    assert mean_figures([bare]).clouds == pytest.approx(12.0)

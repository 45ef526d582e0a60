"""``--method learn``: a painting learned on the film's own frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from stylize_video.cli.learn import with_style
from stylize_video.export import learning
from stylize_video.export.style import read_net
from stylize_video.models.recipe import Recipe
from stylize_video.pipeline.core.config import Settings
from stylize_video.pipeline.media.images import read_picture
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.styles.zoo import find_style

from ..helpers.command import one_line, run_command
from ..helpers.video import MakeClip


class Quiet:
    """A report that keeps its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def progress(self, label: str, total: int | None, unit: str, done: int = 0):
        from contextlib import nullcontext

        class Bar:
            def advance(self, note: str = "") -> None:
                pass

        return nullcontext(Bar())


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    path = tmp_path / "mine.png"
    rng = np.random.default_rng(0)
    cv2.imwrite(str(path), rng.integers(0, 256, (96, 128, 3), dtype=np.uint8))
    return path


def small(lesson: learning.Lesson, steps: int = 2) -> learning.Lesson:
    """The same lesson with a recipe of seconds."""
    recipe = Recipe(steps=steps, batch=1, crop=64, style_size=64, validation_photos=4)
    return learning.Lesson(lesson.painting, lesson.frames, recipe, lesson.folder)


def test_the_whole_film_is_sampled_whatever_its_length(tmp_path: Path, make_clip: MakeClip):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(130)]
    film = open_source(str(make_clip("in.mp4", pictures)), None, Fraction(25))
    frames = learning.sample_frames(film)
    assert learning.FRAMES <= len(frames) < 2 * learning.FRAMES
    assert all(rgb.shape == (48, 64, 3) for rgb in frames)


@pytest.mark.slow
def test_it_is_learned_once_and_resumes(tmp_path: Path, make_clip: MakeClip, painting: Path):
    film = open_source(str(make_clip()), None, Fraction(25))
    first = learning.prepare(film, painting, 2, tmp_path / "learned")
    again = learning.prepare(film, painting, 2, tmp_path / "learned")
    other = learning.prepare(film, painting, 3, tmp_path / "learned")
    assert first.folder == again.folder != other.folder
    report = Quiet()
    net = learning.learn(small(first), torch.device("cpu"), report)
    assert net == first.net and net.stem == "mine"
    assert (first.folder / "samples.png").exists()
    before = net.read_bytes()
    assert learning.learn(small(again), torch.device("cpu"), report) == net
    assert "learned before" in report.lines[-1]

    net.unlink()
    assert learning.learn(small(again), torch.device("cpu"), report).read_bytes() == before
    assert any("resuming at step 2" in line for line in report.lines)


@pytest.mark.slow
@pytest.mark.parametrize(("paper", "begins"), [(False, "starry-night"), (True, "base-canvas")])
def test_it_begins_from_strokes_unless_the_painting_is_bare_paper(
    tmp_path: Path, make_clip: MakeClip, painting: Path, paper: bool, begins: str
):
    if paper:
        drawing = np.full((96, 128, 3), 230, np.uint8)
        drawing[:, :48] = read_picture(painting)[:, :48]
        cv2.imwrite(str(painting), drawing)
    film = open_source(str(make_clip()), None, Fraction(25))
    lesson = small(learning.prepare(film, painting, 1, tmp_path / "learned"), steps=1)
    learned = learning.learn(lesson, torch.device("cpu"), Quiet())
    one, other = read_net(learned), read_net(find_style("udnie").with_name(f"{begins}.onnx"))
    apart = [
        (a - b).norm() / b.norm()
        for a, b in zip(one.body.parameters(), other.body.parameters(), strict=True)
    ]
    assert max(apart) < 0.2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--style", "udnie", "--method", "learn"], "learns one painting, not udnie"),
        (["--style", "udnie", "--learn-steps", "9"], "nothing is learned"),
        (["--style", "PAINTING", "--method", "learn", "--look", "photo"], "--look"),
        (["--style", "PAINTING", "--method", "learn", "--crf", "900"], "--crf"),
    ],
)
def test_what_can_not_be_learned_is_refused_before_minutes_are_spent(
    tmp_path: Path, make_clip: MakeClip, painting: Path, words: list[str], message: str
):
    words = [str(painting) if word == "PAINTING" else word for word in words]
    assert message in one_line(run_command(make_clip(), tmp_path / "o.mp4", *words))
    assert not (tmp_path / "o.mp4").exists()


def test_the_plan_names_what_will_be_learned(tmp_path: Path, make_clip: MakeClip, painting: Path):
    done = run_command(
        make_clip(), tmp_path / "o.mp4", "--style", painting, "--method", "learn", "--plan"
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "learn    mine.png on the film's own frames, 450 steps"
    assert any(line.startswith("paint    the learned style") for line in lines)


@pytest.mark.slow
def test_the_last_line_names_the_learned_style(
    tmp_path: Path, make_clip: MakeClip, painting: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOME", str(tmp_path))
    words = ("--style", painting, "--method", "learn", "--learn-steps", 1)
    done = run_command(make_clip(), tmp_path / "o.mp4", *words)
    assert done.returncode == 0, done.stderr
    net = Path(done.stderr.splitlines()[-1].removeprefix("the learned style, for --style: "))
    again = run_command(make_clip(), tmp_path / "again.mp4", "--style", net)
    assert again.returncode == 0, again.stderr


def test_it_learns_on_small_crops_of_the_frames(make_clip: MakeClip, painting: Path):
    film = open_source(str(make_clip()), None, Fraction(25))
    recipe = learning.prepare(film, painting, 450).recipe
    assert recipe.crop < Recipe().crop and recipe.crop_max < Recipe().crop_max


@pytest.mark.parametrize("typed", [None, "none", "source", "match"])
def test_the_learned_style_paints_in_the_paintings_colours_unless_told_otherwise(typed: str | None):
    words = {} if typed is None else {"palette": typed}
    before = Settings.model_validate({"style": "mine.png", "method": "learn"} | words)
    after = with_style(before, "mine.onnx")
    assert after.style == ("mine.onnx",) and after.method == "auto"
    assert after.palette == (typed or "style")

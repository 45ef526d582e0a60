"""``stylize-video shots``."""

from __future__ import annotations

from pathlib import Path

import pytest
from stylize_video.pipeline.media.inputs import frame_at
from stylize_video.pipeline.timeline.read import read_timeline

from ..helpers.command import one_line, run_command
from ..helpers.shots import STEP, scene
from ..helpers.video import write_clip


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "in.mp4"
    return write_clip(path, scene(24) + scene(18, 2), step=STEP)


def test_a_timeline_to_begin_with_and_a_sheet_are_written(film: Path, tmp_path: Path):
    sheet = tmp_path / "shots.png"
    done = run_command("shots", film, tmp_path / "film.yaml", "--sheet", sheet)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "film.yaml").read_text()
    assert "# 0:00:02.000, frame 25: 1.45 s, 18 frames\n- shot: 2\n  style: udnie\n" in text
    timeline = read_timeline(tmp_path / "film.yaml")
    assert [point.place for point in timeline.points] == [1, 2]
    assert frame_at(str(sheet), "0").shape[1] == 480
    again = run_command("shots", film, tmp_path / "film.yaml")
    assert "film.yaml exists, and is not replaced" in one_line(again)
    assert (tmp_path / "film.yaml").read_text() == text
    printed = run_command("shots", film)
    assert printed.stdout == text

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.contact_sheet import grid, style_sheet
from stylize_video.pipeline.core.errors import SettingsError, SourceError
from stylize_video.pipeline.media.inputs import frame_at
from stylize_video.pipeline.styles.zoo import zoo

from ..helpers.command import run_command
from ..helpers.pictures import psnr
from ..helpers.scenes import texture
from ..helpers.video import MakeClip


def test_a_frame_in_every_style_is_one_png(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "photo.png"), texture(1, 96, 64)[..., ::-1])
    words = ["styles", "--sheet", tmp_path / "sheet.png", "--frame", tmp_path / "photo.png"]
    done = run_command(*words)
    assert done.returncode == 0, done.stderr
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    rows = -(-(1 + len(zoo())) // 3)
    assert sheet is not None and sheet.shape == (rows * (320 + 28), 3 * 480, 3)
    again = run_command(*words)
    assert again.returncode == 1 and "--overwrite" in again.stderr
    assert run_command(*words, "--overwrite").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sheet", "s.png"], "--sheet needs --frame"),
        (["--sheet", "s.jpg", "--frame", "x.png"], "must end in .png"),
        (["--sheet", "s.png", "--frame", "gone.png"], "gone.png"),
        (["--sheet", "no/s.png", "--frame", "x.png"], "does not exist"),
    ],
)
def test_what_is_wrong_with_a_sheet_is_one_line(words: list[str], said: str, tmp_path: Path):
    done = run_command("styles", *words, cwd=tmp_path)
    assert done.returncode == 1 and said in done.stderr and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_frame_at_a_time_is_taken(make_clip: MakeClip):
    grey = [np.full((48, 64, 3), 20 * t, np.uint8) for t in range(10)]
    clip = make_clip("in.mp4", grey)
    assert abs(float(frame_at(str(clip), "0.19").mean()) - 100) < 6
    with pytest.raises(SourceError, match="no frame at"):
        frame_at(str(clip), "1:00")
    with pytest.raises(SettingsError, match="not a time"):
        frame_at(str(clip), "soon")


def test_the_sheet_begins_with_the_picture_itself():
    picture = texture(2, 480, 320)
    assert psnr(style_sheet(picture, ["udnie"])[:320, :480], picture) > 40


def test_a_grid_has_its_pictures_in_rows():
    pictures = [(str(i), np.full((10, 10, 3), i * 20, np.uint8)) for i in range(5)]
    sheet = grid(pictures, (40, 30), 2)
    assert sheet.shape == (3 * 58, 80, 3)
    assert sheet[15, 20].tolist() == [0, 0, 0] and sheet[58 + 15, 60].tolist() == [60] * 3

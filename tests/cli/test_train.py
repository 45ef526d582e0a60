"""``stylize-video train``."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.imaging.palette import Palette
from stylize_video.pipeline.styles.recolored import palette_of

from ..helpers.command import one_line, run_command
from ..helpers.pictures import write_photos
from ..helpers.video import MakeClip


@pytest.mark.slow
def test_a_style_is_trained_resumed_exported_and_played(
    tmp_path: Path,
    make_clip: MakeClip,
):
    photos = write_photos(tmp_path / "photos", 6)
    style = sorted(photos.iterdir())[0]
    words: list[str | Path] = [
        "train", style, "--content", photos, "--out", tmp_path / "mine.onnx", "--batch", "1",
        "--crop", "64", "--style-size", "64", "--validation-photos", "2", "--workers", "0",
        "--device", "cpu",
    ]  # fmt: skip
    done = run_command(*words, "--steps", "3")
    assert done.returncode == 0, done.stderr
    assert "off PyTorch by" in done.stderr
    folder = tmp_path / "mine.training"
    assert {p.name for p in folder.iterdir()} == {
        "checkpoint.pt", "losses.png", "samples.png", "figures.json",
    }  # fmt: skip
    assert cv2.imread(str(folder / "samples.png")) is not None

    assert "exists; add --overwrite" in one_line(run_command(*words, "--steps", "3"))
    other = run_command(*words, "--steps", "4", "--overwrite")
    assert "was made with steps = 3, not 4" in one_line(other)
    again = run_command(*words, "--steps", "3", "--overwrite")
    assert "resuming at step 3" in again.stderr

    exported = run_command(
        "export", folder / "checkpoint.pt", tmp_path / "two.onnx", "--content", photos
    )
    assert exported.returncode == 0, exported.stderr
    palettes = [palette_of(tmp_path / name) for name in ("mine.onnx", "two.onnx")]
    painting = Palette.of([np.asarray(cv2.imread(str(style), cv2.IMREAD_COLOR_RGB), np.uint8)])
    assert all(np.abs(p.mean - painting.mean).max() < 1 for p in palettes)
    words = ["--style", tmp_path / "mine.onnx", "--palette", "style"]
    played = run_command(make_clip(), tmp_path / "o.mp4", *words)
    assert played.returncode == 0, played.stderr
    assert played.stderr.startswith("mine on ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--content", "none"], "is not a folder"),
        (["--out", "style.txt"], "must end in .onnx"),
        (["--judge", "vgg", "--vgg", "none.pth"], "--vgg none.pth does not exist"),
        (["--device", "tpu"], "it is auto, cpu or cuda"),
        (["--tier", "slow"], "tier = 'slow'"),
        (["--validation-photos", "90"], "of them for validation"),
        (
            ["--crop-min", "0.9", "--crop-max", "0.4"],
            "--crop-min 0.9 is larger than --crop-max 0.4",
        ),
    ],
)
def test_bad_training_input_is_one_line(tmp_path: Path, change: list[str], message: str):
    write_photos(tmp_path / "photos", 4)
    words = [
        "train",
        "photos/000.png",
        "--content",
        "photos",
        "--out",
        "s.onnx",
        "--validation-photos",
        "1",
    ]
    assert message in one_line(run_command(*words, *change, cwd=tmp_path))
    assert not (tmp_path / "s.onnx").exists()

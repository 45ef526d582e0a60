"""``stylize-video train-decoders``."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from ..helpers.command import one_line, run_command
from ..helpers.pictures import write_photos


@pytest.mark.slow
def test_a_method_is_trained_resumed_exported_and_played(tmp_path: Path, vgg_file: Path):
    photos = write_photos(tmp_path / "photos", 5)
    style, content = sorted(photos.iterdir())[:2]
    decoders, out = tmp_path / "decoders", tmp_path / "mine.prepare.onnx"
    words: list[str | Path] = [
        "train-decoders", decoders, "--content", photos, "--vgg", vgg_file, "--method", "wct2",
        "--width", "slim", "--batch", "1", "--crop", "64", "--validation-photos", "2",
        "--workers", "0", "--device", "cpu", "--stage-steps", "2", "--steps", "1",
    ]  # fmt: skip
    export = ["export", "--from", decoders, out, "--content", photos]
    assert "give a folder of train-decoders" in one_line(run_command(*export))
    done = run_command(*words)
    assert done.returncode == 0, done.stderr
    assert {p.name for p in decoders.iterdir()} == {"stages.pt", "level4.pt", "figures.json"}
    assert run_command(*words).returncode == 0  # nothing is left to do
    other = run_command(*words[:-1], "2")
    assert "was made by another recipe" in one_line(other)

    assert "--places nose: wct2 has encoder1 " in one_line(run_command(*export, "--places", "nose"))
    done = run_command(*export, "--places", "encoder")
    assert done.returncode == 0 and "off PyTorch by" in done.stderr, done.stderr
    assert "exists; add --overwrite" in one_line(run_command(*export))
    painted = run_command(content, tmp_path / "o.png", "--style", style, "--method", out)
    assert painted.returncode == 0, painted.stderr
    assert cv2.imread(str(tmp_path / "o.png")).shape == cv2.imread(str(content)).shape
    assert "must end" in one_line(run_command(*export[:-3], tmp_path / "x.pt", *export[-2:]))
    odd = one_line(run_command(*export[:-3], tmp_path / "x.onnx", *export[-2:]))
    assert "a method's file ends in .prepare.onnx" in odd

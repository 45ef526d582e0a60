"""SIGTERM ends a training or a painting as Ctrl-C does: its checkpoint is saved."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from ..helpers.command import start_process
from ..helpers.pictures import write_photos

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_photos(tmp_path / "photos", 3)


def words_of(command: str, photos: Path, out: Path) -> list[object]:
    """The command, with more work than a test waits for."""
    photo, style, _ = sorted(photos.iterdir())
    slow = ["--iterations", 100_000, "--sizes", 1, "--style-layers", "conv1_1=1"]
    learn = ["--content", photos, "--steps", 100_000, "--batch", 1, "--crop", 64, "--workers", 0]
    return {
        "train": [style, "--out", f"{out}.onnx", *learn, "--validation-photos", 1],
        "train-decoders": [
            out,
            *learn,
            "--validation-photos",
            1,
            "--stage-steps",
            100_000,
            "--width",
            "slim",
        ],
        "paint": [photo, f"{out}.png", "--style", style, *slow, "--content-layers", "conv2_1"],
        "texture": [photo, f"{out}.png", "--size", "64x64", *slow],
    }[command]


CHECKPOINTS = {
    "train": "out.training/checkpoint.pt",
    "train-decoders": "out/stages.pt",
    "paint": "out.painting/*.pt",
    "texture": "out.painting/*.pt",
}


@pytest.mark.parametrize("command", CHECKPOINTS)
def test_sigterm_keeps_the_checkpoint(command: str, photos: Path, vgg_file: Path, tmp_path: Path):
    words = words_of(command, photos, tmp_path / "out")
    process = start_process(command, *words, "--vgg", vgg_file, "--device", "cpu")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(("training:", "painting:")):
            break
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "the same command resumes" in errors
    assert len(list(tmp_path.glob(CHECKPOINTS[command]))) == 1

"""Ctrl-C, SIGTERM and SIGHUP: a training keeps its checkpoint, a film what is painted."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from ..helpers.command import start_process
from ..helpers.onnx_files import write_endless_model
from ..helpers.pictures import write_photos
from ..helpers.video import moving_scene, read_video, write_clip

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


SLOW = ["--style", "udnie", "--steady", "off", "--canvas", "0", "--threads", "1"]


def long_clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "in.mp4", moving_scene(1500, 320, 240), audio=False)


@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM", "SIGINT"])
def test_a_film_is_finished_with_what_it_has(tmp_path: Path, name: str):
    """SIGHUP too: what a closed terminal sends."""
    number = getattr(signal, name)
    out = tmp_path / "out.mp4"
    process = start_process(
        long_clip(tmp_path), out, *SLOW, preexec_fn=lambda: signal.signal(number, signal.SIG_DFL)
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("painting:"):
            break
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert f"stopped: {out} holds the first" in errors
    assert 0 < len(read_video(out)[0]) < 1500


def test_after_nohup_a_closed_terminal_ends_nothing(tmp_path: Path):
    clip = write_clip(tmp_path / "in.mp4", moving_scene(200, 320, 240), audio=False)
    process = start_process(
        clip,
        tmp_path / "out.mp4",
        *SLOW,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("painting:"):
            break
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert len(read_video(tmp_path / "out.mp4")[0]) == 200


def test_a_closed_standard_error_ends_nothing(tmp_path: Path):
    clip = write_clip(tmp_path / "in.mp4", moving_scene(200, 320, 240), audio=False)
    process = start_process(clip, tmp_path / "out.mp4", *SLOW)
    assert process.stderr is not None
    process.stderr.readline()
    process.stderr.close()
    assert process.stdout is not None
    with process.stdout:
        assert process.wait(timeout=60) == 0
    assert len(read_video(tmp_path / "out.mp4")[0]) == 200


@pytest.mark.parametrize("closed", [(2,), (1,), (0, 1, 2)])
def test_streams_that_the_shell_has_closed_end_nothing(tmp_path: Path, closed: tuple[int, ...]):
    """``2>&-``: and no message gets into the film, which would be the next file opened."""
    clip = write_clip(tmp_path / "in.mp4", moving_scene(40), audio=False)
    close = lambda: [os.close(number) for number in closed]  # noqa: E731
    for words in ([clip, tmp_path / "out.mp4", "--json-progress", *SLOW], [clip, "--codec", "no"]):
        process = start_process(*words, preexec_fn=close)
        out, errors = process.communicate(timeout=60)
        assert process.returncode == ("--codec" in words)
        assert "Traceback" not in errors
        assert not (1 in closed and out) and not (2 in closed and errors)
    assert len(read_video(tmp_path / "out.mp4")[0]) == 40


ENDLESS = """
import threading
from stylize_video.pipeline.chunks import painter

def paint(frames, *rest):
    next(iter(frames))
    threading.Event().wait()
    yield

painter.paint_shots = paint
from stylize_video.cli.main import main
main()
"""


ANNOUNCED = """
import sys
import cv2
from stylize_video.pipeline.nets.runtime import onnxruntime

run = onnxruntime.InferenceSession.run

def announced(*args, **rest):
    sys.stderr.write("running\\n")
    sys.stderr.flush()
    return run(*args, **rest)

onnxruntime.InferenceSession.run = announced
from stylize_video.cli.main import main
main()
"""


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (["run", "IN", "o.mp4", "--style", "ENDLESS"], signal.SIGTERM),
        (["live", "IN", "o.mkv", "--style", "ENDLESS"], signal.SIGINT),
        # The main thread itself is in the net, and does not come back to handle a signal.
        (["evaluate", "IN", "IN", "--flow", "raft", "--flow-model", "FLOW"], signal.SIGINT),
    ],
    ids=["run", "live", "evaluate"],
)
def test_the_second_signal_ends_a_net_that_never_does(
    tmp_path: Path, words: list[str], number: signal.Signals
):
    names = {
        "IN": write_clip(tmp_path / "in.mp4", moving_scene(3), audio=False),
        "ENDLESS": write_endless_model(tmp_path / "e.onnx", ["frame"], "stylized"),
        "FLOW": write_endless_model(tmp_path / "f.onnx", ["first", "second"], "flow"),
    }
    typed = [names.get(word, word) for word in words]
    process = start_process(*typed, code=ANNOUNCED, cwd=tmp_path)
    assert process.stderr is not None
    assert "running\n" in process.stderr
    time.sleep(0.3)
    process.send_signal(number)
    time.sleep(0.5)
    began = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - began < 3  # two seconds, on a machine that has other work too
    assert "Traceback" not in errors
    assert process.returncode == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_second_signal_ends_what_never_returns(tmp_path: Path, number: signal.Signals):
    words = [str(long_clip(tmp_path)), str(tmp_path / "out.mp4"), *SLOW]
    process = start_process(*words, code=ENDLESS)
    assert process.stderr is not None
    for line in process.stderr:
        if "udnie" in line:
            break
    time.sleep(1)
    process.send_signal(number)
    assert "stopping" in process.stderr.readline()
    began = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - began < 3  # two seconds, on a machine that has other work too

"""What every ``LiveOutput`` promises, wherever it goes: one suite over all of them."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.config import Settings
from stylize_video.pipeline.core.frame import Frame, Rgb, YuvMatrix
from stylize_video.pipeline.live.audio import RATE, AudioBlock
from stylize_video.pipeline.live.controls import Controls
from stylize_video.pipeline.live.outputs.encoder import EncodedOutput
from stylize_video.pipeline.live.outputs.output import (
    LiveOutput,
    OutputFrame,
    Outputs,
    OutputThread,
)
from stylize_video.pipeline.live.outputs.process import ProcessOutput
from stylize_video.pipeline.live.outputs.target import StreamFormat, target_of
from stylize_video.pipeline.live.outputs.virtualcam import VirtualCamera
from stylize_video.pipeline.live.outputs.web import Page
from stylize_video.pipeline.live.stats import LiveStats

from ....helpers.interfaces import implementations
from ....helpers.video import read_video
from ....helpers.yuv import to_yuv420

COLOR = (200, 120, 40)
FORMAT = StreamFormat(96, 64, Fraction(25), None, True)


@dataclass(frozen=True)
class Opened:
    output: LiveOutput
    finish: Callable[[], Rgb]
    """Closes the output; the last picture that arrived, (H, W, 3) uint8, 0–255, RGB."""


def _encoded(folder: Path) -> EncodedOutput:
    target = target_of(str(folder / "out.mkv"))
    assert target is not None
    return EncodedOutput(target, FORMAT, Settings())


def _file(folder: Path, output: LiveOutput) -> Opened:
    def finish() -> Rgb:
        output.close()
        return read_video(folder / "out.mkv")[0][-1]

    return Opened(output, finish)


def _thread(folder: Path) -> OutputThread:
    return OutputThread("out", partial(_encoded, folder), reconnects=False, depth=50, blocking=True)


def _several(folder: Path) -> Outputs:
    outputs = Outputs()
    outputs.add(_thread(folder))
    return outputs


def _page(folder: Path) -> Opened:
    page = Page("http://127.0.0.1:0", Controls(["a"]), LiveStats())

    def finish() -> Rgb:
        with urllib.request.urlopen(f"http://127.0.0.1:{page.port}/live.mjpg", timeout=5) as feed:
            for _ in range(3):  # of the part's head
                feed.readline()
            data = bytearray()
            while b"\r\n--frame\r\n" not in data:
                data += feed.read1()
            coded = np.frombuffer(bytes(data).partition(b"\r\n--frame\r\n")[0], np.uint8)
        page.close()
        return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR_RGB), np.uint8)

    return Opened(page, finish)


def _camera(folder: Path) -> Opened:
    """With a pyvirtualcam that keeps what it is sent."""
    sent: list[Rgb] = []
    fake: Any = SimpleNamespace(
        Camera=lambda *_, **__: SimpleNamespace(send=sent.append, close=lambda: None, device="fake")
    )
    before = sys.modules.get("pyvirtualcam")
    sys.modules["pyvirtualcam"] = fake
    try:
        camera = VirtualCamera("camera:", FORMAT)
    finally:
        if before is None:
            del sys.modules["pyvirtualcam"]
        else:
            sys.modules["pyvirtualcam"] = before

    def finish() -> Rgb:
        camera.close()
        return sent[-1]

    return Opened(camera, finish)


OUTPUTS: dict[str, Callable[[Path], Opened]] = {
    "file": lambda folder: _file(folder, _encoded(folder)),
    "process": lambda folder: _file(folder, ProcessOutput("out", partial(_encoded, folder))),
    "thread": lambda folder: _file(folder, _thread(folder)),
    "several": lambda folder: _file(folder, _several(folder)),
    "page": _page,
    "virtual camera": _camera,
}
"""A new live output has its line here."""


@pytest.fixture(params=OUTPUTS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    return OUTPUTS[request.param](tmp_path)


def item(number: int, size: tuple[int, int] = (64, 96), planar: bool = False) -> OutputFrame:
    """A grey source, painted in ``COLOR``."""
    painted = np.full((*size, 3), COLOR, np.uint8)
    source = np.full_like(painted, 90)
    pictures = [to_yuv420(p, YuvMatrix(1, 1)) if planar else p for p in (source, painted)]
    return OutputFrame(Frame(pictures[0], number * 40, Fraction(1, 1000), painted=pictures[1]))


def audio(number: int) -> AudioBlock:
    return AudioBlock(np.zeros((2, RATE // 25), np.float32), number * RATE // 25)


def test_every_class_of_live_outputs_is_in_the_list(tmp_path: Path):
    made: set[str] = set()
    for number, make in enumerate(OUTPUTS.values()):
        (tmp_path / str(number)).mkdir()
        opened = make(tmp_path / str(number))
        made.add(type(opened.output).__name__)
        opened.output.write_frame(item(0))
        opened.output.close()
    assert made == implementations("pipeline.live.outputs.output", "LiveOutput")


@pytest.mark.parametrize("planar", [False, True])
def test_the_painting_arrives(opened: Opened, planar: bool):
    for number in range(3):
        opened.output.write_audio(audio(number))
        opened.output.write_frame(item(number, planar=planar))
    picture = opened.finish()
    assert picture.shape == (64, 96, 3)
    assert np.abs(picture.astype(int) - COLOR).max() <= 10  # what an encoder may lose


def test_frames_of_another_size_are_taken_too(opened: Opened):
    """A live source may change its size, and the resolution controller changes the painting's."""
    for number, size in enumerate([(64, 96), (32, 48), (64, 96)]):
        opened.output.write_frame(item(number, size))
    assert np.abs(opened.finish().astype(int) - COLOR).max() <= 10


def test_the_frame_that_it_is_given_is_not_changed(opened: Opened):
    given = item(0)
    opened.output.write_frame(given)
    opened.finish()
    same = item(0)
    assert np.array_equal(given.frame.source, same.frame.source)
    assert np.array_equal(given.frame.picture, same.frame.picture)


def test_it_may_be_closed_before_anything_is_written(opened: Opened):
    """Its threads end too: see ``no_thread_is_left``."""
    opened.output.close()

from __future__ import annotations

import json
import socket
import threading
import time
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from stylize_video.pipeline.core.config import Settings, checked
from stylize_video.pipeline.core.errors import SinkError
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.live.audio import AudioBlock
from stylize_video.pipeline.live.outputs import process as process
from stylize_video.pipeline.live.outputs.encoder import EncodedOutput
from stylize_video.pipeline.live.outputs.output import OutputFrame, OutputThread
from stylize_video.pipeline.live.outputs.process import ProcessOutput
from stylize_video.pipeline.live.outputs.target import StreamFormat, target_of


class Noting:
    """Writes down what it is given; fails where it is told to."""

    def __init__(self, path: Path, fails: str = "") -> None:
        self.path, self.fails, self.written = path, fails, list[list[float]]()
        if fails == "open":
            raise SinkError("nobody listens")

    def write_frame(self, output_frame: OutputFrame) -> None:
        if self.fails == "hang":
            time.sleep(60)
        if self.fails == "show":
            raise SinkError("the wire is cut")
        self.written.append([output_frame.frame.pts, float(output_frame.frame.rgb.mean())])

    def write_audio(self, block: AudioBlock) -> None:
        self.written.append([block.start, block.samples.shape[1]])

    def close(self) -> None:
        self.path.write_text(json.dumps(self.written))


def output_frame(pts: int) -> OutputFrame:
    picture = np.full((48, 64, 3), pts, np.uint8)
    return OutputFrame(Frame(picture, pts, Fraction(1, 100), painted=picture))


def test_what_is_given_arrives_in_order(tmp_path: Path):
    there = ProcessOutput("there", partial(Noting, tmp_path / "told"))
    there.write_frame(output_frame(1))
    there.write_audio(AudioBlock(np.zeros((2, 480), np.float32), 7))
    there.write_frame(output_frame(2))
    there.close()
    assert json.loads((tmp_path / "told").read_text()) == [[1, 1.0], [7, 480], [2, 2.0]]


def test_its_failures_are_raised_here(tmp_path: Path):
    with pytest.raises(SinkError, match="nobody listens"):
        ProcessOutput("there", partial(Noting, tmp_path / "told", "open"))
    there = ProcessOutput("there", partial(Noting, tmp_path / "told", "show"))

    def much() -> None:
        for number in range(200):
            there.write_frame(output_frame(number))
            time.sleep(0.01)

    with pytest.raises(SinkError, match="the wire is cut"):
        much()
    there.close()


def test_a_server_that_never_answers_holds_nobody_up():
    """The threads of this process go on while FFmpeg waits for it."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        target = target_of(f"rtmp://127.0.0.1:{server.getsockname()[1]}/live/x")
        assert target is not None
        shape = StreamFormat(64, 48, Fraction(25), None, has_audio=False)
        make = partial(EncodedOutput, target, shape, checked(Settings, {}, "test"))
        out = OutputThread("dead", lambda: ProcessOutput("dead", make))
        turns, until = 0, time.monotonic() + 3
        while time.monotonic() < until:
            out.write_frame(output_frame(1))
            time.sleep(0.01)
            turns += 1
        closer = threading.Thread(target=out.close)
        closer.start()
        closer.join(10)
        assert not closer.is_alive()
    assert turns > 20  # 300 on an idle machine, 1 or 2 where FFmpeg keeps Python's lock
    assert out.opened == 0


def test_one_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process, "_WRITE_TIMEOUT", 0.5)
    monkeypatch.setattr(process, "_CLOSE_TIMEOUT", 0.5)
    there = ProcessOutput("there", partial(Noting, tmp_path / "told", "hang"))
    there.write_frame(output_frame(1))
    began = time.monotonic()
    with pytest.raises(SinkError, match="takes nothing"):
        there.write_frame(output_frame(2))
    there.close()
    assert time.monotonic() - began < 20

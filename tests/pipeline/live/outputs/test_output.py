from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from stylize_video.pipeline.core import concurrency
from stylize_video.pipeline.core.errors import SinkError
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.live.audio import AudioBlock
from stylize_video.pipeline.live.outputs import output as output
from stylize_video.pipeline.live.outputs.output import OutputFrame, Outputs, OutputThread


class Fake:
    def __init__(self, breaks_at: int = 0, gate: threading.Event | None = None) -> None:
        self.seen: list[int] = []
        self.on_output: list[int] = []
        self.breaks_at = breaks_at
        self.gate = gate
        self.closed = False

    def write_frame(self, output_frame: OutputFrame) -> None:
        if self.gate is not None:
            self.gate.wait()
        self.seen.append(output_frame.frame.pts)
        if len(self.seen) == self.breaks_at:
            raise SinkError("the wire is cut")

    def write_audio(self, block: AudioBlock) -> None:
        self.on_output.append(block.start)

    def close(self) -> None:
        self.closed = True


def output_frame(pts: int) -> OutputFrame:
    return OutputFrame(
        Frame(np.zeros((2, 2, 3), np.uint8), pts, Fraction(1, 100), captured=float(pts))
    )


def block(start: int) -> AudioBlock:
    return AudioBlock(np.zeros((2, 10), np.float32), start)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(concurrency, "RETRY_PAUSES", (0.02,))
    monkeypatch.setattr(output, "_PATIENCE", 0.2)


def test_frames_and_sound_arrive_and_it_is_closed():
    sink, on_output = Fake(), list[float]()
    out = OutputThread("fake", lambda: sink, depth=8, on_output=on_output.append)
    out.write_audio(block(0))
    out.write_frame(output_frame(1))
    out.write_frame(output_frame(2))
    out.close()
    assert (sink.seen, sink.on_output, sink.closed, on_output) == ([1, 2], [0], True, [1.0, 2.0])


def test_sound_does_not_wait_for_a_picture():
    sink = Fake()
    out = OutputThread("fake", lambda: sink)
    out.write_audio(block(7))
    until(lambda: sink.on_output == [7])
    out.close()


def test_a_slow_one_holds_nobody_up_and_gets_the_newest(caplog: pytest.LogCaptureFixture):
    gate = threading.Event()
    slow, quick = Fake(gate=gate), Fake()
    outputs = Outputs()
    outputs.add(OutputThread("slow", lambda: slow))
    outputs.add(OutputThread("quick", lambda: quick, depth=100))
    for number in range(50):
        outputs.write_frame(output_frame(number))
    until(lambda: len(quick.seen) == 50)
    assert outputs.threads[0].dropped >= 48
    gate.set()
    outputs.close()
    assert slow.seen[-1] == 49
    assert re.search(r"slow missed (48|49) frames", caplog.text)
    assert "quick missed" not in caplog.text


def test_a_dead_one_is_opened_again():
    sinks = [Fake(breaks_at=1), Fake()]
    opened = iter(sinks)
    out = OutputThread("fake", lambda: next(opened))
    out.write_frame(output_frame(1))
    until(lambda: sinks[0].closed)
    until(lambda: out.opened == 2)
    out.write_frame(output_frame(2))
    until(lambda: sinks[1].seen == [2])
    out.close()
    assert not out.failed


def test_one_that_can_not_be_opened_is_tried_again():
    tries = 0

    def open_output() -> Fake:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise SinkError("nobody listens")
        return Fake()

    out = OutputThread("fake", open_output)
    until(lambda: out.opened == 1)
    out.close()
    assert tries == 4


def test_a_file_that_fails_is_not_begun_again():
    sink = Fake(breaks_at=1)
    out = OutputThread("file", lambda: sink, reconnects=False)
    out.write_frame(output_frame(1))
    until(lambda: out.failed)
    out.write_frame(output_frame(2))
    out.close()
    assert sink.seen == [1]


def test_one_that_hangs_is_left_behind():
    gate = threading.Event()
    out = OutputThread("hangs", lambda: Fake(gate=gate))
    out.write_frame(output_frame(1))
    time.sleep(0.1)
    began = time.monotonic()
    out.close()
    assert time.monotonic() - began < 2
    gate.set()


def test_one_can_be_taken_out():
    sink = Fake()
    outputs, out = Outputs(), OutputThread("fake", lambda: sink, depth=9)
    outputs.add(out)
    outputs.write_frame(output_frame(1))
    outputs.remove(out)
    outputs.write_frame(output_frame(2))
    assert (sink.seen, sink.closed, outputs.threads) == ([1], True, [])


def test_one_that_waits_drops_nothing():
    slow = Fake()
    out = OutputThread("slow", lambda: slow, reconnects=False, blocking=True)
    for number in range(30):
        out.write_frame(output_frame(number))
    out.close()
    assert slow.seen == list(range(30))


def test_nobody_waits_for_one_that_has_failed():
    out = OutputThread("file", lambda: Fake(breaks_at=1), reconnects=False, blocking=True)
    for number in range(5):
        out.write_frame(output_frame(number))
    until(lambda: out.failed is not None)
    out.write_frame(output_frame(9))
    out.close()


def test_any_error_becomes_a_failure_of_the_output():
    def broken() -> Fake:
        raise ValueError("what no one foresaw")

    out = OutputThread("file", broken, reconnects=False)
    until(lambda: out.failed is not None)
    assert str(out.failed) == "file failed: what no one foresaw"
    out.close()


def test_when_all_are_gone_it_is_said_why():
    outputs, alive = Outputs(), Fake()
    outputs.check()
    outputs.add(OutputThread("file", lambda: Fake(breaks_at=1), reconnects=False))
    outputs.add(OutputThread("other", lambda: alive))
    outputs.write_frame(output_frame(1))
    until(lambda: outputs.threads[0].failed is not None)
    outputs.check()
    outputs.remove(outputs.threads[1])
    with pytest.raises(SinkError, match="the wire is cut"):
        outputs.check()
    outputs.close()

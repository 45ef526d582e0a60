from __future__ import annotations

import threading
import time
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from stylize_video.pipeline.core.errors import ModelError
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.live import loader as tailor
from stylize_video.pipeline.live.loader import LoadedStyle, StyleLoader, StyleRequest

from ...helpers.fake_style import FakeStyle


def frame(light: int = 100, size: tuple[int, int] = (20, 30)) -> Frame:
    return Frame(np.full((*size, 3), light, np.uint8), 0, Fraction(1))


def wait_for(
    tailored: StyleLoader, wish: StyleRequest, shot: Frame, before: LoadedStyle
) -> LoadedStyle:
    end = time.monotonic() + 5
    while (found := tailored.brush(shot, wish)) is before:
        assert time.monotonic() < end
        time.sleep(0.005)
    return found


def test_the_first_is_waited_for_and_the_next_is_not():
    gate = threading.Event()
    styles = [FakeStyle(1), FakeStyle(2, gate)]
    made = StyleLoader(lambda number: styles[number], StyleRequest(0))
    first = made.brush(frame(), StyleRequest(0))
    assert first.plays.paint(frame().picture)[0, 0, 0] == 101
    assert (
        made.brush(frame(), StyleRequest(1)) is first
    )  # the second is not there before the gate opens
    gate.set()
    second = wait_for(made, StyleRequest(1), frame(), first)
    assert second.plays.paint(frame().picture)[0, 0, 0] == 102
    made.close()


def test_strength_and_size_are_made_aside_too():
    style = FakeStyle(1)
    made = StyleLoader(lambda number: style, StyleRequest(0))
    first = made.brush(frame(), StyleRequest(0))
    second = wait_for(made, StyleRequest(0, 0.5, 0.5), frame(), first)
    assert (second.fade, second.size, style.sizes[-1]) == (0.5, (10, 16), (10, 16))
    made.close()


def test_frames_of_another_size_are_waited_for():
    made = StyleLoader(FakeStyle, StyleRequest(0))
    first = made.brush(frame(), StyleRequest(0))
    second = made.brush(frame(size=(40, 40)), StyleRequest(0))
    assert (first.size, second.size) == ((20, 30), (40, 40))
    made.close()


def test_another_light_is_looked_at(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tailor, "_LOOK_EVERY", 0.01)
    style = FakeStyle(1)
    made = StyleLoader(lambda number: style, StyleRequest(0))
    first = made.brush(frame(100), StyleRequest(0))
    time.sleep(0.05)
    made.brush(frame(104), StyleRequest(0))
    time.sleep(0.1)
    assert made.brush(frame(104), StyleRequest(0)) is first
    second = wait_for(made, StyleRequest(0), frame(160), first)
    assert second.light.mean() == pytest.approx(160, abs=1)
    made.close()


def test_a_style_that_can_not_be_had_is_said_once_and_the_old_goes_on(
    caplog: pytest.LogCaptureFixture,
):
    made = StyleLoader(FakeStyle, StyleRequest(0))
    first = made.brush(frame(), StyleRequest(0))
    for _ in range(20):
        assert made.brush(frame(), StyleRequest(0, 0.13)) is first
        time.sleep(0.01)
    assert [r.getMessage() for r in caplog.records] == [
        "thirteen is no strength; the style before goes on"
    ]
    assert wait_for(made, StyleRequest(0, 0.7), frame(), first).fade == 0.7
    made.close()


def test_the_first_that_can_not_be_had_is_an_error():
    made = StyleLoader(FakeStyle, StyleRequest(0, 0.13))
    with pytest.raises(ModelError, match="thirteen"):
        made.brush(frame(), StyleRequest(0, 0.13))
    made.close()


def test_whatever_fails_nobody_waits_for_ever():
    def broken(number: int) -> Any:
        raise RuntimeError("a net that no one foresaw")

    made = StyleLoader(broken, StyleRequest(0))
    with pytest.raises(ModelError, match="can't be played: a net that no one foresaw"):
        made.brush(frame(), StyleRequest(0))
    made.close()


def test_frames_of_another_kind_are_painted_as_before_where_the_wish_can_not_be_had():
    made = StyleLoader(FakeStyle, StyleRequest(0))
    first = made.brush(frame(), StyleRequest(0))
    made.brush(frame(), StyleRequest(0, 0.13))
    for size in ((40, 60), (20, 30)):
        found = made.brush(frame(size=size), StyleRequest(0, 0.13))
        assert (found.wish, found.size) == (first.wish, size)
    made.close()

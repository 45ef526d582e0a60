from __future__ import annotations

import threading
import time
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from stylize_video.pipeline.core.errors import ModelError
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.live.loader import LoadedStyle, StyleLoader, StyleRequest

from ...helpers.fake_style import FakeStyle


def frame(light: int = 100, size: tuple[int, int] = (20, 30)) -> Frame:
    return Frame(np.full((*size, 3), light, np.uint8), 0, Fraction(1))


def wait_for(
    loader: StyleLoader, request: StyleRequest, shot: Frame, before: LoadedStyle
) -> LoadedStyle:
    end = time.monotonic() + 5
    while (found := loader.style_for(shot, request)).shot.style is before.shot.style:
        assert time.monotonic() < end
        time.sleep(0.005)
    return found


def test_the_first_is_waited_for_and_the_next_is_not():
    gate = threading.Event()
    styles = [FakeStyle(1), FakeStyle(2, gate)]
    loader = StyleLoader(lambda number: styles[number], StyleRequest(0))
    first = loader.style_for(frame(), StyleRequest(0))
    assert first.shot.style.paint(frame())[0, 0, 0] == 101
    assert (
        loader.style_for(frame(), StyleRequest(1)) is first
    )  # the second is not there before the gate opens
    gate.set()
    second = wait_for(loader, StyleRequest(1), frame(), first)
    assert second.shot.style.paint(frame())[0, 0, 0] == 102
    loader.close()


def test_strength_and_size_are_loader_aside_too():
    style = FakeStyle(1)
    loader = StyleLoader(lambda number: style, StyleRequest(0))
    first = loader.style_for(frame(), StyleRequest(0))
    second = wait_for(loader, StyleRequest(0, 0.5, 0.5), frame(), first)
    assert (second.shot.style.opacity, second.size, style.sizes[-1]) == (0.5, (10, 16), (10, 16))
    loader.close()


def test_frames_of_another_size_are_waited_for():
    loader = StyleLoader(FakeStyle, StyleRequest(0))
    first = loader.style_for(frame(), StyleRequest(0))
    second = loader.style_for(frame(size=(40, 40)), StyleRequest(0))
    assert (first.size, second.size) == ((20, 30), (40, 40))
    loader.close()


def test_a_change_of_light_is_followed_in_steps():
    style = FakeStyle(1)
    loader = StyleLoader(lambda number: style, StyleRequest(0))
    first = loader.style_for(frame(100), StyleRequest(0))
    for _ in range(20):
        assert loader.style_for(frame(104), StyleRequest(0)).shot.style is first.shot.style
        time.sleep(0.005)
    second = wait_for(loader, StyleRequest(0), frame(160), first)
    assert style.adapted == [160] and second.shot.light.mean() == pytest.approx(115, abs=1)
    loader.close()


def test_a_style_that_can_not_be_had_is_said_once_and_the_old_goes_on(
    caplog: pytest.LogCaptureFixture,
):
    loader = StyleLoader(FakeStyle, StyleRequest(0))
    first = loader.style_for(frame(), StyleRequest(0))
    for _ in range(20):
        assert loader.style_for(frame(), StyleRequest(0, 0.13)).shot.style is first.shot.style
        time.sleep(0.01)
    assert [r.getMessage() for r in caplog.records] == [
        "thirteen is no strength; the style before goes on"
    ]
    assert wait_for(loader, StyleRequest(0, 0.7), frame(), first).shot.style.opacity == 0.7
    loader.close()


def test_the_first_that_can_not_be_had_is_an_error():
    loader = StyleLoader(FakeStyle, StyleRequest(0, 0.13))
    with pytest.raises(ModelError, match="thirteen"):
        loader.style_for(frame(), StyleRequest(0, 0.13))
    loader.close()


def test_whatever_fails_nobody_waits_for_ever():
    def broken(number: int) -> Any:
        raise RuntimeError("a net that no one foresaw")

    loader = StyleLoader(broken, StyleRequest(0))
    with pytest.raises(ModelError, match="can't be played: a net that no one foresaw"):
        loader.style_for(frame(), StyleRequest(0))
    loader.close()


def test_frames_of_another_kind_are_painted_as_before_where_the_request_can_not_be_had():
    loader = StyleLoader(FakeStyle, StyleRequest(0))
    first = loader.style_for(frame(), StyleRequest(0))
    loader.style_for(frame(), StyleRequest(0, 0.13))
    for size in ((40, 60), (20, 30)):
        found = loader.style_for(frame(size=size), StyleRequest(0, 0.13))
        assert (found.request, found.size) == (first.request, size)
    loader.close()

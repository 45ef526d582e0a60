"""With a screen made of lists: keys go in, pictures come out."""

from __future__ import annotations

import time
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.errors import SinkError
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.live.controls import Controls, State
from stylize_video.pipeline.live.outputs import window
from stylize_video.pipeline.live.outputs.keys import HELP, KEYS
from stylize_video.pipeline.live.outputs.output import OutputFrame
from stylize_video.pipeline.live.outputs.overlay import compose, status_lines
from stylize_video.pipeline.live.outputs.window import Window
from stylize_video.pipeline.live.stats import LiveStats, Reading


class Screen:
    def __init__(self) -> None:
        self.keys: list[str] = []
        self.pictures: list[Any] = []
        self.sizes: list[tuple[int, int]] = []
        self.properties: list[tuple[int, float]] = []
        self.mouse: Any = None
        self.visible = 1.0
        self.destroyed = False


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    made = Screen()
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(window, "xcb_clashes", lambda loaded: False)
    monkeypatch.setattr(cv2, "namedWindow", lambda title, flags: None)
    monkeypatch.setattr(cv2, "setMouseCallback", lambda t, f: setattr(made, "mouse", f))
    monkeypatch.setattr(cv2, "imshow", lambda title, bgr: made.pictures.append(bgr.copy()))
    monkeypatch.setattr(cv2, "resizeWindow", lambda t, w, h: made.sizes.append((w, h)))
    monkeypatch.setattr(
        cv2, "setWindowProperty", lambda t, what, value: made.properties.append((what, value))
    )
    monkeypatch.setattr(cv2, "getWindowProperty", lambda t, what: made.visible)
    monkeypatch.setattr(cv2, "destroyWindow", lambda t: setattr(made, "destroyed", True))
    monkeypatch.setattr(cv2, "waitKey", lambda ms: ord(made.keys.pop(0)) if made.keys else -1)
    return made


def output_frame(level: int = 100) -> OutputFrame:
    painted, source = np.full((90, 160, 3), level, np.uint8), np.zeros((90, 160, 3), np.uint8)
    return OutputFrame(Frame(source, 0, Fraction(1), painted=painted, captured=time.monotonic()))


def run(screen: Screen, keys: str, state: State | None = None) -> tuple[Controls, LiveStats]:
    controls, stats = Controls(["night", "wave", "cry"], state), LiveStats()
    made = Window("test", controls, stats)
    made.queue.put(output_frame())
    screen.keys = list(keys)
    turns = iter(range(len(keys) + 2))
    made.run(lambda: next(turns, None) is None)
    assert screen.destroyed
    return controls, stats


def test_a_frame_is_displayed_at_its_size_and_counted(screen: Screen):
    _, stats = run(screen, "i")
    assert screen.sizes == [(160, 90)]
    assert screen.pictures[0].shape == (90, 160, 3)
    assert stats.summary()["output"] == 1


def test_a_picture_that_the_window_had_no_time_for_is_counted(screen: Screen):
    controls, stats = Controls(["night"]), LiveStats()
    made = Window("test", controls, stats)
    for level in range(3):
        made.queue.put(output_frame(level))
    assert stats.summary()["dropped"] == 2


@pytest.mark.parametrize(
    ("keys", "changed"),
    [
        ("n", {"style": 1}),
        ("b", {"style": 2}),
        ("3", {"style": 2}),
        ("--+", {"strength": 0.9}),
        ("__=", {"strength": 0.9}),
        ("s", {"steady": False}),
        ("c", {"compare": "side"}),
        ("cc[[", {"compare": "wipe", "wipe": 0.4}),
        ("cc]", {"compare": "wipe", "wipe": 0.55}),
        ("m", {"mirror": True}),
        (" ", {"paused": True}),
        ("t", {"snapshots": 1}),
        ("r", {"recording": True}),
        ("q", {"quit": True}),
        ("\x1b", {"quit": True}),
        ("x", {}),
    ],
)
def test_keys(screen: Screen, keys: str, changed: dict[str, Any]):
    controls, _ = run(screen, keys)
    assert {k: getattr(controls.state, k) for k in changed} == changed
    if not changed:
        assert controls.state == State()


def test_full_screen_and_back(screen: Screen):
    run(screen, "ff")
    expected = [cv2.WINDOW_FULLSCREEN, cv2.WINDOW_NORMAL]
    assert screen.properties == [(cv2.WND_PROP_FULLSCREEN, mode) for mode in expected]


def test_the_mouse_draws_the_wipe(screen: Screen):
    controls = Controls(["a"], State(compare="wipe"))
    made = Window("test", controls, LiveStats())
    made.queue.put(output_frame())
    turns = iter([False, True])
    made.run(lambda: next(turns))
    screen.mouse(cv2.EVENT_MOUSEMOVE, 40, 10, cv2.EVENT_FLAG_LBUTTON, None)
    assert controls.state.wipe == 0.25
    screen.mouse(cv2.EVENT_MOUSEMOVE, 80, 10, 0, None)
    assert controls.state.wipe == 0.25


def test_a_window_that_is_closed_ends_the_run(screen: Screen):
    screen.visible = 0.0
    controls, _ = run(screen, "")
    assert controls.state.quit


def gone(*args: Any) -> Any:
    raise cv2.error("(-27:Null pointer) NULL window: 'test' in function 'cvResizeWindow'")


@pytest.mark.parametrize(
    "raising",
    [
        ["getWindowProperty", "destroyWindow"],
        ["destroyWindow"],
        ["resizeWindow", "getWindowProperty", "destroyWindow"],
        ["imshow", "getWindowProperty", "destroyWindow"],
        ["setWindowProperty", "getWindowProperty", "destroyWindow"],
    ],
    ids=" ".join,
)
def test_a_window_that_its_frame_closed_ends_the_run_without_an_error(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, raising: list[str]
):
    """Each of OpenCV's calls may be the first that does not know the window any more."""
    screen.visible = 0.0
    for name in raising:
        monkeypatch.setattr(cv2, name, gone)
    controls = Controls(["a"])
    made = Window("test", controls, LiveStats())
    made.queue.put(output_frame())
    screen.keys = list("ff")
    made.run(lambda: controls.state.quit)
    assert controls.state.quit


def test_a_closed_window_is_not_drawn_again(screen: Screen, monkeypatch: pytest.MonkeyPatch):
    """OpenCV would open a new one."""
    controls = Controls(["a"], State(paused=True))
    made = Window("test", controls, LiveStats())
    made.queue.put(output_frame())

    def close(ms: int) -> int:
        screen.visible = 0.0
        made.queue.put(output_frame())
        return ord("i")

    monkeypatch.setattr(cv2, "waitKey", close)
    made.run(lambda: False)
    assert len(screen.pictures) == 1


def test_what_the_window_cannot_show_is_a_line(screen: Screen, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cv2, "imshow", gone)
    made = Window("test", Controls(["a"]), LiveStats())
    made.queue.put(output_frame())
    with pytest.raises(SinkError, match=r"window: .*NULL window"):
        made.run(lambda: False)
    assert screen.destroyed


def test_help_names_every_key(screen: Screen):
    run(screen, "h")
    text = "\n".join(HELP)
    assert all(line in text for _, line in KEYS.values())


def test_a_window_that_would_hang_is_refused():
    assert window.xcb_clashes(["os", "av", "cv2"])
    assert not window.xcb_clashes(["os", "cv2", "av"])
    assert not window.xcb_clashes(["cv2"])


def test_the_command_loads_opencv_first():
    """For a camera whose output is not typed, and a window, too."""
    import subprocess
    import sys

    code = (
        "import sys, stylize_video.cli.live\n"
        "from stylize_video.cli.output import default_output\n"
        "from stylize_video.pipeline.core.config import Settings\n"
        "assert default_output('0', Settings()) == 'window'\n"
        "from stylize_video.pipeline import play_live\n"
        "from stylize_video.pipeline.live.outputs.window import xcb_clashes\n"
        "assert not xcb_clashes(list(sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    code = code.replace("play_live", "stylize")
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_source_side_by_side_or_as_a_wipe():
    side = compose(output_frame(100), "side", 0.5)
    assert side.shape == (90, 320, 3)
    assert (side[40, 10].tolist(), side[40, 300].tolist()) == ([0] * 3, [100] * 3)
    wipe = compose(output_frame(100), "wipe", 0.25)
    assert [int(wipe[40, x, 0]) for x in (10, 39, 40, 60)] == [0, 255, 255, 100]
    assert (compose(output_frame(100), "off", 0.5) == 100).all()


def test_a_notice_darkens_the_foot_and_leaves_the_frame_alone():
    one = OutputFrame(output_frame(200).frame, "the stream is gone; again in 3 s")
    drawn = compose(one, "off", 0.5)
    assert drawn[-2, -2, 0] == 50
    assert drawn[5, 5, 0] == 200
    assert (one.frame.rgb == 200).all()


def test_figures_say_how_it_goes():
    lines = status_lines(Reading(30, 29.5, 3, 0.042, "cpu", 0.5), "wave", 0.8, ["steady"])
    assert lines == [
        "wave 0.8 steady",
        "29.5 of 30.0 frames/s, 42 ms, 3 dropped, cpu, painted at 50%",
    ]

"""The live window: the picture, its statistics, and the keys. Runs in the main thread."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import cv2

from ...core.concurrency import LatestQueue
from ...core.errors import SinkError, reason
from ..controls import Controls
from ..stats import LiveStats
from .keys import HELP, action_of
from .output import OutputFrame
from .overlay import active_switches, compose, draw_lines, status_lines

_WAIT = 0.02  # seconds to wait for a frame before the keys are read again


class Window:
    """Displays the newest frame, and reads keys and the mouse.

    Args:
        title: the window's title.
        controls: the controls that keys change.
        stats: the statistics that the window displays; displayed frames are counted there.

    Raises:
        SinkError: there is no screen, or this OpenCV has no windows.
    """

    def __init__(self, title: str, controls: Controls, stats: LiveStats) -> None:
        _check_screen()
        self.queue: LatestQueue[OutputFrame] = LatestQueue(on_drop=stats.count_dropped)
        """Frames to display; put them here from any thread."""
        self._title = title
        self._controls = controls
        self._stats = stats
        self._show_stats = True
        self._show_help = False
        self._full_screen = False
        self._size = (0, 0)
        self._item: OutputFrame | None = None
        flags = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
        try:
            cv2.namedWindow(title, flags)
            cv2.setMouseCallback(title, self._on_mouse)
        except cv2.error as error:
            raise SinkError(
                f"window: this OpenCV cannot open windows ({reason(error)}); "
                "install opencv-python instead of opencv-python-headless"
            ) from error

    def run(self, over: Callable[[], bool]) -> None:
        """Display frames and read keys until ``over()``, or until the window is closed.

        Raises:
            SinkError: OpenCV can't display a frame.
        """
        try:
            while not over() and self._turn():
                pass
        except cv2.error as error:
            if not self._is_closed():
                raise SinkError(f"window: {reason(error)}") from error
            self._controls.do("quit")
        finally:
            with suppress(cv2.error):  # OpenCV knows a window no more that its frame has closed
                cv2.destroyWindow(self._title)
                cv2.waitKey(1)

    def _turn(self) -> bool:
        """Display the next frame, if there is one, and read a key; whether the window is open."""
        item = self.queue.get(_WAIT)
        if item is not None:
            self._draw(item)
            if item.frame.captured:
                self._stats.count_output(item.frame.captured)
        key = cv2.waitKey(1)  # it may be closed in here
        if self._item is not None and self._is_closed():
            self._controls.do("quit")
            return False
        self._on_key(key)
        return True

    def _draw(self, item: OutputFrame) -> None:
        self._item = item
        state = self._controls.state
        picture = compose(item, state.compare, state.wipe)
        lines: list[str] = []
        if self._show_stats:
            style = self._controls.styles[state.style]
            lines += status_lines(self._stats.read(), style, state.strength, active_switches(state))
        if self._show_help:
            lines += HELP
        draw_lines(picture, lines)
        if picture.shape[:2] != self._size:
            self._size = picture.shape[:2]
            cv2.resizeWindow(self._title, self._size[1], self._size[0])
        cv2.imshow(self._title, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    def _on_key(self, code: int) -> None:
        """Do what a key of ``cv2.waitKey`` says; −1 is none."""
        if code < 0:
            return
        key = chr(code & 0xFF)
        action = action_of(key)
        if action is not None:
            self._controls.do(*action)
        elif key == "i":
            self._show_stats = not self._show_stats
        elif key == "h":
            self._show_help = not self._show_help
        elif key == "f":
            self._full_screen = not self._full_screen
            mode = cv2.WINDOW_FULLSCREEN if self._full_screen else cv2.WINDOW_NORMAL
            cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, mode)
        if self._item is not None and self._controls.state.paused:
            self._draw(self._item)

    def _on_mouse(self, event: int, x: int, y: int, flags: int, data: Any = None) -> None:
        if flags & cv2.EVENT_FLAG_LBUTTON and self._controls.state.compare == "wipe":
            self._controls.do("wipe", x / max(1, self._size[1]))

    def _is_closed(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1
        except cv2.error:  # Qt's way to say so
            return True


def _check_screen() -> None:
    """Refuse a window that could not open, or would hang."""
    if sys.platform != "linux":
        return
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise SinkError(
            "window: there is no screen here (DISPLAY is not set); "
            "give another output, as http://127.0.0.1:8080 for a page"
        )
    if xcb_clashes(list(sys.modules)):
        raise SinkError("window: PyAV was imported before OpenCV; put `import cv2` first")


def xcb_clashes(loaded: Sequence[str]) -> bool:
    """Whether a window would hang: PyAV's wheel brings its own xcb, and OpenCV's Qt would use it.

    Args:
        loaded: the names of the modules, in the order in which they were imported.
    """
    return "av" in loaded and loaded.index("av") < loaded.index("cv2")

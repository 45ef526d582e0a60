"""The live window: the picture, its figures, and the keys. Runs in the main thread."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import cv2

from ...core.concurrency import LatestQueue
from ...core.errors import SinkError, reason
from ..controls import Controls, State
from ..stats import LiveStats
from .output import OutputFrame
from .overlay import compose, draw_lines, status_lines

KEYS = {
    "n": ("next", "next style"),
    "b": ("previous", "style before"),
    "+": ("stronger", "more of the style"),
    "-": ("weaker", "less"),
    "s": ("steady", "held steady, or not"),
    "c": ("compare", "beside the source; wipe; alone"),
    "[": ("wipe left", "the wipe's line to the left"),
    "]": ("wipe right", "to the right; or drag it"),
    "m": ("mirror", "mirror"),
    " ": ("pause", "pause"),
    "t": ("snapshot", "take a picture"),
    "r": ("record", "record to a file, or stop"),
    "q": ("quit", "quit (or Esc)"),
}
"""Key → action of ``controls.ACTIONS``, and what the help says."""

_SAME = {"=": "+", "_": "-", "\x1b": "q"}
_OWN = {"f": "full screen", "i": "figures", "h": "this help"}
_HELP = [
    *(f"{'space' if key == ' ' else key}  {told}" for key, (_, told) in KEYS.items()),
    *(f"{key}  {told}" for key, told in _OWN.items()),
    "1-9  one of the first styles",
]
_WAIT = 0.02  # seconds for a frame, before the keys are looked at again


class Window:
    """Shows the newest frame and hears keys and the mouse.

    Args:
        title: of the window.
        controls: what the keys change.
        meter: what is shown of it; hears of every frame that was shown.

    Raises:
        SinkError: there is no screen, or this OpenCV has no windows.
    """

    def __init__(self, title: str, controls: Controls, stats: LiveStats) -> None:
        if sys.platform == "linux" and not (
            os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        ):
            raise SinkError(
                "window: there is no screen here (DISPLAY is not set); "
                "give another output, as http://127.0.0.1:8080 for a page"
            )
        if sys.platform == "linux" and xcb_clashes(list(sys.modules)):
            raise SinkError("window: PyAV was imported before OpenCV; put `import cv2` first")
        self.queue: LatestQueue[OutputFrame] = LatestQueue(on_drop=stats.count_dropped)
        self._title = title
        self._controls = controls
        self._stats = stats
        self._figures = True
        self._help = False
        self._full = False
        self._size = (0, 0)
        self._item: OutputFrame | None = None
        flags = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
        try:
            cv2.namedWindow(title, flags)
            cv2.setMouseCallback(title, self._dragged)
        except cv2.error as error:
            raise SinkError(
                f"window: this OpenCV has none ({reason(error)}); "
                "install opencv-python instead of opencv-python-headless"
            ) from error

    def run(self, over: Callable[[], bool]) -> None:
        """Show and listen until ``over``, or until the window is closed."""
        try:
            while not over():
                item = self.queue.get(_WAIT)
                if item is not None:
                    self._draw(item)
                    if item.frame.captured:
                        self._stats.count_output(item.frame.captured)
                self._hear(cv2.waitKey(1))
                if self._item is not None and self._is_closed():
                    self._controls.do("quit")
        finally:
            cv2.destroyWindow(self._title)
            cv2.waitKey(1)

    def _draw(self, item: OutputFrame) -> None:
        self._item = item
        state = self._controls.state
        picture = compose(item, state.compare, state.wipe)
        lines: list[str] = []
        if self._figures:
            style = self._controls.styles[state.style]
            lines += status_lines(self._stats.read(), style, state.strength, active_switches(state))
        if self._help:
            lines += _HELP
        draw_lines(picture, lines)
        if picture.shape[:2] != self._size:
            self._size = picture.shape[:2]
            cv2.resizeWindow(self._title, self._size[1], self._size[0])
        cv2.imshow(self._title, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    def _hear(self, code: int) -> None:
        if code < 0:
            return
        key = chr(code & 0xFF)
        key = _SAME.get(key, key)
        if key in KEYS:
            self._controls.do(KEYS[key][0])
        elif key in "123456789":
            self._controls.do("style", int(key) - 1)
        elif key == "i":
            self._figures = not self._figures
        elif key == "h":
            self._help = not self._help
        elif key == "f":
            self._full = not self._full
            mode = cv2.WINDOW_FULLSCREEN if self._full else cv2.WINDOW_NORMAL
            cv2.setWindowProperty(self._title, cv2.WND_PROP_FULLSCREEN, mode)
        if self._item is not None and self._controls.state.paused:
            self._draw(self._item)

    def _dragged(self, event: int, x: int, y: int, flags: int, told: Any = None) -> None:
        if flags & cv2.EVENT_FLAG_LBUTTON and self._controls.state.compare == "wipe":
            self._controls.do("wipe", x / max(1, self._size[1]))

    def _is_closed(self) -> bool:
        return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1


def xcb_clashes(loaded: Sequence[str]) -> bool:
    """Whether a window would hang: PyAV's wheel brings an xcb of its own, and OpenCV's Qt takes it.

    Args:
        loaded: modules, in the order in which they were imported.
    """
    return "av" in loaded and loaded.index("av") < loaded.index("cv2")


def active_switches(state: State) -> list[str]:
    """Words for what is switched on."""
    wanted = {
        "steady": state.steady,
        "mirror": state.mirror,
        "PAUSED": state.paused,
        "RECORDING": state.recording,
    }
    return [word for word, is_on in wanted.items() if is_on]

"""A real Chromium without a window, driven through its DevTools pipe: no driver, no package."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1",
    "--window-size=800,900",
    "--remote-debugging-pipe",
]
_PATIENCE = 30.0  # seconds that the browser may take for one answer


class Tab:
    """A browser's only page: what a user sees of it and does with it."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands = os.fdopen(commands, "wb")
        self._answers = os.fdopen(answers, "rb")
        self._number = 0
        self._target = self._session = ""

    def open(self, url: str) -> None:
        """Show the page at an address, in a new tab; the tab before it is closed."""
        before, self._session = self._target, ""
        self._target = self._send("Target.createTarget", url=url)["targetId"]
        if before:
            self._send("Target.closeTarget", targetId=before)
        attached = self._send("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = attached["sessionId"]
        self.until(f"location.href == {url!r} && document.readyState != 'loading'")

    def evaluate(self, script: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self._send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, (script, answer)
        return answer["result"].get("value")

    def until(self, script: str) -> Any:
        """Wait for an expression to be true; its value."""
        end = time.monotonic() + _PATIENCE
        while not (value := self.evaluate(script)):
            assert time.monotonic() < end, f"never true: {script}"
            time.sleep(0.05)
        return value

    def screenshot(self) -> NDArray[np.uint8]:
        """What the page looks like: (H, W, 3) uint8, 0–255, RGB."""
        data = self._send("Page.captureScreenshot", format="png")["data"]
        coded = np.frombuffer(base64.b64decode(data), np.uint8)
        decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR_RGB)
        assert decoded is not None
        return np.asarray(decoded, np.uint8)

    def place(self, element: str, across: float = 0.5) -> tuple[float, float]:
        """Where an element is in the window, which scrolls to it: (x, y) in px.

        Args:
            element: a JavaScript expression.
            across: 0 is its left edge, 1 its right one.
        """
        left, top, width, height = self.evaluate(
            f"(e => {{ e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect();"
            f" return [b.left, b.top, b.width, b.height]; }})({element})"
        )
        return left + width * across, top + height / 2

    def click(self, element: str, across: float = 0.5) -> None:
        """Press and release the mouse's left button on an element."""
        x, y = self.place(element, across)
        for kind in ("mousePressed", "mouseReleased"):
            self._send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def _send(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        self._commands.flush()
        while True:
            answer = json.loads(self._read())
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def _read(self) -> bytes:
        message = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            assert byte, "the browser has ended"
            message += byte
        return bytes(message)

    def close(self) -> None:
        """End the browser."""
        with suppress(OSError, AssertionError):
            self._session = ""
            self._send("Browser.close")
        with suppress(OSError):
            self._commands.close()
        self._answers.close()


@contextmanager
def chromium(program: str) -> Generator[Tab]:
    """Start a browser with an empty profile; it has ended when the block has.

    Args:
        program: the path of Chromium.
    """
    commands, to_browser = os.pipe()
    from_browser, answers = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # The browser reads commands at descriptor 3 and answers at 4.
        shell = f'exec "$@" 3<&{commands} 4>&{answers}'
        process = subprocess.Popen(
            ["bash", "-c", shell, "bash", program, *_FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(commands, answers), stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(commands)
        os.close(answers)
        tab = Tab(to_browser, from_browser)
        try:
            yield tab
        finally:
            tab.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

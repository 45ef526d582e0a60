"""A motion JPEG feed: the newest picture, for everyone who watches the page."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Generator

import cv2

from ...core.frame import Rgb
from ...media.images import picture_bytes

_QUALITY = 85  # of JPEG
VIEWERS = 8
"""At the same time."""
_REPEAT = 1.0  # seconds; then the last picture is sent again: so a viewer who left is noticed


class MjpegFeed:
    """Encodes each picture once for all viewers, and keeps only the newest one."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._widths: list[float] = []
        self._number = 0
        self._jpeg = b""
        self._closed = False

    @property
    def is_needed(self) -> bool:
        """Whether somebody watches, or no picture was encoded yet."""
        return bool(self._widths) or not self._jpeg

    @property
    def width(self) -> float:
        """The most px across that a viewer displays; infinite where one does not say, or none."""
        with self._changed:
            return max(self._widths, default=math.inf)

    @property
    def is_full(self) -> bool:
        """Whether no more viewers fit."""
        return len(self._widths) >= VIEWERS

    def write(self, picture: Rgb) -> None:
        """Encode the next picture, (H, W, 3) uint8, 0–255, RGB."""
        jpeg = picture_bytes(picture, "page.jpg", cv2.IMWRITE_JPEG_QUALITY, _QUALITY)
        with self._changed:
            self._jpeg = jpeg
            self._number += 1
            self._changed.notify_all()

    def jpegs(self, width: float = math.inf) -> Generator[bytes]:
        """Yield the newest JPEG, again and again, for one viewer; none if too many watch.

        Args:
            width: px across that the viewer displays it at.
        """
        with self._changed:
            if self.is_full:
                return
            self._widths.append(width)
        seen = -1
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(self._is_newer_than(seen), _REPEAT)
                    if self._closed:
                        return
                    seen, jpeg = self._number, self._jpeg
                if jpeg:
                    yield jpeg
        finally:
            with self._changed:
                self._widths.remove(width)

    def close(self) -> None:
        """End the feeds of all viewers."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _is_newer_than(self, seen: int) -> Callable[[], bool]:
        return lambda: self._number != seen or self._closed

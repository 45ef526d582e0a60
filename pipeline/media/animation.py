"""Animated WebP, PNG and AVIF as a source: pictures with their own durations, by OpenCV."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.errors import SourceError
from ..core.frame import ALL, Frame, Layout, Plane, Span, eight_bits
from .adapters import Decoded
from .color import BT709
from .source import SourceInfo, fit_size

_TOGETHER = 32  # frames that are decoded at once: memory does not grow with the animation
_MILLISECOND = Fraction(1, 1000)
_SHOWN_AT_LEAST = 10  # ms, for durations of 0


def is_animation(path: Path) -> bool:
    """Whether a picture file holds an animation, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(65536)
    if head.startswith(b"\x89PNG"):
        return b"acTL" in head[: max(0, head.find(b"IDAT"))]
    if head[8:16] == b"WEBPVP8X":
        return any(flags & 2 for flags in head[20:21])
    return head[4:12] == b"ftypavis"


class AnimationSource:
    """The frames of an animated picture.

    Args:
        path: the file.
        size: see ``fit_size``.

    Raises:
        SourceError: it can't be decoded.
    """

    def __init__(self, path: Path, size: str | None = None) -> None:
        self.path = path
        times = [0]
        first: NDArray[Any] | None = None
        alpha = False
        for rgba, duration in self._decoded():
            first = rgba if first is None else first
            alpha = alpha or int(rgba[..., 3].min()) < 255
            times.append(times[-1] + duration)
        if first is None:
            raise SourceError(f"animation {path} can't be decoded")
        frames, length = len(times) - 1, times[-1] * _MILLISECOND
        width, height = fit_size(size, first.shape[1], first.shape[0], Fraction(1))
        self.info = SourceInfo(
            name=str(path),
            width=width,
            height=height,
            time_base=_MILLISECOND,
            rate=frames / length,
            frames=frames,
            start=Fraction(0),
            duration=length,
            color=BT709,
            sample_aspect=Fraction(1),
            files=(path,),
            container=None,
            alpha=alpha,
        )

    seeks = True

    def frames(self, span: Span = ALL, layout: Layout = "rgb") -> Generator[Frame]:
        """See ``Source.frames``."""
        size = self.info.width, self.info.height
        pts = 0
        for rgba, duration in self._decoded():
            if span.holds(pts * _MILLISECOND):
                if rgba.shape[1::-1] != size:
                    rgba = cv2.resize(rgba, size, interpolation=cv2.INTER_AREA)
                one = Decoded.of(rgba, deep=False)
                yield Frame(one.source, pts, _MILLISECOND, duration, alpha=one.alpha)
            pts += duration

    def count_before(self, time: Fraction) -> int:
        """See ``Source.count_before``."""
        return sum(frame.time < time for frame in self.frames())

    def alphas(self, since: Fraction = Fraction(0)) -> Generator[tuple[Fraction, Plane]]:
        """See ``Source.alphas``."""
        for frame in self.frames(Span(since)):
            opaque = np.full((self.info.height, self.info.width), 255, np.uint8)
            yield frame.time, opaque if frame.alpha is None else eight_bits(frame.alpha)

    def _decoded(self) -> Iterator[tuple[NDArray[Any], int]]:
        """Frames, (H, W, 4) uint8, 0–255, RGBA, and for how many milliseconds each is displayed."""
        encoded = np.fromfile(self.path, np.uint8)
        for start in count(0, _TOGETHER):
            try:
                done, animation = cv2.imdecodeanimation(encoded, start, _TOGETHER)
            except cv2.error as error:
                raise SourceError(f"animation {self.path} can't be decoded") from error
            frames = animation.frames if done else ()
            for bgra, duration in zip(frames, animation.durations, strict=False):
                how = cv2.COLOR_BGRA2RGBA if bgra.shape[2] == 4 else cv2.COLOR_BGR2RGBA
                yield cv2.cvtColor(bgra, how), int(duration) or _SHOWN_AT_LEAST
            if len(frames) < _TOGETHER:
                return

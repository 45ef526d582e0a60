"""Hold the picture steady: what was shown, carried along the motion, blended with the new picture.

The *output* of the frame before is warped along the source's motion and mixed with the frame's own
stylisation by confidence: an exponential mean along the motion. Nothing drifts: the mean is kept in
float32, so that no rounding error is carried on, and an anchor lets go of the past where it does
not look, in the mean over a small place, as the new picture does: a ghost, or an error that grows.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from .flow import Warper
from .frame import Frame, Memory, Motion, Rgb
from .prefetch import closing_source

Picture = NDArray[np.float32]
"""(H, W, 3), RGB, 0..255."""
Carried = tuple[Picture, NDArray[np.float32]]
"""The picture before, moved; the motion's confidence (h, w), 0..1, at the motion's size."""

HOLDS = {"flow": 0.75, "strong": 0.85}
"""Setting of ``--steady`` → share of the past in what is shown where it can be trusted wholly."""

# The side of a place, px, and the difference of its mean colour, of 0..255, at which the anchor
# halves the trust. Strokes that flicker in a place leave its mean as it is.
_PLACE = 8
_UNLIKE = 16.0


class History:
    """The picture last shown in a shot, and how it is carried on.

    Args:
        share: of the past in the next picture where it can be trusted wholly, 0..1.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._warper: Warper | None = None

    def _begin(self, rgb: Rgb) -> None:
        height, width = rgb.shape[:2]
        if self._warper is None or self._warper.size != (width, height):
            self._warper = Warper(width, height)
            # Fresh memory for each large array would cost as much as the arithmetic.
            self._last, self._moved, self._new = (np.empty(rgb.shape, np.float32) for _ in "123")
            self._shares = np.empty((2, height, width), np.float32)
        np.copyto(self._last, rgb)

    def carried(self, motion: Motion | None) -> Carried | None:
        """The last picture moved to where its parts are now; ``None`` where a shot begins.

        Sampling is bicubic: bilinear would blur a little more with every frame. The picture is
        overwritten by the next call.
        """
        if motion is None or self._warper is None:
            return None
        how, out = cv2.INTER_CUBIC, self._moved
        return self._warper.warp(self._last, motion.vectors, how, out), motion.confidence

    def blend(self, rgb: Rgb, carried: Carried | None) -> Rgb:
        """The picture to show for ``rgb``: with nothing carried, or of another size, itself."""
        if carried is None or carried[0].shape != rgb.shape:
            self._begin(rgb)
            return rgb
        moved, confidence = carried
        old, new = self._shares
        small = cv2.multiply(_likeness(moved, rgb, confidence.shape), confidence, scale=self._share)
        cv2.resize(small, (rgb.shape[1], rgb.shape[0]), dst=old)
        cv2.subtract(1.0, old, dst=new)  # pyright: ignore[reportCallIssue, reportArgumentType]
        np.copyto(self._new, rgb)
        cv2.blendLinear(moved, self._new, old, new, dst=self._last)
        return _as_bytes(self._last)


def _likeness(moved: Picture, rgb: Rgb, shape: tuple[int, ...]) -> Any:
    """The anchor: 1 / (1 + d²), d the difference of mean colours in units of ``_UNLIKE``."""
    size = (max(1, rgb.shape[1] // _PLACE), max(1, rgb.shape[0] // _PLACE))
    means = (cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (moved, rgb))
    d = np.abs(np.subtract(*means, dtype=np.float32)).max(axis=-1) / _UNLIKE
    return cv2.resize(1 / (1 + d * d), (shape[1], shape[0]))


def _as_bytes(picture: Picture) -> Any:
    """Rounded and clamped to 0–255."""
    return cv2.add(picture, 0.0, dtype=cv2.CV_8U)  # pyright: ignore[reportCallIssue, reportArgumentType]


class RecurrentPaint(Protocol):
    """Repaints a picture, given what was shown before and how far that can be trusted."""

    def __call__(self, rgb: Rgb, memory: Memory | None = None) -> Rgb:
        """The picture in the style; the same shape."""
        ...


def recur(frames: Iterable[Frame], paint: RecurrentPaint, share: float) -> Generator[Frame]:
    """The stage of a recurrent net (Ruder 2018): source frames with their motion → held steady.

    The net is told the picture shown before, carried along the motion, and how far to trust it; a
    shot begins without. What it answers is blended like any other's.
    """
    history = History(share)
    with closing_source(frames):
        for frame in frames:
            carried = history.carried(frame.motion)
            memory = None
            if carried is not None:
                size = (frame.rgb.shape[1], frame.rgb.shape[0])
                trust = cv2.resize(cv2.convertScaleAbs(carried[1], alpha=255), size)
                memory = Memory(_as_bytes(carried[0]), np.asarray(trust, np.uint8))
            yield replace(frame, rgb=history.blend(paint(frame.rgb, memory), carried))


def steady(frames: Iterable[Frame], share: float) -> Generator[Frame]:
    """The stage: stylised frames that carry the source's motion → the same, held steady."""
    history = History(share)
    with closing_source(frames):
        for frame in frames:
            carried = history.carried(frame.motion)
            yield replace(frame, rgb=history.blend(frame.rgb, carried))

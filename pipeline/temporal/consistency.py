"""Hold the picture steady: what was shown, carried along the motion, blended with the new picture.

The *output* of the frame before is warped along the source's motion and mixed with the frame's own
stylisation by confidence: an exponential mean along the motion. Nothing drifts: the mean is kept in
float32, so that no rounding error is carried on, and an anchor lets go of the past where it does
not look, in the mean over a small place, as the new picture does: a ghost, or an error that grows.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import closing_source
from ..core.frame import Frame, Memory, Motion, Picture, Rgb, Yuv, YuvMatrix, as_rgb
from ..imaging.warp import Warper

Layer = NDArray[np.float32]
"""Channels of one size, 0..255: (H, W, 3) of RGB; (H, W) of Y and (H/2, W/2, 2) of U and V."""


@dataclass(frozen=True)
class Carried:
    """The picture before, moved to where its parts are now."""

    layers: list[Layer]
    confidence: NDArray[np.float32]
    """(h, w), 0..1, at the motion's size: that it is there."""


BLEND_WEIGHTS = {"flow": 0.75, "strong": 0.85}
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
        self._layers: list[_Layer] = []

    def _begin(self, layers: list[NDArray[np.uint8]]) -> None:
        if [layer.shape for layer in self._layers] != [x.shape for x in layers]:
            self._layers = [_Layer(x.shape) for x in layers]
        for layer, x in zip(self._layers, layers, strict=True):
            np.copyto(layer.last, x)

    def carried(self, motion: Motion | None) -> Carried | None:
        """The last picture moved; ``None`` where a shot begins. The next call overwrites it."""
        if motion is None or not self._layers:
            return None
        return Carried([layer.moved(motion) for layer in self._layers], motion.confidence)

    def blend(self, picture: Picture, carried: Carried | None) -> Picture:
        """The picture to show for ``picture``: with nothing carried, or of another size, itself."""
        layers = _layers(picture)
        if carried is None or [x.shape for x in carried.layers] != [x.shape for x in layers]:
            self._begin(layers)
            return picture
        coding = picture.coding if isinstance(picture, Yuv) else None
        likeness = _likeness(carried, layers, coding)
        trust = cv2.multiply(likeness, carried.confidence, scale=self._share)
        blended = [
            layer.blend(new, moved, trust)
            for layer, new, moved in zip(self._layers, layers, carried.layers, strict=True)
        ]
        if not isinstance(picture, Yuv):
            return blended[0]
        u, v = (np.asarray(plane, np.uint8) for plane in cv2.split(blended[1]))
        return Yuv(blended[0], u, v, picture.coding)


class _Layer:
    """What is kept of some channels: fresh memory for each frame would cost as much as the work."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._warper = Warper(shape[1], shape[0])
        self.last, self._moved, self._new = (np.empty(shape, np.float32) for _ in "123")
        self._old_share, self._new_share = np.empty((2, *shape[:2]), np.float32)
        # Bilinear sampling would blur a little more with every frame. Of colour at half size that
        # is not seen (52 dB and more from bicubic), and takes a third of the time.
        self._how = cv2.INTER_LINEAR if shape[2:] == (2,) else cv2.INTER_CUBIC

    def moved(self, motion: Motion) -> Layer:
        """What was last shown, moved."""
        return self._warper.warp(self.last, motion.vectors, self._how, self._moved)

    def blend(self, new: NDArray[np.uint8], moved: Layer, trust: Any) -> NDArray[np.uint8]:
        """The new channels with ``trust`` of the moved ones, which is kept in floats."""
        cv2.resize(trust, self.shape[1::-1], dst=self._old_share)
        cv2.subtract(1.0, self._old_share, dst=self._new_share)  # pyright: ignore[reportCallIssue, reportArgumentType]
        np.copyto(self._new, new)
        cv2.blendLinear(moved, self._new, self._old_share, self._new_share, dst=self.last)
        return _as_bytes(self.last)


def _layers(picture: Picture) -> list[NDArray[np.uint8]]:
    """The picture's channels, those of one size together."""
    if not isinstance(picture, Yuv):
        return [picture]
    return [picture.y, np.asarray(cv2.merge([picture.u, picture.v]), np.uint8)]


def _likeness(carried: Carried, layers: list[NDArray[np.uint8]], coding: YuvMatrix | None) -> Any:
    """The anchor: 1 / (1 + d²), d the difference of mean colours in units of ``_UNLIKE``."""
    height, width = layers[0].shape[:2]
    size = (max(1, width // _PLACE), max(1, height // _PLACE))
    difference = _means(carried.layers, size) - _means(layers, size)
    if coding is not None:
        difference = cv2.transform(difference, coding.to_rgb()[0])
    d = np.abs(difference).max(axis=-1) / _UNLIKE
    return cv2.resize(1 / (1 + d * d), carried.confidence.shape[::-1])


def _means(layers: Sequence[NDArray[Any]], size: tuple[int, int]) -> NDArray[np.float32]:
    """The mean colours of places, as many as ``size`` says, (H, W, 3)."""
    small = (cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in layers)
    return np.dstack([np.asarray(x, np.float32) for x in small])


def _as_bytes(picture: Layer) -> Any:
    """Rounded and clamped to 0–255."""
    return cv2.add(picture, 0.0, dtype=cv2.CV_8U)  # pyright: ignore[reportCallIssue, reportArgumentType]


class RecurrentPaint(Protocol):
    """Repaints a picture, given what was shown before and how far that can be trusted."""

    def __call__(self, rgb: Rgb, memory: Memory | None = None) -> Rgb:
        """The picture in the style; the same shape."""
        ...


class Recurrent:
    """Plays frames with a net that is told of the one before.

    Args:
        paint: the net.
    """

    def __init__(self, paint: RecurrentPaint) -> None:
        self._paint = paint

    def paint(self, picture: Picture, carried: Carried | None = None) -> Picture:
        """See ``follow.Plays``; ``carried``: what was shown before."""
        rgb = as_rgb(picture)
        return self._paint(rgb, told(carried, rgb))


def recur(frames: Iterable[Frame], paint: RecurrentPaint, share: float) -> Generator[Frame]:
    """The stage of a recurrent net (Ruder 2018): source frames with their motion → held steady.

    The net is told the picture shown before, carried along the motion, and how far to trust it; a
    shot begins without. What it answers is blended like any other's.
    """
    history, net = History(share), Recurrent(paint)
    with closing_source(frames):
        for frame in frames:
            carried = history.carried(frame.motion)
            painted = net.paint(frame.picture, carried)
            yield replace(frame, picture=history.blend(painted, carried))


def told(carried: Carried | None, rgb: Rgb) -> Memory | None:
    """What a recurrent net is told at a frame; ``None``: what was carried is no picture like it."""
    if carried is None or carried.layers[0].shape != rgb.shape:
        return None
    trust = cv2.resize(cv2.convertScaleAbs(carried.confidence, alpha=255), rgb.shape[1::-1])
    return Memory(_as_bytes(carried.layers[0]), np.asarray(trust, np.uint8))


def steady(frames: Iterable[Frame], share: float) -> Generator[Frame]:
    """The stage: stylised frames that carry the source's motion → the same, held steady."""
    history = History(share)
    with closing_source(frames):
        for frame in frames:
            carried = history.carried(frame.motion)
            yield replace(frame, picture=history.blend(frame.picture, carried))

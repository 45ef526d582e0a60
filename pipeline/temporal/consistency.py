"""Reduce flicker: the previous output, warped along the motion, is blended with the new painting.

The weight follows the flow's confidence: an exponential mean along the motion. Nothing drifts: the
mean is stored in float32, so that no rounding error accumulates, and an anchor drops the past where
its mean over a small window differs from the new painting's: a ghost, or an error that grows.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import closing_source
from ..core.frame import WIDER, Frame, Motion, Picture, TemporalState, Yuv, YuvMatrix, coding_of
from ..imaging.resize import resize_area, resize_linear
from ..imaging.warp import Warper

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
"""Channels of one size, as ``Layer``, in the bits of their picture."""

Layer = NDArray[np.float32]
"""Channels of one size, 0..255: (H, W, 3) of RGB; (H, W) of Y and (H/2, W/2, 2) of U and V."""


@dataclass(frozen=True)
class _Warped:
    """The previous output, warped to the present frame."""

    layers: list[Layer]
    confidence: NDArray[np.float32]
    """(h, w), 0..1, at the motion's size: that it is still visible."""


BLEND_WEIGHTS = {"flow": 0.75, "strong": 0.85}
"""Setting of ``--steady`` → weight of the past where it can be trusted fully."""

# The side of a window, px, and the difference of its mean colour, of 0..255, at which the anchor
# halves the trust. Strokes that flicker inside a window leave its mean as it is.
_WINDOW = 8
_UNLIKE = 16.0


class TemporalBlend:
    """The last output of a shot, and how it is blended with the next frame. File and live use it.

    Args:
        weight: the weight of the past in the next output where it is fully trusted, 0..1.
    """

    def __init__(self, weight: float) -> None:
        self._weight = weight
        self._layers: list[_Layer] = []
        self._warped: _Warped | None = None

    def step(self, frame: Frame, painted: Picture) -> Picture:
        """Compute the output for a frame from its painting; a shot's first one is not changed."""
        self.advance(frame)
        return self.mix(painted, frame.carried)

    def advance(self, frame: Frame) -> None:
        """Warp the last output to the frame; forget it where a shot or another style begins."""
        motion = None if frame.cut or frame.restyled else frame.motion
        self._warped = None
        if motion is not None and self._layers:
            layers = [layer.warp(motion) for layer in self._layers]
            self._warped = _Warped(layers, motion.confidence)

    def reset(self) -> None:
        """Forget the past: the next frame begins a shot."""
        self._layers, self._warped = [], None

    def state(self, source: Picture) -> TemporalState | None:
        """Return the warped output for a recurrent net that paints ``source``.

        ``None``: there is none, or it is not RGB of that size.
        """
        warped = self._warped
        if warped is None or warped.layers[0].shape != source.shape:
            return None
        trust = cv2.convertScaleAbs(warped.confidence, alpha=255)
        confidence = resize_linear(np.asarray(trust, np.uint8), (source.shape[0], source.shape[1]))
        return TemporalState(_as_bytes(warped.layers[0]), confidence)

    def mix(self, painted: Picture, carried: NDArray[np.float32] | None = None) -> Picture:
        """Blend a painting with the warped output; of another size, it begins a shot.

        Args:
            painted: the painting.
            carried: where the warped output takes its place; see ``Frame``.
        """
        layers = _layers(painted)
        warped = self._warped
        if warped is None or [x.shape for x in warped.layers] != [x.shape for x in layers]:
            self._begin(layers)
            return painted
        differences = [
            layer.difference(new, old)
            for layer, new, old in zip(self._layers, layers, warped.layers, strict=True)
        ]
        likeness = _likeness(differences, warped.confidence.shape, coding_of(painted))
        trust = cv2.multiply(likeness, warped.confidence, scale=self._weight)
        if carried is not None:
            trust = cv2.max(trust, resize_linear(carried, warped.confidence.shape))
        blended: list[Any] = [
            layer.blend(new, trust) for layer, new in zip(self._layers, layers, strict=True)
        ]
        if not isinstance(painted, Yuv):
            return blended[0]
        u, v = (np.asarray(plane, np.uint8) for plane in cv2.split(blended[1]))
        return Yuv(blended[0], u, v, painted.coding)

    def _begin(self, layers: Sequence[Pixels]) -> None:
        if [layer.shape for layer in self._layers] != [x.shape for x in layers]:
            self._layers = [_Layer(x.shape) for x in layers]
        for layer, x in zip(self._layers, layers, strict=True):
            layer.last[:] = _floats(x)


class _Layer:
    """Buffers of some channels: fresh memory for each frame would cost as much as the work."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        self._warper = Warper(shape[1], shape[0])
        self.last, self._warped, self._added, self._trust = (
            np.empty(shape, np.float32) for _ in "1234"
        )
        # Bilinear sampling would blur a little more with every frame. In colour at half size that
        # is invisible (52 dB and more from bicubic), and takes a third of the time.
        self._how = cv2.INTER_LINEAR if shape[2:] == (2,) else cv2.INTER_CUBIC

    def warp(self, motion: Motion) -> Layer:
        """Warp the last output."""
        return self._warper.warp(self.last, motion.vectors, self._how, self._warped)

    def difference(self, new: Pixels, old: Layer) -> Layer:
        """The warped output less the new channels; the next ``blend`` adds a part of it."""
        floats = new if new.dtype == np.uint8 else _floats(new)
        return np.asarray(cv2.subtract(old, floats, self._added, dtype=cv2.CV_32F), np.float32)  # pyright: ignore[reportCallIssue, reportArgumentType]

    def blend(self, new: Pixels, trust: Any) -> Pixels:
        """Blend the new channels with ``trust`` of the old ones; the result is stored in floats."""
        channels = 1 if self.last.ndim == 2 else self.last.shape[2]
        resize_linear(cv2.merge([trust] * channels), (self.shape[0], self.shape[1]), self._trust)
        cv2.multiply(self._added, self._trust, self._added)
        floats = new if new.dtype == np.uint8 else _floats(new)
        cv2.add(self._added, floats, self.last, dtype=cv2.CV_32F)  # pyright: ignore[reportCallIssue, reportArgumentType]
        if new.dtype == np.uint8:
            return _as_bytes(self.last)
        np.multiply(self.last, WIDER, out=self._added)  # it is not needed any more
        return cv2.add(self._added, 0.0, dtype=cv2.CV_16U)  # pyright: ignore[reportCallIssue, reportArgumentType, reportReturnType]


def _floats(pixels: Pixels) -> Layer:
    """Pixels of 8 or 16 bits as floats of 0–255."""
    return np.multiply(pixels, 1 if pixels.dtype == np.uint8 else 1 / WIDER, dtype=np.float32)


def _layers(picture: Picture) -> list[Pixels]:
    """The picture's channels, those of one size together."""
    if not isinstance(picture, Yuv):
        return [picture]
    return [picture.y, np.asarray(cv2.merge([picture.u, picture.v]), np.uint8)]


def _likeness(differences: Sequence[Layer], size: tuple[int, ...], coding: YuvMatrix | None) -> Any:
    """The anchor: 1 / (1 + d²), d the difference of mean colours in units of ``_UNLIKE``.

    Args:
        differences: of the channels of two pictures.
        size: (height, width) of the result.
        coding: of planes.
    """
    height, width = differences[0].shape[:2]
    windows = (max(1, height // _WINDOW), max(1, width // _WINDOW))
    means = cv2.merge([p for x in differences for p in cv2.split(resize_area(x, windows))])
    if coding is not None:
        means = cv2.transform(means, coding.to_rgb()[0])
    red, green, blue = (cv2.multiply(p, p) for p in cv2.split(means))
    square = cv2.max(cv2.max(red, green), blue)
    return resize_linear(1 / (1 + square / np.float32(_UNLIKE**2)), (size[0], size[1]))


def _as_bytes(picture: Layer) -> Any:
    """Rounded and clamped to 0–255."""
    return cv2.add(picture, 0.0, dtype=cv2.CV_8U)  # pyright: ignore[reportCallIssue, reportArgumentType]


def blend_frames(frames: Iterable[Frame], weight: float) -> Generator[Frame]:
    """Stage: blend each painted frame with the output before it, along the source's motion.

    Args:
        frames: the painted frames, with their ``motion``, in order.
        weight: see ``TemporalBlend``.
    """
    blend = TemporalBlend(weight)
    with closing_source(frames):
        for frame in frames:
            yield replace(frame, painted=blend.step(frame, frame.picture))

"""Light that flickers is brought back to its mean before a net sees it.

With statistics that are fixed for a shot, a net paints every change of exposure, and stronger than
it is. A frame's light is compared with the frame before's; what has changed in the last frames is
taken back by a look-up table for each plane. Only small changes are: a lamp's flicker, an automatic
exposure. A fade, or a lamp that is switched on, is followed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import closing_source
from ..core.frame import WIDER, Frame, Levels, Picture, Rgb16, Yuv, YuvMatrix, black_of, coding_of

_CELLS = (32, 18)  # (width, height) of the reduced picture
_MEMORY = 1 - 1 / 12  # of what has changed, this is left a frame later
_DARK = 8.0  # grey levels, added before the logarithm: noise in the dark is no light
_USABLE = (20.0, 238.0)  # grey levels; brighter ones may be clipped
_LEAST = 0.25  # of the cells, that must be usable
_COLOUR = 60.0  # grey levels of U or V that count as much as a gain of e
_AGREEMENT = 0.04  # distance of the quartiles of all cells' changes at which half is believed
# Changes up to the first are taken back, those beyond the second are followed.
_SMALL, _LARGE = 0.05, 0.1
_FADED = 48.0  # grey levels above black; what is brightest is fading to black below them
_FULL, _LARGEST = 235.0, 8.0  # what is brightest in a picture that is not faded; gain to reach it
_QUIET = (0.005, 3)  # a change that was followed is over: change per frame, frames


HANDED_OVER = 0.75
"""Of the way to the next chunk of a film, on which what is known of the light and of the shot goes
over to what that one will know."""


class SteadyLight:
    """How far the light of a film is off its mean of the last half second.

    The next chunk of a film knows nothing of what is before its run-up: over that, what is known
    here goes over to what is known there.
    """

    def __init__(self) -> None:
        self._before: NDArray[np.float32] | None = None
        self._kind: YuvMatrix | None = None
        self._now = _Offset()
        self._coming: _Offset | None = None

    def step(self, frame: Frame) -> Frame:
        """Return the next frame with its ``levels``."""
        source = frame.source
        now, before = _reduced(source), self._before
        if frame.cut or before is None or coding_of(source) != self._kind:
            self._now, self._coming = _Offset(), None
        else:
            change = _change(now, before, isinstance(source, Yuv))
            self._now.add(change)
            if self._coming is not None:
                self._coming.add(change)
        self._before, self._kind = now, coding_of(source)
        off = self._now.off
        if frame.handover is None:
            self._coming = None
        else:
            self._coming = self._coming or _Offset()
            off = off + min(1.0, frame.handover / HANDED_OVER) * (self._coming.off - off)
        return replace(frame, levels=_levels(off, coding_of(source)))


class _Offset:
    """How far the light is off its mean, for each channel."""

    def __init__(self) -> None:
        self.off = np.zeros(3)
        self._quiet = _QUIET[1]  # frames without a change since one was followed

    def add(self, change: NDArray[np.float64]) -> None:
        """Add what has changed since the frame before."""
        self.off = _MEMORY * self.off + change
        if np.abs(self.off).max() > _LARGE:
            self._quiet = 0
        elif np.abs(change).max() < _QUIET[0]:
            self._quiet += 1
        elif self._quiet < _QUIET[1]:
            self._quiet = 0
        if self._quiet < _QUIET[1]:
            self.off = np.zeros(3)


def steady_light(frames: Iterable[Frame]) -> Generator[Frame]:
    """Stage: give every frame the ``levels`` that take the flicker out of its light."""
    light = SteadyLight()
    with closing_source(frames):
        for frame in frames:
            yield light.step(frame)


def levelled(frame: Frame) -> Frame:
    """The frame with its ``levels`` applied to its source: what a net is given."""
    if frame.levels is None:
        return frame
    source = frame.source
    if isinstance(source, Yuv):
        pairs = zip(source.planes, frame.levels, strict=True)
        y, u, v = (np.asarray(cv2.LUT(plane, table), np.uint8) for plane, table in pairs)
        return replace(frame, source=Yuv(y, u, v, source.coding), levels=None)
    table = np.stack(frame.levels, axis=-1)[None]  # (1, 256, 3)
    deep = None if frame.deep is None else _levelled_deep(frame.deep, frame.levels)
    source = np.asarray(cv2.LUT(source, table), np.uint8)
    return replace(frame, source=source, deep=deep, levels=None)


def _levelled_deep(rgb: Rgb16, levels: Levels) -> Rgb16:
    """A picture of 16 bits by tables of 8: between their entries they are interpolated."""
    every = np.arange(65536, dtype=np.float32) / WIDER
    result = np.empty_like(rgb)
    for channel, table in enumerate(levels):
        fine = np.rint(np.interp(every, np.arange(256), table) * WIDER).astype(np.uint16)
        result[..., channel] = fine[rgb[..., channel]]
    return result


def brightest(grey: NDArray[Any], black: int = 0) -> float:
    """Grey levels above black of a picture's brightest hundredth: at night that is a lamp.

    Args:
        grey: its brightness, reduced, (h, w).
        black: the grey level of black.
    """
    return float(np.percentile(grey, 99)) - black


def visible(light: float) -> float:
    """How far a film's picture is not faded to black: 0..1. Of black, a net would paint fog.

    Args:
        light: of the picture; see ``brightest``.
    """
    return float(np.clip(light / _FADED, 0, 1))


def unfaded(frame: Frame, light: float) -> Frame:
    """A frame of a fade about as it is without it: what is brightest in it is bright.

    Args:
        frame: the frame.
        light: of its picture; see ``brightest``.
    """
    source, black = frame.source, black_of(frame.source)
    gain = min(_LARGEST, max(1.0, _FULL / max(light, 1.0)))
    if not isinstance(source, Yuv):
        return replace(frame, source=_amplified(source, gain, black))
    pairs = zip(source.planes, (black, 128, 128), strict=True)
    y, u, v = (_amplified(plane, gain, middle) for plane, middle in pairs)
    return replace(frame, source=Yuv(y, u, v, source.coding))


def _amplified(plane: NDArray[np.uint8], gain: float, middle: float) -> NDArray[np.uint8]:
    levels = (np.arange(256) - middle) * gain + middle
    return np.asarray(cv2.LUT(plane, np.clip(levels, 0, 255).astype(np.uint8)), np.uint8)


def _reduced(picture: Picture) -> NDArray[np.float32]:
    """A picture's own channels, R, G, B or Y, U, V, reduced to (18, 32, 3), 0..255."""
    if isinstance(picture, Yuv):
        planes = [cv2.resize(p, _CELLS, interpolation=cv2.INTER_AREA) for p in picture.planes]
        return np.asarray(cv2.merge(planes), np.float32)
    return np.asarray(cv2.resize(picture, _CELLS, interpolation=cv2.INTER_AREA), np.float32)


def _change(
    now: NDArray[np.float32], before: NDArray[np.float32], planar: bool
) -> NDArray[np.float64]:
    """The change that most cells of two reduced pictures agree on.

    Returns:
        (3,): of each channel, the logarithm of the gain; of U and V the shift over ``_COLOUR``.
    """
    low, high = _USABLE
    bright = slice(0, 1) if planar else slice(0, 3)
    both = np.stack([now[..., bright], before[..., bright]])
    usable = ((both > low) & (both < high)).all(axis=(0, 3))
    if usable.mean() < _LEAST:
        return np.zeros(3)
    changes = np.log(now + _DARK) - np.log(before + _DARK)
    if planar:
        changes[..., 1:] = (now - before)[..., 1:] / _COLOUR
    lower, middle, upper = np.percentile(changes[usable], (25, 50, 75), axis=0)
    agreement = 1 / (1 + ((upper - lower).max() / _AGREEMENT) ** 2)
    return np.asarray(agreement * middle, np.float64)


def _levels(off: NDArray[np.float64], coding: YuvMatrix | None) -> Levels | None:
    """The tables that take a change back, as far as it is small; ``None``: nothing changes."""
    part = np.clip((_LARGE - np.abs(off).max()) / (_LARGE - _SMALL), 0, 1)
    old = np.arange(256.0)
    tables = [(old + _DARK) * np.exp(-part * gain) - _DARK for gain in off]
    if coding is not None:
        tables[1:] = [old - _COLOUR * part * shift for shift in off[1:]]
    r, g, b = (np.asarray(np.clip(np.rint(t), 0, 255), np.uint8) for t in tables)
    same = all(np.array_equal(table, old) for table in (r, g, b))
    return None if same else (r, g, b)

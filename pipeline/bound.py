"""Nets bound to shots: statistics taken once, folded away, and played in 8 bits where that is fast.

A shot's first frames are held back until they have been measured; then each frame passes straight
on. Where the light of a long shot really changes, the statistics follow it slowly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .frame import Frame
from .graph import (
    PLANES,
    Layout,
    Size,
    read_moments,
    write_eight_bit,
    write_measuring,
    write_playing,
)
from .net import Moments, Net
from .prefetch import closing_source
from .yuv import Coding, Picture, Yuv, resized

OpenSession = Callable[[bytes], Any]
"""A model's bytes → an ONNX Runtime session."""

# Frames of a shot held back, and those of them that are measured: what enters within half a second
# is seen, and memory stays bounded.
_AHEAD = 12
_MEASURED = (0, _AHEAD - 1)

# How often a long shot's light is looked at, frames; by how much it has changed, grey levels of its
# mean or spread; how far the statistics follow at a time.
_LOOK_EVERY = 4
_CHANGED = 10.0
_STEP = 0.25


def layout_of(picture: Picture) -> Layout:
    """How the picture's planes lie."""
    return "yuv" if isinstance(picture, Yuv) else "rgb"


@dataclass(frozen=True)
class Geometry:
    """How a picture is padded for a net: a margin of reflection, up to a multiple."""

    height: int
    width: int
    margin: int
    multiple: int

    @property
    def size(self) -> Size:
        """Of the padded picture."""
        return Size(self._padded(self.height), self._padded(self.width))

    def _padded(self, length: int) -> int:
        return (length - 1 + 2 * self.margin + self.multiple) // self.multiple * self.multiple

    def pad(self, plane: NDArray[Any]) -> NDArray[Any]:
        """A plane with its margin, which is half as wide where the plane is at half size."""
        f = self.height // plane.shape[0]
        m, size = self.margin // f, self.size
        down, right = size.height // f - plane.shape[0] - m, size.width // f - plane.shape[1] - m
        return cv2.copyMakeBorder(plane, m, down, m, right, cv2.BORDER_REFLECT_101)

    def crop(self, plane: NDArray[Any], f: int) -> NDArray[Any]:
        """A view of a padded plane without its margin; f: as it is smaller than the picture."""
        m = self.margin // f
        return plane[m : m + self.height // f, m : m + self.width // f]


class Player:
    """A net bound to a shot: frames of one size and layout go in, painted ones come out.

    Args:
        session: of a model that ``graph`` wrote.
        geometry: of the frames.
        coding: of their planes, in and out; ``None`` for RGB.
    """

    def __init__(self, session: Any, geometry: Geometry, coding: Coding | None) -> None:
        self._session = session
        self._geometry = geometry
        self._coding = coding

    def paint(self, picture: Picture) -> Picture:
        """The picture in the style; the same size and layout."""
        planes = self._session.run(None, fed(picture, self._geometry))
        if self._coding is None:
            return np.ascontiguousarray(self._geometry.crop(planes[0], 1))
        brightness, colour = self._coding.limits
        y, u, v = (
            np.clip(self._geometry.crop(plane, f), np.uint8(low), np.uint8(high))
            for plane, f, (low, high) in zip(planes, (1, 2, 2), (brightness, colour, colour), strict=True)
        )
        return Yuv(y, u, v, self._coding)


def fed(picture: Picture, geometry: Geometry) -> dict[str, NDArray[Any]]:
    """What a session is given for ``picture``."""
    planes = picture.planes if isinstance(picture, Yuv) else (picture,)
    names = PLANES[layout_of(picture)]
    return {name: geometry.pad(p) for name, p in zip(names, planes, strict=True)}


class Binder:
    """Binds one net to shots.

    Args:
        net: with its norms.
        open_session: opens what plays; frames may be played side by side.
        open_measuring: opens what measures.
        eight_bit: play in 8 bits.
    """

    def __init__(
        self,
        net: Net,
        open_session: OpenSession,
        open_measuring: OpenSession,
        eight_bit: bool,
    ) -> None:
        self._net = net
        self._open = open_session
        self._open_measuring = open_measuring
        self._eight_bit = eight_bit
        self._measuring: tuple[Any, Any] = (None, None)

    @property
    def planar(self) -> bool:
        """The net's cells are of whole chroma samples: it can be told in Y, U and V."""
        return bool(self._net.ops[0].weights) and _packs(self._net)

    def follow(self, frames: Iterable[Frame]) -> Generator[tuple[Frame, Player]]:
        """Every frame with the player of its shot. Runs up to ``_AHEAD`` frames behind."""
        held: list[Frame] = []
        shot: _Shot | None = None
        with closing_source(frames):
            for frame in frames:
                if shot is not None and not self._begins(frame, shot):
                    shot = self._after(shot, frame)
                    yield frame, shot.player
                    continue
                if held and (frame.cut or frame.picture.shape != held[0].picture.shape):
                    yield from self._bound(held)
                    held = []
                shot = None
                held.append(frame)
                if len(held) == _AHEAD:
                    shot = self._begin(held)
                    yield from ((f, shot.player) for f in held)
                    held = []
            yield from self._bound(held)

    def measure(self, pictures: Sequence[Picture]) -> Moments:
        """Of the net on these pictures, all of one size."""
        key = (layout_of(pictures[0]), _geometry(self._net, pictures[0]), _coding(pictures[0]))
        if self._measuring[0] != key:
            told = self._told(self._net, key[2])
            model = write_measuring(told, key[0], key[1].size)
            self._measuring = (key, self._open_measuring(model))
        session = self._measuring[1]
        answers = (session.run(None, fed(p, key[1])) for p in pictures)
        return Moments.mean([read_moments(self._net, a) for a in answers])

    def player(self, picture: Picture, moments: Moments) -> Player:
        """What plays pictures of this one's kind with these statistics."""
        coding, geometry = _coding(picture), _geometry(self._net, picture)
        net = self._told(self._net.folded(moments), coding)
        layout = layout_of(picture)
        if self._eight_bit:
            model = write_eight_bit(net, dict(moments.ranges), layout, geometry.size)
        else:
            model = write_playing(net, layout, geometry.size)
        return Player(self._open(model), geometry, coding)

    def _told(self, net: Net, coding: Coding | None) -> Net:
        return net if coding is None else net.coded(coding)

    def _begins(self, frame: Frame, shot: _Shot) -> bool:
        return frame.cut or frame.picture.shape != shot.shape

    def _bound(self, held: list[Frame]) -> Generator[tuple[Frame, Player]]:
        if held:
            shot = self._begin(held)
            yield from ((frame, shot.player) for frame in held)

    def _begin(self, held: list[Frame]) -> _Shot:
        measured = [held[min(i, len(held) - 1)].picture for i in _MEASURED[: len(held)]]
        moments = self.measure(measured)
        light = np.mean([_light(p) for p in measured], axis=0)
        player = self.player(measured[0], moments)
        return _Shot(player, moments, light, held[0].picture.shape)

    def _after(self, shot: _Shot, frame: Frame) -> _Shot:
        """The shot as the frame finds it: where the light has changed, a step nearer to it."""
        if (shot.age + 1) % _LOOK_EVERY:
            return replace(shot, age=shot.age + 1)
        change = _light(frame.picture) - shot.light
        if np.abs(change).max() < _CHANGED:
            return replace(shot, age=shot.age + 1)
        moments = shot.moments.towards(self.measure([frame.picture]), _STEP)
        return _Shot(
            self.player(frame.picture, moments), moments, shot.light + _STEP * change, shot.shape
        )


@dataclass(frozen=True)
class _Shot:
    """What is known of the shot that runs."""

    player: Player
    moments: Moments
    light: NDArray[np.float64]
    """Mean and spread of red, green and blue that the statistics belong to."""
    shape: tuple[int, ...]
    age: int = 0
    """Frames since the light was last followed."""


def _light(picture: Picture) -> NDArray[np.float64]:
    small = resized(picture, (64, 36), cv2.INTER_AREA)
    return np.concatenate([v.ravel() for v in cv2.meanStdDev(small)])


def _packs(net: Net) -> bool:
    """Pixels come in cells of an even side, and leave in such."""
    taken, given = net.ops[0].weights[0].shape[1], net.ops[-1].weights[0].shape[0]
    return all(math.isqrt(channels // 3) % 2 == 0 for channels in (taken, given))


def _geometry(net: Net, picture: Picture) -> Geometry:
    height, width = picture.shape[:2]
    return Geometry(height, width, net.card.margin, net.card.multiple)


def _coding(picture: Picture) -> Coding | None:
    return picture.coding if isinstance(picture, Yuv) else None

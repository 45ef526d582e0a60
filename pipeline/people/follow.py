"""Follow people from frame to frame: found now and then, moved along the motion in between.

What was found is the goal; the map that is used comes nearer to it with every frame. Both move with
the picture. So the edge neither jumps when people are looked for again, nor lags behind them.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import closing_source
from ..core.frame import Frame, Motion, Plane, Vectors, as_rgb
from ..imaging.resize import Size, reduced_of, resize_linear
from ..imaging.warp import Warper
from .find import FINDERS, Map

PERIOD = Fraction(1, 4)
"""Seconds of film after which people are looked for again, counted from the shot's first frame."""

_NEARER = 0.1  # s in which the map comes 63 % nearer to the goal
# Who is not found again at all, as less than this part of them is, goes little by little: one miss
# is no reason to vanish.
_MISSED, _STAYS = 0.25, 0.5

Maps = NDArray[np.float32]
"""(h, w, C), 0..1: a map for everything that is looked for."""


class Follower:
    """The people of a film, frame by frame. File and live use it.

    Args:
        wanted: what is looked for: fields of ``Frame``, keys of ``FINDERS``.
        begin: the time at which the shot began of which the first frame is in the middle.
        alongside: looks for people while frames go on; they are then moved to where they are by
            now. ``None``: the frame waits for it, so that the result depends on the film alone.
    """

    def __init__(
        self,
        wanted: Sequence[str],
        begin: Fraction | None = None,
        alongside: Executor | None = None,
    ) -> None:
        self._wanted = tuple(wanted)
        self._begin = begin
        self._alongside = alongside
        self._before = Fraction(0)
        self._goal: Maps = np.zeros((1, 1, len(wanted)), np.float32)
        self._maps: Maps = self._goal
        self._moved: Vectors = np.zeros((1, 1, 2), np.float32)
        self._coming: Future[Maps] | None = None
        self._warper = Warper(1, 1)

    def step(self, frame: Frame) -> Frame:
        """Return the next frame with its maps, from its ``motion`` and ``cut``."""
        size = _size(frame)
        if self._begin is None or frame.cut:
            self._begin = frame.time
        if self._grown(size) and self._alongside is not None and self._began:
            self._resize(size)
        elif frame.cut or frame.motion is None or frame.canvas_anew or self._grown(size):
            self._begin_anew(frame, size)
        else:
            self._go_on(frame, frame.motion)
        self._before = frame.time
        planes = np.rint(self._maps * 255).astype(np.uint8)
        found = {name: planes[..., i] for i, name in enumerate(self._wanted)}
        return replace(frame, **found)

    @property
    def _began(self) -> bool:
        return self._maps.shape[:2] != (1, 1)

    def _grown(self, size: Size) -> bool:
        return self._maps.shape[:2] != size

    def _begin_anew(self, frame: Frame, size: Size) -> None:
        self._coming = None
        self._warper = Warper(size[1], size[0])
        self._goal = self._maps = self._found(frame, None)

    def _resize(self, size: Size) -> None:
        """Go on at another size, live: nothing waits."""
        self._coming = None
        self._warper = Warper(size[1], size[0])
        self._goal, self._maps = (_resized(x, size) for x in (self._goal, self._maps))

    def _go_on(self, frame: Frame, motion: Motion) -> None:
        self._move(motion)
        self._receive()
        if self._is_due(frame.time):
            self._look(frame)
        passed = float(frame.time - self._before)
        # Where the past can't be trusted, what was found counts at once.
        steady = np.float32(math.exp(-passed / _NEARER)) * motion.confidence[..., None]
        self._maps = np.asarray(self._goal + steady * (self._maps - self._goal), np.float32)

    def _move(self, motion: Motion) -> None:
        both = np.concatenate([self._maps, self._goal], axis=-1)
        both = _warped(self._warper, both, motion.vectors)
        count = len(self._wanted)
        self._maps, self._goal = both[..., :count], both[..., count:]
        if self._coming is not None:
            moved = _warped(self._warper, self._moved, motion.vectors)
            self._moved = np.add(moved, motion.vectors)

    def _is_due(self, time: Fraction) -> bool:
        assert self._begin is not None
        now, before = (math.floor((t - self._begin) / PERIOD) for t in (time, self._before))
        return now > before and self._coming is None

    def _look(self, frame: Frame) -> None:
        if self._alongside is None:
            self._accept(self._found(frame, self._goal))
            return
        self._coming = self._alongside.submit(self._found, frame, self._goal.copy())
        self._moved = np.zeros((*self._goal.shape[:2], 2), np.float32)

    def _receive(self) -> None:
        """Take what was looked for alongside, moved to the present frame."""
        if self._coming is not None and self._coming.done():
            found, self._coming = self._coming.result(), None
            self._accept(_warped(self._warper, found, self._moved))

    def _accept(self, found: Maps) -> None:
        maps = [_with_missed(found[..., i], self._goal[..., i]) for i in range(found.shape[2])]
        self._goal = np.stack(maps, axis=-1)

    def _found(self, frame: Frame, known: Maps | None) -> Maps:
        rgb, size = as_rgb(frame.source), _size(frame)
        maps = [
            FINDERS[name](rgb, size, None if known is None else known[..., i])
            for i, name in enumerate(self._wanted)
        ]
        return np.stack(maps, axis=-1)


def follow_people(
    frames: Iterable[Frame],
    wanted: Sequence[str],
    begin: Fraction | None = None,
    is_film: bool = True,
) -> Generator[Frame]:
    """Stage: give every frame its maps of people.

    Args:
        frames: the source's frames with their ``motion``, in order.
        wanted: see ``Follower``.
        begin: see ``Follower``.
        is_film: they follow each other; else each one is a picture by itself.
    """
    follower = Follower(wanted, begin)
    with closing_source(frames):
        for frame in frames:
            followed = follower.step(frame if is_film else replace(frame, motion=None))
            yield replace(followed, motion=frame.motion)


def found_in(frame: Frame, wanted: str) -> Plane:
    """The map of a frame, (h, w) uint8, 0–255: what was followed; else looked for in it alone."""
    found: Any = getattr(frame, wanted)
    if found is None:
        found = getattr(Follower((wanted,)).step(frame), wanted)
    return found


def _with_missed(found: Map, goal: Map) -> Map:
    """The map that was found, and what is left of those in the goal who are missed in it."""
    count, labelled = cv2.connectedComponents((goal > 0.5).astype(np.uint8))
    parts = np.asarray(labelled, np.int32)
    there = np.bincount(parts.ravel(), minlength=count)
    again = np.bincount(parts.ravel(), (found > 0.5).ravel(), minlength=count)
    missed = again < _MISSED * there
    missed[0] = False  # where nobody was
    return np.maximum(found, _STAYS * goal * missed[parts]) if missed.any() else found


def _size(frame: Frame) -> Size:
    height, width = reduced_of(frame).shape[:2]
    return height, width


def _resized(maps: Maps, size: Size) -> Maps:
    return resize_linear(maps, size).reshape(*size, maps.shape[2])


def _warped(warper: Warper, maps: Maps, vectors: Vectors) -> Maps:
    out = warper.warp(np.ascontiguousarray(maps), vectors, cv2.INTER_LINEAR)
    return out.reshape(maps.shape)

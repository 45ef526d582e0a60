"""Paint again only what has changed: ``--repaint auto``.

Windows over the places that have changed are painted and laid softly into the painting before.
Where nothing changes, nothing can flicker. At 50 frames a second and more, what moves is painted in
every second frame; in between the temporal blend carries it along the motion, where that can be
trusted. File and live use it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import closing_source, ordered_map
from ..core.frame import Frame, Picture, Plane, Yuv
from ..temporal.light import levelled
from .changes import BLOCK, SOFT, WHOLE, WINDOW, ChangeDetector, Decision, Place
from .compiled import SMALLER, CompiledNet, Inputs, Padding
from .feedforward import NetShot
from .style import ShotStyle

Repaint = Literal["all", "changes", "twos"]
"""What of a frame is painted again: everything; what has changed; of that, what moves in every
second frame only."""

_TWOS = 48.0  # frames per second from which on what moves is painted in every second frame


def choose_repaint(setting: str, rate: float, blends: bool) -> Repaint:
    """What of a film's frames is painted again.

    Args:
        setting: ``auto`` or ``all``.
        rate: of the film, frames per second.
        blends: its frames are blended with those before. Else each is as it was painted.
    """
    if setting == "all" or not blends:
        return "all"
    return "twos" if rate >= _TWOS else "changes"


@dataclass(frozen=True)
class Task:
    """A frame, and what of it is to be painted."""

    frame: Frame
    shot: ShotStyle
    inputs: Inputs | None = None
    """What the net is given; ``None``: the style has no parts."""
    decision: Decision = WHOLE
    net: CompiledNet | None = None
    """What paints the windows."""


@dataclass(frozen=True)
class Painted:
    """A task that is done."""

    task: Task
    parts: tuple[Picture, ...]
    """The whole, or the windows."""


class Repainter:
    """Decides for each frame what is painted, and joins that with what was painted before.

    Args:
        repaint: what is painted. What is not blended with the frames before is painted whole.
    """

    def __init__(self, repaint: Repaint) -> None:
        self._repaint: Repaint = repaint
        self._shot: ShotStyle | None = None
        self._changes: ChangeDetector | None = None
        self._last: Picture | None = None

    def paint(self, frame: Frame, shot: ShotStyle, blended: bool) -> Frame:
        """A frame with its painting: all at once, for pictures that come one by one.

        Args:
            frame: the next one.
            shot: its style.
            blended: it will be blended with those before.
        """
        return self.lay(run(self.decide(frame, shot, blended)))

    def decide(self, frame: Frame, shot: ShotStyle, blended: bool = True) -> Task:
        """What of the next frame is painted; may run ahead of ``lay``. See ``paint``."""
        repaints = blended and self._repaint != "all"
        if not repaints or not isinstance(shot, NetShot) or not _has_parts(shot, frame.source):
            self._shot = None
            return Task(frame, shot)
        net, source = shot.net, levelled(frame).source
        inputs = net.inputs(source, frame.canvas)
        if shot is not self._shot or self._changes is None or frame.painting_anew:
            self._shot, self._changes = shot, ChangeDetector(net.padding)
        motion = frame.motion if self._repaint == "twos" else None
        decision = self._changes.decide(inputs, motion)
        parts = shot.for_windows(source, WINDOW) if decision.windows else None
        return Task(frame, shot, inputs, decision, parts)

    def lay(self, painted: Painted) -> Frame:
        """The frame of a task with its whole painting; tasks come in their order."""
        frame, decision = painted.task.frame, painted.task.decision
        if decision.windows is None:
            (self._last,) = painted.parts
        elif decision.windows:
            assert self._last is not None and painted.task.net is not None
            padding = painted.task.net.padding
            self._last = lay_windows(self._last, decision.windows, painted.parts, padding)
        opacity = frame.opacity * opacity_of(frame, painted.task.shot)
        return replace(frame, painted=self._last, carried=decision.carried, opacity=opacity)


def _has_parts(shot: NetShot, source: Picture) -> bool:
    in_phase = BLOCK % shot.net.padding.multiple == 0
    return shot.style.info.parts and shot.net.fits(source) and in_phase


def run(task: Task) -> Painted:
    """Paint what a task says; several may run at once."""
    if task.inputs is None:
        return Painted(task, (task.shot.paint(levelled(task.frame)),))
    assert isinstance(task.shot, NetShot)
    with task.shot.failures(task.frame):
        if task.net is None:
            whole = task.decision.windows is None
            return Painted(task, (task.shot.net.paint_inputs(task.inputs),) if whole else ())
        places = [(w.top * BLOCK, w.left * BLOCK) for w in task.decision.windows or ()]
        return Painted(task, tuple(task.net.paint_tile(task.inputs, *at) for at in places))


def repaint_frames(
    compiled: Iterable[tuple[Frame, ShotStyle]], workers: int, repaint: Repaint
) -> Generator[Frame]:
    """Stage: every frame with ``painted``, and with ``carried`` where it is not painted anew.

    Args:
        compiled: frames with the styles of their shots, in order.
        workers: frames that are painted side by side.
        repaint: see ``Repainter``.
    """
    repainter = Repainter(repaint)

    def tasks() -> Generator[Task]:
        with closing_source(compiled):
            for frame, shot in compiled:
                yield repainter.decide(frame, shot)

    for done in ordered_map(run, tasks(), workers):
        yield repainter.lay(done)


def lay_windows(
    last: Picture, places: Iterable[Place], parts: Iterable[Picture], padding: Padding
) -> Picture:
    """A painting with windows laid into it; their edges are soft.

    Args:
        last: the painting before, (H, W, 3) or planes; it is not changed.
        places: of the windows.
        parts: the windows, painted, less what was left out of their rims.
        padding: of the whole.
    """
    planes = [plane.copy() for plane in _planes(last)]
    for place, part in zip(places, parts, strict=True):
        for plane, new, f in zip(planes, _planes(part), SMALLER, strict=False):
            _lay(plane, new, place, padding.margin // f, BLOCK // f)
    if not isinstance(last, Yuv):
        return planes[0]
    return Yuv(planes[0], planes[1], planes[2], last.coding)


def _planes(picture: Picture) -> tuple[Plane, ...]:
    return picture.planes if isinstance(picture, Yuv) else (np.asarray(picture, np.uint8),)


def _lay(plane: Plane, new: Plane, place: Place, margin: int, cell: int) -> None:
    """Blend a window into a plane, in place; margin and cell in its px."""
    starts = (place.top, place.left)
    cut = (WINDOW.side // BLOCK * cell - new.shape[0]) // 2
    rows, columns = (
        _span(start * cell + cut - margin, size, length)
        for start, size, length in zip(starts, new.shape[:2], plane.shape[:2], strict=True)
    )
    target = plane[rows[0], columns[0]]
    ends = (
        (at.start + margin, at.stop + margin, inner.start * cell, inner.stop * cell)
        for (at, _), inner in zip((rows, columns), place.inner, strict=True)
    )
    ramps = [(i - a, b - j, b - a) for a, b, i, j in ends]
    cv2.blendLinear(
        np.ascontiguousarray(new[rows[1], columns[1]]),
        np.ascontiguousarray(target),
        *_weights(ramps[0], ramps[1], SOFT * cell),
        dst=target,
    )


def _span(begin: int, size: int, length: int) -> tuple[slice, slice]:
    """The part of a whole that a window covers, and that part of the window."""
    first, last = max(begin, 0), min(begin + size, length)
    return slice(first, last), slice(first - begin, last - begin)


_Ramp = tuple[int, int, int]
"""px before the inner part and after it, and in all."""


@lru_cache(maxsize=32)
def _weights(rows: _Ramp, columns: _Ramp, soft: int) -> tuple[Any, Any]:
    """Weights of a window and of what lies around: (h, w) float32, 0..1, sum 1."""
    weights: list[NDArray[np.float32]] = []
    for before, after, length in (rows, columns):
        at = np.arange(length) + 0.5
        outside = np.maximum(before - at, at - (length - after))
        weights.append(np.clip(1 - outside / soft, 0, 1, dtype=np.float32))
    weight = np.outer(*weights)
    return weight, 1 - weight


def opacity_of(frame: Frame, shot: ShotStyle) -> float:
    """The painting's weight over the film: nets with a canvas don't paint what faded to black."""
    return shot.opacity * (1.0 if frame.canvas is None else frame.canvas.visible)

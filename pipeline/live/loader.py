"""Makes what paints a live picture, aside: the picture that runs never waits for the next style.

A style is opened, measured on a frame and bound to it in a thread of its own, while the one before
goes on. So are another strength, another size, and another light.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ModelError, StylizeError, reason
from ..core.frame import Frame
from ..imaging.resize import resize_picture, scaled_size
from ..styles.per_shot import CHANGED, Paints, Plays, change_of_light, kind_of, light_of

log = logging.getLogger(__name__)

_LOOK_EVERY = 0.5  # seconds between two looks at the light

OpenStyle = Callable[[int], Paints]
"""The number of a style to hand → the style, opened."""


@dataclass(frozen=True)
class StyleRequest:
    """What is to be painted with."""

    style: int
    """Its number among the styles to hand."""
    strength: float = 1.0
    """0..1."""
    share: float = 1.0
    """Size at which is painted, of the frame's sides."""


@dataclass(frozen=True, eq=False)
class LoadedStyle:
    """What paints frames of one kind."""

    plays: Plays
    paints: Paints
    """The style that it is of."""
    fade: float
    """Share of the painting in what is shown."""
    wish: StyleRequest
    kind: Any
    """Shape and coding of the frames that it is for."""
    size: tuple[int, int]
    """(height, width) at which it paints them."""
    light: NDArray[np.float64]
    """What they looked like."""


class StyleLoader:
    """Has a brush ready for what is wished, and makes the next one aside.

    Args:
        open_style: opens a style.
        wish: what to begin with: made, and waited for, at the first frame.
    """

    def __init__(self, open_style: OpenStyle, wish: StyleRequest) -> None:
        self._open = open_style
        self._opened: dict[int, Paints] = {}
        self._wish = wish
        self._refused: StyleRequest | None = None
        self._sample: Frame | None = None
        self._brush: LoadedStyle | None = None
        self._looked = 0.0
        self._woken = threading.Event()
        self._made = threading.Condition()
        self._failure: StylizeError | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="tailor", daemon=True)
        self._thread.start()

    def brush(self, frame: Frame, wish: StyleRequest) -> LoadedStyle:
        """What paints ``frame`` now: as was wished, or still as before.

        Raises:
            StylizeError: the first style can't be had; a later one is noted, and not taken.
        """
        self._sample = frame
        if wish != self._wish:
            self._wish = wish
            self._woken.set()
        found = self._brush
        if found is not None and found.kind == kind_of(frame.picture):
            now = time.monotonic()
            if now - self._looked > _LOOK_EVERY:
                self._looked = now
                self._woken.set()
            return found
        return self._waited(frame)

    def _waited(self, frame: Frame) -> LoadedStyle:
        """The brush for frames of a new kind, when it is made."""
        kind = kind_of(frame.picture)
        with self._made:
            self._woken.set()
            self._made.wait_for(
                lambda: self._failure or (self._brush is not None and self._brush.kind == kind)
            )
            if self._failure is not None:
                raise self._failure
            assert self._brush is not None  # it was waited for
            return self._brush

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._woken.set()
        self._thread.join()

    def _work(self) -> None:
        while True:
            self._woken.wait()
            self._woken.clear()
            if self._closed:
                return
            wish, frame, before = self._wish, self._sample, self._brush
            if frame is None or not self._wanted(wish, frame, before):
                continue
            if wish == self._refused and before is not None:
                wish = before.wish
            try:
                made = self._make(wish, frame)
            except StylizeError as error:
                self._refuse(wish, error)
                continue
            except Exception as error:  # noqa: BLE001 - nobody may wait for a thread that is gone
                self._refuse(wish, ModelError(f"the style can't be played: {reason(error)}"))
                continue
            with self._made:
                self._brush = made
                self._made.notify_all()
            if self._wish not in (wish, self._refused):
                self._woken.set()

    def _wanted(self, wish: StyleRequest, frame: Frame, before: LoadedStyle | None) -> bool:
        """Whether what there is does not serve."""
        if before is None or before.kind != kind_of(frame.picture):
            return True
        if wish != before.wish:
            return wish != self._refused
        return change_of_light(light_of(frame.picture), before.light) >= CHANGED

    def _make(self, wish: StyleRequest, frame: Frame) -> LoadedStyle:
        if wish.style not in self._opened:
            self._opened[wish.style] = self._open(wish.style)
        paints = self._opened[wish.style]
        picture = frame.picture
        height, width = picture.shape[:2]
        size = (height, width) if wish.share >= 1 else scaled_size(height, width, wish.share)
        small = Frame(resize_picture(picture, size), frame.pts, frame.time_base)
        plays, fade = paints.shot_of(small, wish.strength)
        plays.paint(small.picture)  # the first run plans its memory: not while it is shown
        return LoadedStyle(plays, paints, fade, wish, kind_of(picture), size, light_of(picture))

    def _refuse(self, wish: StyleRequest, error: StylizeError) -> None:
        """What can't be had is said once; what was goes on."""
        self._refused = wish
        sample, brush = self._sample, self._brush
        if brush is not None and sample is not None and brush.kind == kind_of(sample.picture):
            log.warning("%s; the style before goes on", error)
            return
        if brush is not None and wish != brush.wish:
            self._woken.set()  # frames of another kind have come: as before, then
            return
        with self._made:
            self._failure = error
            self._made.notify_all()

"""What is measured once per shot: which frames, when anew, and how it follows the light.

A shot's first frames are held back until they have been measured; then each frame passes straight
on. Where the light of a long shot really changes, what was measured follows it slowly. A change of
the choice is heard at the next frame.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import closing_source, then_none
from ..core.frame import Frame, Picture, Rgb, as_rgb, coding_of, resized
from ..nets.contract import ModelCard

# Frames of a shot held back, and those of them that are measured: what enters within half a second
# is seen, and memory stays bounded.
_AHEAD = 12
_MEASURED = (0, _AHEAD - 1)

# Pixels that are measured of a picture: a quarter where light is followed in small steps. And when
# the choice is changed while it plays, to be measured again soon after.
ENOUGH = 1_000_000
SOME = ENOUGH // 4
_QUICK = 120_000

# How often a long shot's light is looked at, frames; how many grey levels are a change; how far
# what was measured follows at a time.
_LOOK_EVERY = 4
CHANGED = 10.0
_STEP = 0.25

Choice = TypeVar("Choice")
"""What is painted with."""

Found = TypeVar("Found")
"""What is measured of a shot."""

Seen = TypeVar("Seen")
"""What of a frame is looked at for that: its picture, or more."""

Failing: TypeAlias = Callable[[tuple[int, ...]], AbstractContextManager[None]]
"""A picture's shape → what turns a failure into one line."""


class Plays(Protocol):
    """What paints the frames of a shot."""

    def paint(self, picture: Picture) -> Picture:
        """The picture in the style; the same size and layout."""
        ...


class Whole:
    """Plays every frame by itself.

    Args:
        paint: a picture in RGB → the same in the style.
    """

    def __init__(self, paint: Callable[[Rgb], Rgb]) -> None:
        self._paint = paint

    def paint(self, picture: Picture) -> Picture:
        """See ``Plays``."""
        return self._paint(as_rgb(picture))


class Paints(Protocol):
    """A style, opened: what live pictures need of it."""

    card: ModelCard
    device: str
    still: bool
    """See ``grade.LutStyle``."""

    def shot_of(self, frame: Frame, strength: float = 1.0) -> tuple[Plays, float]:
        """What plays a shot of which ``frame`` is all that is known, and how far that is to fade.

        Args:
            frame: of the shot.
            strength: 0..1; what the style can't take on itself is left to a fade from the source.

        Returns:
            What plays, and the share of its picture in what is shown.
        """
        ...


class Follower(ABC, Generic[Choice, Found, Seen]):
    """Tells every frame what plays its shot.

    Args:
        choice: may be set anew at any time, from any thread.
        failing: turns a failure of measuring or opening into one line.
    """

    def __init__(self, choice: Choice, failing: Failing | None = None) -> None:
        self.choice = choice
        self._failing = failing or (lambda shape: nullcontext())

    @abstractmethod
    def seen(self, frame: Frame) -> Seen:
        """What ``measure`` is given of a frame."""

    @abstractmethod
    def measure(self, frames: Sequence[Seen], choice: Choice, most: int = ENOUGH) -> Found:
        """Of these frames, all of one size; on about ``most`` pixels of each."""

    @abstractmethod
    def player(self, picture: Picture, choice: Choice, found: Found) -> Plays:
        """What plays pictures of this one's kind, this being known of the shot."""

    @abstractmethod
    def between(self, known: Found, found: Found, share: float) -> Found:
        """``share`` of the way from one to the other."""

    def shot_of(self, frame: Frame, choice: Choice, most: int = ENOUGH) -> Plays:
        """What plays a shot of which ``frame`` is all that is known."""
        return self.player(frame.picture, choice, self.measure([self.seen(frame)], choice, most))

    def follow(self, frames: Iterable[Frame]) -> Generator[tuple[Frame, Plays]]:
        """Every frame with the player of its shot. Runs up to ``_AHEAD`` frames behind."""
        held: list[Frame] = []
        shot: _Shot[Choice, Found] | None = None
        with closing_source(then_none(frames, 1)) as coming:
            for frame in coming:
                if frame is None:  # the end, or a break: what came before it is painted
                    if held:
                        yield from _with(self._begin(held), held)
                    continue
                if shot is not None and not frame.cut and kind_of(frame.picture) == shot.kind:
                    shot = self._after(shot, frame)
                    yield frame, shot.player
                    continue
                if held and (frame.cut or kind_of(frame.picture) != kind_of(held[0].picture)):
                    yield from _with(self._begin(held), held)
                    held = []
                shot = None
                held.append(frame)
                if len(held) == _AHEAD:
                    shot = self._begin(held)
                    yield from _with(shot, held)
                    held = []

    def _begin(self, held: list[Frame]) -> _Shot[Choice, Found]:
        with self._failing(held[0].picture.shape):
            frames = [held[min(i, len(held) - 1)] for i in _MEASURED[: len(held)]]
            light = np.mean([light_of(frame.picture) for frame in frames], axis=0)
            return self._shot(frames, light, ENOUGH)

    def _shot(
        self, frames: list[Frame], light: NDArray[np.float64], most: int
    ) -> _Shot[Choice, Found]:
        choice, first = self.choice, frames[0].picture
        found = self.measure([self.seen(frame) for frame in frames], choice, most)
        player = self.player(first, choice, found)
        return _Shot(choice, player, found, light, kind_of(first), rough=most < ENOUGH)

    def _after(self, shot: _Shot[Choice, Found], frame: Frame) -> _Shot[Choice, Found]:
        with self._failing(frame.picture.shape):
            return self._followed(shot, frame)

    def _followed(self, shot: _Shot[Choice, Found], frame: Frame) -> _Shot[Choice, Found]:
        """The shot as the frame finds it: another choice, or a step nearer to another light."""
        if shot.choice is not self.choice:
            return self._shot([frame], light_of(frame.picture), _QUICK)
        if (shot.age + 1) % _LOOK_EVERY:
            return replace(shot, age=shot.age + 1)
        light = light_of(frame.picture)
        if shot.rough:
            return self._shot([frame], light, ENOUGH)
        if change_of_light(light, shot.light) < CHANGED:
            return replace(shot, age=shot.age + 1)
        now = self.measure([self.seen(frame)], shot.choice, SOME)
        found = self.between(shot.found, now, _STEP)
        player = self.player(frame.picture, shot.choice, found)
        nearer = shot.light + _STEP * (light - shot.light)
        return _Shot(shot.choice, player, found, nearer, shot.kind)


@dataclass(frozen=True, eq=False)
class _Shot(Generic[Choice, Found]):
    """What is known of the shot that runs."""

    choice: Choice
    player: Plays
    found: Found
    light: NDArray[np.float64]
    """What the shot looked like when it was measured, (h, w, 3), reduced."""
    kind: Any
    """Size and coding of its pictures."""
    rough: bool = False
    """It was measured on few pixels, and waits to be measured anew."""
    age: int = 0
    """Frames since the light was last followed."""


def kind_of(picture: Picture) -> Any:
    """What a player is made for: another size, or other planes, are another shot."""
    return picture.shape, coding_of(picture)


def _with(shot: _Shot[Any, Any], held: list[Frame]) -> Generator[tuple[Frame, Plays]]:
    yield from ((frame, shot.player) for frame in held)


def change_of_light(now: NDArray[np.float64], before: NDArray[np.float64]) -> float:
    """Grey levels: light changes everywhere; who enters changes no median so much."""
    return float(np.abs(np.median(now - before, axis=(0, 1))).max())


def light_of(picture: Picture) -> NDArray[np.float64]:
    """What a picture looks like, (18, 32, 3), 0..255."""
    return resized(picture, (32, 18), cv2.INTER_AREA).astype(np.float64)

"""What a user changes while a live picture runs: by keys or by the page, from any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

from ..core.errors import SettingsError, nearest

Compare = Literal["off", "side", "wipe"]
COMPARES: tuple[Compare, ...] = ("off", "side", "wipe")


@dataclass(frozen=True)
class State:
    """The settings of this moment."""

    style: int = 0
    """Its number in the playlist of styles."""
    strength: float = 1.0
    """Of the style: 0 is the source, 1 the painting."""
    steady: bool = True
    """Remove flicker along the motion."""
    mirror: bool = False
    paused: bool = False
    compare: Compare = "off"
    """How the source is displayed in the window and the page: not, side by side, or as a wipe."""
    wipe: float = 0.5
    """Where the source ends and the painting begins, 0–1 of the width."""
    recording: bool = False
    snapshots: int = 0
    """How many were requested so far."""
    quit: bool = False


def _toggle(name: str) -> Callable[[State, float, int], State]:
    return lambda state, value, styles: replace(state, **{name: not getattr(state, name)})


def _clamp(value: float) -> float:
    return min(1.0, max(0.0, round(value, 3)))


ACTIONS: Mapping[str, Callable[[State, float, int], State]] = {
    "next": lambda s, v, n: replace(s, style=(s.style + 1) % n),
    "previous": lambda s, v, n: replace(s, style=(s.style - 1) % n),
    "style": lambda s, v, n: replace(s, style=min(n - 1, max(0, int(v)))),
    "stronger": lambda s, v, n: replace(s, strength=_clamp(s.strength + 0.1)),
    "weaker": lambda s, v, n: replace(s, strength=_clamp(s.strength - 0.1)),
    "strength": lambda s, v, n: replace(s, strength=_clamp(v)),
    "steady": _toggle("steady"),
    "mirror": _toggle("mirror"),
    "pause": _toggle("paused"),
    "compare": lambda s, v, n: replace(
        s, compare=COMPARES[(COMPARES.index(s.compare) + 1) % len(COMPARES)]
    ),
    "wipe": lambda s, v, n: replace(s, wipe=_clamp(v)),
    "wipe left": lambda s, v, n: replace(s, wipe=_clamp(s.wipe - 0.05)),
    "wipe right": lambda s, v, n: replace(s, wipe=_clamp(s.wipe + 0.05)),
    "record": _toggle("recording"),
    "snapshot": lambda s, v, n: replace(s, snapshots=s.snapshots + 1),
    "quit": lambda s, v, n: replace(s, quit=True),
}
"""Action → (state, value, how many styles there are) → the state after it."""


class Controls:
    """The state, and the actions that change it. May be used from any thread.

    Args:
        styles: the names of the styles in the playlist, in order; at least one.
        state: the first state.
    """

    def __init__(self, styles: Sequence[str], state: State | None = None) -> None:
        self.styles = tuple(styles)
        self.state = state or State()
        self._lock = threading.Lock()

    def do(self, action: str, value: float = 0.0) -> State:
        """Do an action of ``ACTIONS``.

        Args:
            action: the name of the action.
            value: the value for actions that take one: a strength, a place, a style's number.

        Returns:
            The state after it.

        Raises:
            SettingsError: there is no such action, or ``value`` is not finite.
        """
        if action not in ACTIONS:
            raise SettingsError(f"there is no action '{action}'{nearest(action, ACTIONS)}")
        if not isfinite(value):
            raise SettingsError(f"'{action}' takes a number, not {value}")
        with self._lock:
            self.state = ACTIONS[action](self.state, value, len(self.styles))
            return self.state

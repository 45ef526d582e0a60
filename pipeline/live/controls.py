"""What can be changed while a live picture runs: by keys, by a page, from any thread."""

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
    """What is wished for now."""

    style: int = 0
    """Its number among the styles to hand."""
    strength: float = 1.0
    """0..1."""
    steady: bool = True
    mirror: bool = False
    paused: bool = False
    compare: Compare = "off"
    """The source beside the painting, or left of a line through it; in the window and the page."""
    wipe: float = 0.5
    """Where that line is, 0..1 of the width."""
    recording: bool = False
    snapshots: int = 0
    """How many have been asked for."""
    quit: bool = False


def _toggled(name: str) -> Callable[[State, float, int], State]:
    return lambda state, value, styles: replace(state, **{name: not getattr(state, name)})


def _within(value: float) -> float:
    return min(1.0, max(0.0, round(value, 3)))


ACTIONS: Mapping[str, Callable[[State, float, int], State]] = {
    "next": lambda s, v, n: replace(s, style=(s.style + 1) % n),
    "previous": lambda s, v, n: replace(s, style=(s.style - 1) % n),
    "style": lambda s, v, n: replace(s, style=min(n - 1, max(0, int(v)))),
    "stronger": lambda s, v, n: replace(s, strength=_within(s.strength + 0.1)),
    "weaker": lambda s, v, n: replace(s, strength=_within(s.strength - 0.1)),
    "strength": lambda s, v, n: replace(s, strength=_within(v)),
    "steady": _toggled("steady"),
    "mirror": _toggled("mirror"),
    "pause": _toggled("paused"),
    "compare": lambda s, v, n: replace(
        s, compare=COMPARES[(COMPARES.index(s.compare) + 1) % len(COMPARES)]
    ),
    "wipe": lambda s, v, n: replace(s, wipe=_within(v)),
    "wipe left": lambda s, v, n: replace(s, wipe=_within(s.wipe - 0.05)),
    "wipe right": lambda s, v, n: replace(s, wipe=_within(s.wipe + 0.05)),
    "record": _toggled("recording"),
    "snapshot": lambda s, v, n: replace(s, snapshots=s.snapshots + 1),
    "quit": lambda s, v, n: replace(s, quit=True),
}
"""Action → (state, value, how many styles there are) → the state after it."""


class Controls:
    """The state, and the actions that change it. May be used from any thread.

    Args:
        styles: names of the styles to hand, in order; at least one.
        state: to begin with.
    """

    def __init__(self, styles: Sequence[str], state: State | None = None) -> None:
        self.styles = tuple(styles)
        self.state = state or State()
        self._lock = threading.Lock()

    def do(self, action: str, value: float = 0.0) -> State:
        """Carry out an action of ``ACTIONS``.

        Raises:
            SettingsError: there is no such action, or ``value`` is no number.
        """
        if action not in ACTIONS:
            raise SettingsError(f"there is no action '{action}'{nearest(action, ACTIONS)}")
        if not isfinite(value):
            raise SettingsError(f"'{action}' takes a number, not {value}")
        with self._lock:
            self.state = ACTIONS[action](self.state, value, len(self.styles))
            return self.state

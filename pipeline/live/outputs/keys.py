"""The keys of the live window, and the help that lists them."""

from __future__ import annotations

KEYS = {
    "n": ("next", "next style"),
    "b": ("previous", "previous style"),
    "+": ("stronger", "more of the style"),
    "-": ("weaker", "less of the style"),
    "s": ("steady", "flicker removal on or off"),
    "c": ("compare", "source side by side, wipe, or off"),
    "[": ("wipe left", "move the wipe to the left"),
    "]": ("wipe right", "move the wipe to the right, or drag it"),
    "m": ("mirror", "mirror"),
    " ": ("pause", "pause"),
    "t": ("snapshot", "save a snapshot"),
    "r": ("record", "start or stop a recording"),
    "q": ("quit", "quit (or Esc)"),
}
"""Key → action of ``controls.ACTIONS``, and its line in the help."""

ALIASES = {"=": "+", "_": "-", "\x1b": "q"}
"""Key → the key of ``KEYS`` that does the same."""

_WINDOW_KEYS = {"f": "full screen", "i": "statistics", "h": "this help"}

HELP = [
    *(f"{'space' if key == ' ' else key}  {text}" for key, (_, text) in KEYS.items()),
    *(f"{key}  {text}" for key, text in _WINDOW_KEYS.items()),
    "1-9  one of the first styles",
]
"""The lines of the help."""


def action_of(key: str) -> tuple[str, float] | None:
    """Action of ``controls.ACTIONS`` and its value; ``None`` for a key of the window itself."""
    key = ALIASES.get(key, key)
    if key in KEYS:
        return KEYS[key][0], 0.0
    return ("style", float(key) - 1) if key in "123456789" else None

"""What a style is: the interface of everything that repaints frames."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StyleInfo:
    """What is known of a style before it paints."""

    name: str
    """As it is reported to the user."""
    kind: str
    """The net's or the method's kind."""

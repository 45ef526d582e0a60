"""What paints at ``--strength 0``: nothing. The film passes through in all its bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..core.frame import Frame, Picture, TemporalState
from .style import StyleInfo, UnmeasuredShot


class Untouched:
    """A style at strength 0; see ``Style``.

    Args:
        info: of the style that would paint.
    """

    def __init__(self, info: StyleInfo) -> None:
        self.info = replace(
            info,
            recurrent=False,
            planar=True,
            per_shot=False,
            per_pixel=True,
            canvas=False,
            deep=True,
            max_workers=1,
        )

    def compile(self, shot: Sequence[Frame], strength: float = 1.0) -> UnmeasuredShot:
        """See ``Style.compile``."""
        return ORIGINAL


def _original(frame: Frame, state: TemporalState | None) -> Picture:
    return frame.original


ORIGINAL = UnmeasuredShot(_original, 1.0)
"""Gives every frame back as it is."""

"""What a live source is: pictures and audio that arrive in their own time."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import av

from ...core.frame import Frame
from ...media.source import SourceInfo

MAX_JUMP = 3.0
"""Seconds that a frame may be early or late; more means that the sender's clock has changed."""


@dataclass(frozen=True)
class AudioChunk:
    """A piece of audio as it was decoded."""

    frame: av.AudioFrame
    """Of any rate and layout."""
    time: Fraction
    """When it begins, seconds on the clock of the source."""


class LiveSource(Protocol):
    """A camera, a stream, the screen, or a file at its own speed."""

    info: SourceInfo
    has_audio: bool
    """Whether ``items`` gives ``AudioChunk`` too."""
    reconnects: bool
    """Whether its end is a failure, after which it is opened again."""

    def items(self) -> Generator[Frame | AudioChunk]:
        """Yield frames and audio as they arrive, each frame with the moment of its capture; once.

        Raises:
            SourceError: the source failed, or nothing arrived for too long.
        """
        ...

    def close(self) -> None:
        """Close the device or the connection."""
        ...

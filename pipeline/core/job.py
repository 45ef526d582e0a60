"""The facts of a run that decide which settings apply to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

StyleKind = Literal["net", "third-party", "picture", "table", "painted", "given"]
"""``net``: ours by contract; ``painted``: key frames by gatys or deepphoto; ``given``: key frames
from a folder."""
SourceKind = Literal["film", "pictures", "picture", "camera", "stream"]
"""``pictures``: a folder or a pattern; ``picture``: one file."""
OutputKind = Literal["video", "animation", "pictures", "picture", "live"]
"""``animation``: GIF, APNG, WebP; ``pictures``: a folder; ``live``: every run in real time,
whatever it is written to."""


@dataclass(frozen=True)
class Job:
    """What is painted, how, and where to."""

    styles: frozenset[StyleKind]
    """Kinds of all the styles that the run can paint with: one for a file, several live."""
    source: SourceKind
    output: OutputKind
    canvas: bool | None = None
    """Whether the style takes a canvas; ``None``: that is not known before it is opened."""

    reads_pipe: bool = False
    """The source is piped in: it can't be read before it has come."""
    reads_raw: bool = False
    """It is raw video from a pipe, which can be read once."""
    writes_pipe: bool = False
    """The output is standard output."""

    @property
    def is_film(self) -> bool:
        """Its frames follow each other; pictures that become pictures may not."""
        return self.source != "picture" and (self.source, self.output) != ("pictures", "pictures")

    @property
    def live(self) -> bool:
        """It runs in real time."""
        return self.output == "live"

    def has(self, *kinds: StyleKind) -> bool:
        """Whether one of its styles is of one of these kinds."""
        return bool(self.styles & {*kinds})

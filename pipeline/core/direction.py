"""Settings with which a film is directed: what changes in it, who is in it, how it is finished."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from .groups import Group


class DirectionSettings(Group):
    """What changes in a film's course, who is in it, how it moves and is finished."""

    timeline: Path | None = Field(
        None,
        description="A file (YAML) that says when the style, its strength and size, the colours "
        "and the mask change: at a time, a frame or a shot, at once or slowly. stylize-video shots "
        "writes one to begin with. More: docs/timeline.md.",
    )
    protect: Literal["faces"] | None = Field(
        None,
        description="Paint faces less, so that people stay themselves. They are found and followed "
        "by themselves. It goes together with --mask.",
    )
    protect_strength: float = Field(
        0.7,
        ge=0,
        le=1,
        description="For --protect: how much less. 1 leaves faces as they were filmed.",
    )
    hold: int = Field(
        1,
        ge=1,
        le=12,
        description="Display each painted frame for so many frames, as in drawn animation: 2 is "
        "'on twos'. A cut always displays a new frame. Length, times and sound stay as they are, "
        "and only the frames that are displayed are painted.",
    )
    paper: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Paint on paper: how much of its texture is seen. It stands still.",
    )
    grain: float = Field(
        0.0, ge=0, le=1, description="Add film grain: how much. It is another in every frame."
    )
    save_settings: bool = Field(
        False,
        description="Write the settings of this run to out.yaml beside out.mp4, and into the "
        "film's metadata. --config out.yaml, or --config out.mp4, uses them again.",
    )

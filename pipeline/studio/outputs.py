"""What the page can make of a film: its kinds of output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.files import neighbour


@dataclass(frozen=True)
class OutputKind:
    """A kind of output."""

    id: str
    label: str
    """In words."""
    ending: str
    """Of the file; empty: a folder of PNGs."""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """That it needs, where no others are chosen."""
    zipped: bool = False
    """The folder becomes one file, once it is complete."""

    def to_json(self) -> dict[str, Any]:
        """What the page knows of it."""
        return {
            "id": self.id,
            "label": self.label,
            "ending": ".zip" if self.zipped else self.ending,
        }


OUTPUTS = {
    kind.id: kind
    for kind in (
        OutputKind("h264", "Video for everything (H.264, .mp4)", ".mp4"),
        OutputKind(
            "prores",
            "Video for editing (ProRes 422 HQ, .mov)",
            ".mov",
            {"codec": "prores_ks", "encoder_option": {"profile": "3"}},
        ),
        # Hundredths of a second are all that a GIF can count; twelve and a half pictures fit.
        OutputKind("gif", "Animated GIF, small", ".gif", {"size": "360p", "cfr": "12.5"}),
        OutputKind("frames", "Frames: a folder of PNGs", ""),
        OutputKind("zip", "Frames: PNGs in one .zip", "", zipped=True),
    )
}
"""By id, the usual one first."""


def output_label(style: object) -> str:
    """Return the style in a file's name: ``udnie``, ``udnie-the-scream``, ``painting``."""
    styles = [style] if isinstance(style, str) else list(style) if isinstance(style, list) else []
    words = [Path(str(one)).stem.partition(":")[0] for one in styles]
    return "-".join(word for word in words if word) or "painted"


def result_path(folder: Path, clip: str, label: str, ending: str, taken: set[Path]) -> Path:
    """Return a name in ``folder`` that is not used and not promised to another job.

    Args:
        folder: of results.
        clip: the clip's file name.
        label: what is added to it.
        ending: of the new name.
        taken: names of other jobs.
    """
    stem = Path(clip).stem
    number = 1
    while True:
        tail = f"-{label}" + (f"-{number}" if number > 1 else "")
        path = neighbour(folder / clip, stem, tail[:100] + ending, spare=30)
        if not path.exists() and path not in taken:
            return path
        number += 1

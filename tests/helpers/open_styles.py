"""Styles opened as the program opens them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stylize_video.pipeline.core.config import Settings
from stylize_video.pipeline.styles.open import open_style
from stylize_video.pipeline.styles.style import Style


def open_file(style: str | Path, live: bool = False, **settings: Any) -> Style:
    """A style by name or file, on the CPU unless the settings say otherwise."""
    values = {"style": [str(style)], "device": "cpu", **settings}
    return open_style(Settings.model_validate(values), live=live)

"""Styles opened as the program opens them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stylize_video.pipeline.core.config import Settings
from stylize_video.pipeline.styles.open import open_style
from stylize_video.pipeline.styles.style import Style


def open_file(*styles: str | Path, live: bool = False, **settings: Any) -> Style:
    """A style by name or file, or several with weights; on the CPU if nothing else is set."""
    values = {"style": [str(style) for style in styles], "device": "cpu", **settings}
    return open_style(Settings.model_validate(values), live=live)

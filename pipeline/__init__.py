"""Plays a style model over video: numpy, av, cv2, onnxruntime. Never torch.

::

    from stylize_video.pipeline import Settings, stylize
    stylize("in.mp4", "out.mp4", Settings(style="udnie"))
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .core.config import Settings
    from .live.run import play_live
    from .render import stylize

# Pixels of a picture that OpenCV decodes, read when it is loaded: ``declared_size.MOST_PIXELS``. It
# holds for the formats too of which we read no header.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**28))

__all__ = ["Settings", "play_live", "stylize"]


def __getattr__(name: str) -> Any:
    """Load on first use: the other rooms import single modules from here and need no av for it."""
    if name == "stylize":
        import cv2  # pyright: ignore[reportUnusedImport] - before PyAV; see window.py

        from .render import stylize

        return stylize
    if name == "play_live":
        import cv2  # noqa: F401  # pyright: ignore[reportUnusedImport] - before PyAV; see window.py

        from .live.run import play_live

        return play_live
    if name == "Settings":
        from .core.config import Settings

        return Settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

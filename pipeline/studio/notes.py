"""What the page keeps of a clip: masks painted with a brush, its timeline, painted key frames."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..core.files import atomic_write, digest
from ..web.requests import RequestError
from .folder import StudioFolder
from .library import Clip

LONGEST_TIMELINE = 100_000
"""Bytes of a timeline."""
LARGEST_MASK = 20_000_000
"""Bytes of a mask."""
_MOST_PIXELS = 40_000_000


class ClipNotes:
    """Keeps them in the hidden folder, named by their contents: a job's files never change.

    Args:
        folder: of the studio.
    """

    def __init__(self, folder: StudioFolder) -> None:
        self._folder = folder
        self._lock = threading.RLock()

    def timeline(self, clip: Clip) -> str:
        """Return the text of a clip's timeline; empty: it has none."""
        path = self._place(clip, "timeline.yaml")
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def set_timeline(self, clip: Clip, text: str, filled: str) -> None:
        """Keep a timeline.

        Args:
            clip: that it is of.
            text: as it was written; empty removes it.
            filled: the same with files in place of ids.
        """
        path = self._place(clip, "timeline.yaml")
        if not text.strip():
            path.unlink(missing_ok=True)
            return
        _write(path, text.encode())
        name = f"timeline-{digest([filled.encode()])[:12]}.yaml"
        _write(self._place(clip, name), filled.encode())
        self._set(clip, "timeline", name)

    def mask(self, clip: Clip, seconds: float) -> Path | None:
        """Return the mask that was painted nearest to a time; ``None``: there is none."""
        masks = self._read(clip).get("masks", {})
        if not masks:
            return None
        nearest = min(masks, key=lambda time: abs(float(time) - seconds))
        return self._place(clip, masks[nearest])

    def set_mask(self, clip: Clip, seconds: float, png: bytes) -> None:
        """Keep the mask of a time.

        Args:
            clip: that it is for.
            seconds: the time of the frame on which it was painted.
            png: of any size; empty removes it.

        Raises:
            RequestError: it is no PNG.
        """
        if not (math.isfinite(seconds) and seconds >= 0):
            raise RequestError(400, "the time of a mask is a number from 0")
        grey = _read_png(png) if png else b""
        name = f"mask-{digest([grey])[:12]}.png"
        key = f"{seconds:.3f}"
        with self._lock:
            masks: dict[str, str] = dict(self._read(clip).get("masks", {}))
            masks.pop(key, None)  # what was painted last is the last one
            if png:
                _write(self._place(clip, name), grey)
                masks[key] = name
            self._set(clip, "masks", masks)

    def painted_folder(self, clip: Clip) -> Path:
        """Return the folder of the painted key frames of a clip."""
        return self._folder.part("clips", clip.id, "painted")

    def file(self, clip: Clip, setting: str) -> Path:
        """Return what is kept for a setting: ``mask``, ``timeline`` or ``keyframes``.

        Of several masks it is the one that was painted last; it holds for the whole film.

        Raises:
            RequestError: nothing is.
        """
        if setting == "mask":
            masks = self._read(clip).get("masks", {})
            path = self._place(clip, list(masks.values())[-1]) if masks else None
        elif setting == "timeline":
            name = self._read(clip).get("timeline") if self.timeline(clip) else None
            path = None if name is None else self._place(clip, name)
        else:
            path = self.painted_folder(clip)
        if path is None or not path.exists():
            raise RequestError(404, f"{clip.name} has no {setting} on this page yet")
        return path

    def _place(self, clip: Clip, name: str) -> Path:
        return self._folder.part("clips", clip.id, name)

    def _read(self, clip: Clip) -> dict[str, Any]:
        try:
            return json.loads(self._place(clip, "notes.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def _set(self, clip: Clip, name: str, value: Any) -> None:
        with self._lock:
            noted = {**self._read(clip), name: value}
            _write(self._place(clip, "notes.json"), json.dumps(noted).encode())


def _write(path: Path, data: bytes) -> None:
    with atomic_write(path) as part:
        part.write_bytes(data)


def _read_png(png: bytes) -> bytes:
    """A mask decoded and encoded again: what is in the file is pixels and nothing else."""
    if not png.startswith(b"\x89PNG\r\n\x1a\n") or len(png) < 33:
        raise RequestError(415, "a mask is a PNG")
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    if not 0 < width * height <= _MOST_PIXELS:
        raise RequestError(413, f"a mask of {width}x{height} pixels is refused")
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint8:
        raise RequestError(415, "a mask is a PNG of 8 bits")
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        grey = np.minimum(cv2.cvtColor(pixels[..., :3], cv2.COLOR_BGR2GRAY), pixels[..., 3])
    else:
        grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    return cv2.imencode(".png", grey)[1].tobytes()

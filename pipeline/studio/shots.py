"""The shots of clips, found in the background as a render finds them, and kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..core.concurrency import thread_name
from ..core.errors import StylizeError
from ..core.files import atomic_write
from ..temporal.shots import mark_cuts
from .folder import StudioFolder
from .library import Clip
from .probe import open_clip

Shots = dict[str, Any]
"""``{"done": bool, "shots": [{"number", "start", "end"}]}``, times in seconds."""


class ShotFinder:
    """One thread that reads one film after the other.

    Args:
        folder: of the studio.
        on_done: called in that thread with the id of a clip whose shots are known.
    """

    def __init__(self, folder: StudioFolder, on_done: Callable[[str], None]) -> None:
        self._folder = folder
        self._on_done = on_done
        self._wake = threading.Condition()
        self._waiting: list[Clip] = []
        self._found: dict[str, Shots] = {}
        self._closing = False
        self._thread = threading.Thread(
            target=self._work, name=thread_name("studio shots"), daemon=True
        )
        self._thread.start()

    def shots(self, clip: Clip) -> Shots:
        """Return what is known of a clip's shots, and find the rest in the background."""
        key = _key(clip)
        path = self._path(key)
        if key not in self._found and path.exists():
            with suppress(OSError, ValueError):
                self._found[key] = json.loads(path.read_text(encoding="utf-8"))
        with self._wake:
            if key not in self._found:
                self._found[key] = {"done": False, "shots": []}
                self._waiting.append(clip)
                self._wake.notify()
            return self._found[key]

    def close(self) -> None:
        """End the thread; what it has not found is found the next time."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _path(self, key: str) -> Path:
        return self._folder.part("shots", f"{key}.json")

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._closing:
                    self._wake.wait()
                if self._closing:
                    return
                clip = self._waiting.pop()
            with suppress(StylizeError, OSError):
                self._find(clip)
            self._on_done(clip.id)

    def _find(self, clip: Clip) -> None:
        key = _key(clip)
        source = open_clip(clip.path)
        start = float(source.info.start)
        shots: list[dict[str, Any]] = []
        end = 0.0
        frames = mark_cuts(source.frames(layout="planes"))
        for frame in frames:
            if self._closing:
                frames.close()
                return
            time = float(frame.time) - start
            end = time + float((frame.duration * frame.time_base) or 1 / source.info.rate)
            if frame.cut:
                shots.append({"number": len(shots) + 1, "start": time, "end": end})
                self._found[key] = {"done": False, "shots": list(shots)}
            shots[-1]["end"] = end
        self._found[key] = found = {"done": True, "shots": shots}
        with atomic_write(self._path(key)) as part:
            part.write_text(json.dumps(found), encoding="utf-8")


def _key(clip: Clip) -> str:
    """Names the file's contents: another film of the same name has its own shots."""
    stat = clip.path.stat()
    return f"{clip.id}-{stat.st_size:x}-{stat.st_mtime_ns:x}"

"""The clips and paintings of the folder, by their ids."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core.errors import SourceError, StylizeError
from ..core.files import PICTURE_SUFFIXES, atomic_write
from ..web.requests import RequestError
from .folder import StudioFolder, name_id
from .probe import CLIP_SUFFIXES, Facts, clip_facts

PAINTING_SUFFIXES = PICTURE_SUFFIXES - {".exr"}
"""Endings of the pictures that the page takes."""
STYLE_SUFFIXES = frozenset({".onnx", ".cube"})
"""Endings of the user's own styles in the folder."""

_UPLOADS = "uploads.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Clip:
    """A film in the folder."""

    id: str
    name: str
    path: Path
    facts: Facts
    uploaded: bool
    """Through the page: it may be removed through it."""

    def to_json(self) -> dict[str, Any]:
        """What the page knows of it."""
        return {"id": self.id, "name": self.name, "uploaded": self.uploaded, **asdict(self.facts)}


@dataclass(frozen=True)
class Painting:
    """A picture in the folder, or a style file."""

    id: str
    name: str
    path: Path
    uploaded: bool

    def to_json(self) -> dict[str, Any]:
        """What the page knows of it."""
        return {"id": self.id, "name": self.name, "uploaded": self.uploaded}


class Library:
    """Finds what is in the folder.

    Args:
        folder: of the studio.
        on_change: called, in any thread, when there are other clips than before.
    """

    def __init__(self, folder: StudioFolder, on_change: Callable[[], None]) -> None:
        self.folder = folder
        self._on_change = on_change
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[tuple[int, int], Clip | None]] = {}
        self._uploaded = _read_names(folder.state / _UPLOADS)

    def clips(self) -> list[Clip]:
        """Return the films in the folder, by name; a new one is read first."""
        with self._lock:
            found = [self._clip(path) for path in self.folder.files(CLIP_SUFFIXES)]
        return [clip for clip in found if clip is not None]

    def clip(self, clip_id: str) -> Clip:
        """Return the film with an id.

        Raises:
            RequestError: 404.
        """
        with self._lock:
            for path in self.folder.files(CLIP_SUFFIXES):
                if name_id(path.name) == clip_id:
                    clip = self._clip(path)
                    if clip is not None:
                        return clip
        raise RequestError(404, "there is no such clip any more")

    def paintings(self) -> list[Painting]:
        """Return the pictures in the folder, by name."""
        return self._named(PAINTING_SUFFIXES)

    def own_styles(self) -> list[Painting]:
        """Return the style files in the folder, by name."""
        return self._named(STYLE_SUFFIXES)

    def painting(self, painting_id: str) -> Painting:
        """Return the picture or style file with an id.

        Raises:
            RequestError: 404.
        """
        for one in self._named(PAINTING_SUFFIXES | STYLE_SUFFIXES):
            if one.id == painting_id:
                return one
        raise RequestError(404, "there is no such painting any more")

    def add(self, part: Path, name: str) -> Path:
        """Take a complete upload into the folder; returns its place."""
        with self._lock:
            place = self.folder.take_in(part, name)
            self._uploaded.add(place.name)
            self._save()
        self._on_change()
        return place

    def remove(self, item: Clip | Painting) -> None:
        """Remove what came through the page.

        Raises:
            RequestError: it did not.
        """
        if not item.uploaded:
            line = f"{item.name} was in the folder before; remove it there, not here"
            raise RequestError(403, line)
        with self._lock:
            item.path.unlink(missing_ok=True)
            self._uploaded.discard(item.path.name)
            self._save()
        self._on_change()

    def _named(self, suffixes: frozenset[str]) -> list[Painting]:
        return [
            Painting(name_id(path.name), path.name, path, path.name in self._uploaded)
            for path in self.folder.files(suffixes)
        ]

    def _clip(self, path: Path) -> Clip | None:
        """A film, read when it is new or was changed; ``None``: it can't be read."""
        try:
            stat = path.stat()
        except OSError:
            return None
        stamp = (stat.st_size, stat.st_mtime_ns)
        before = self._known.get(path)
        if before is not None and before[0] == stamp:
            return before[1]
        clip = None
        with suppress(SourceError, OSError):
            uploaded = path.name in self._uploaded
            clip = Clip(name_id(path.name), path.name, path, clip_facts(path), uploaded)
        self._known[path] = stamp, clip
        return clip

    def _save(self) -> None:
        try:
            with atomic_write(self.folder.part(_UPLOADS)) as part:
                part.write_text(json.dumps(sorted(self._uploaded)), encoding="utf-8")
        except StylizeError as error:  # then it can't be removed through the page: no more
            log.warning("%s", error)


def _read_names(path: Path) -> set[str]:
    try:
        names = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    return {str(name) for name in names} if isinstance(names, list) else set()

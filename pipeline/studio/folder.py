"""The one folder that the studio reads and writes: names in it, and files that come into it."""

from __future__ import annotations

import os
import re
import shutil
import unicodedata
from collections.abc import Collection
from pathlib import Path

from ..core.errors import SinkError, reason
from ..core.files import digest, neighbour, unused_path
from ..web.requests import RequestError

STATE = ".stylize-studio"
"""The hidden folder in it: the queue, previews, masks, what is being uploaded."""
RESULTS = "results"
"""The folder in it that gets what jobs make."""

SPARE = 500_000_000
"""Bytes of the disk that an upload leaves free."""


class StudioFolder:
    """The folder of one studio.

    Args:
        root: made, with its hidden folder, where it does not exist.

    Raises:
        SinkError: it can't be made, or nothing can be written there.
    """

    def __init__(self, root: Path) -> None:
        try:
            root.mkdir(parents=True, exist_ok=True)
            self.root = root.resolve(strict=True)
            self.state = self.root / STATE
            self.results = self.root / RESULTS
            self.state.mkdir(exist_ok=True)
        except OSError as error:
            raise SinkError(f"folder {root} can't be used: {reason(error)}") from error
        if not self.holds(self.state) or not os.access(self.state, os.W_OK | os.X_OK):
            raise SinkError(f"folder {root} can't be written; choose another")

    def holds(self, path: Path) -> bool:
        """Return whether a path leads into the folder, behind all links."""
        try:
            return path.resolve().is_relative_to(self.root)
        except (OSError, ValueError, RuntimeError):  # a loop of links, a NUL
            return False

    def part(self, *names: str) -> Path:
        """Return a path in the hidden folder; the folders before its name are made.

        Args:
            names: of our own, never a visitor's.
        """
        path = self.state.joinpath(*names)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def files(self, suffixes: Collection[str]) -> list[Path]:
        """Return the visible files at the top that have one of the endings, by name.

        Links that lead out of the folder are left out.
        """
        found: list[Path] = []
        for entry in sorted(self.root.iterdir(), key=lambda path: path.name.lower()):
            known = entry.suffix.lower() in suffixes and not entry.name.startswith(".")
            if known and self.holds(entry) and entry.is_file():
                found.append(entry)
        return found

    def room(self) -> int:
        """Return how many bytes an upload may have at most, by the disk."""
        return max(0, shutil.disk_usage(self.root).free - SPARE)

    def take_in(self, part: Path, name: str) -> Path:
        """Give a complete file its place at the top of the folder; never over another file.

        Args:
            part: the file, in the hidden folder.
            name: see ``plain_name``. A number is added where it is in use.
        """
        while True:
            place = unused_path(self.root / name)
            try:
                with place.open("xb"):  # from here on, the name is ours
                    pass
            except FileExistsError:
                continue
            part.replace(place)
            return place


def name_id(name: str) -> str:
    """Return the id under which the page knows a file: 12 hexadecimal digits of its name."""
    return digest([os.fsencode(name)])[:12]


_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def plain_name(name: str, suffixes: Collection[str]) -> str:
    """Check the name that an uploaded file is to have.

    Args:
        name: as the browser sent it.
        suffixes: endings that are allowed, in lower case.

    Raises:
        RequestError: it names a folder, is hidden, is no name anywhere, or has another ending.
    """
    name = unicodedata.normalize("NFC", name)
    if not name or len(os.fsencode(name)) > 1000:
        raise RequestError(400, "the file needs a name: ?name=film.mp4")
    if re.search(r'[/\\:*?"<>|]', name) or any(unicodedata.category(c)[0] == "C" for c in name):
        raise RequestError(400, "a file's name has no folder and no control characters in it")
    if name.startswith(".") or name.endswith((".", " ")) or _RESERVED.fullmatch(name):
        raise RequestError(400, f"a file can't be called {name}")
    path = Path(name)
    if path.suffix.lower() not in suffixes:
        kinds = " ".join(sorted(suffixes))
        raise RequestError(415, f"{name} is no kind of file that is taken here ({kinds})")
    return neighbour(path, path.stem, path.suffix, spare=20).name

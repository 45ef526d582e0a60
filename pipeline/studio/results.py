"""What becomes of what a job has made."""

from __future__ import annotations

import shutil
import zipfile
from contextlib import suppress
from pathlib import Path

from ..core.files import atomic_write
from .folder import StudioFolder
from .library import Library


def zip_folder(folder: Path, target: Path) -> None:
    """Write the files of a folder into a .zip, as they are.

    Raises:
        SinkError: it can't be written.
    """
    with atomic_write(target) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                file.write(path, str(path.relative_to(folder)))


def keep_style(library: Library, folder: StudioFolder, net: Path) -> Path:
    """Copy a learned style into the folder, once: there it is on the wall of styles.

    Args:
        library: of the folder.
        folder: of the studio.
        net: the style file.
    """
    for known in library.own_styles():
        with suppress(OSError):
            if known.path.read_bytes() == net.read_bytes():
                return known.path
    part = folder.part("uploads", net.name)
    shutil.copyfile(net, part)
    return library.add(part, net.name)

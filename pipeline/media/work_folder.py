"""The hidden folder in which a run works, and what becomes of it when the run does not end.

``out.mp4`` is made in ``.out.mp4.work`` beside it. A run that dies leaves the folder, and the next
run on the same output goes on with what is finished in it.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import SinkError, StylizeError, reason
from ..core.files import writing
from ..core.locks import LockedError, folder_lock
from .fragment import work_path
from .unfinished import FINISHED, keep_unfinished

log = logging.getLogger(__name__)

_LOCK = "lock"


@dataclass
class WorkFolder:
    """A folder beside the output, on the same disk."""

    path: Path
    target: Path
    """The output."""
    stays: bool = False
    """It holds finished work that could not be moved: it is not removed."""
    resumable: int = 0
    """Painted frames in it with which a later run can go on: then it is not removed either."""

    def keep(self) -> str:
        """Keep the painted frames beside the output; where they are, for the user. Or empty."""
        try:
            kept = keep_unfinished(self.path, self.target)
        except OSError as error:
            self.stays = True
            return f"what was painted stays in {self.path}, it can't be moved: {reason(error)}"
        return "" if kept is None else kept.line

    def clear(self, everything: bool) -> None:
        """Remove what an earlier run left: what it was writing, or everything but the lock."""
        for entry in self.path.iterdir():
            if entry.name == _LOCK or not (everything or _is_half_done(entry.name)):
                continue
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def _is_half_done(name: str) -> bool:
    return name.endswith(".part") or name in (FINISHED, "encoded", "joined", "gathered", "replaced")


@contextmanager
def work_folder(target: Path) -> Generator[WorkFolder]:
    """The work folder of an output for the time of the block.

    When the block fails, the painted frames are kept: for a later run to go on with, or beside the
    output where no run can.

    Args:
        target: the output.

    Raises:
        SinkError: the folder can't be written, or another run works in it.
        StylizeError: what the block raises; it also says where the painted frames are.
    """
    path = work_path(target)
    try:
        with writing(target), folder_lock(path, _LOCK):
            yield from _guarded(WorkFolder(path, target))
    except LockedError as error:
        raise SinkError(
            f"another run is writing {target} ({error}); wait for it, or give another name"
        ) from error


def _guarded(folder: WorkFolder) -> Generator[WorkFolder]:
    try:
        yield folder
        folder.resumable = 0
    except StylizeError as error:
        if kept := _what_is_kept(folder):
            raise type(error)(f"{error}; {kept}") from error
        raise
    except Exception:
        if kept := _what_is_kept(folder):
            log.warning("%s", kept)
        raise
    finally:
        if not folder.stays and not folder.resumable:
            shutil.rmtree(folder.path, ignore_errors=True)


def _what_is_kept(folder: WorkFolder) -> str:
    if folder.stays:
        return ""
    if folder.resumable:
        frames = f"{folder.resumable} frame{'s'[: folder.resumable != 1]}"
        return f"{frames} are painted: run the same command again to go on"
    return folder.keep()

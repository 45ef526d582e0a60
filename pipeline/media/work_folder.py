"""The hidden folder in which a run works, and what becomes of it when the run does not end."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import StylizeError, reason
from ..core.files import neighbour, writing
from ..core.locks import held_lock, taken_over
from ..core.placement import real_path, work_parent
from .unfinished import keep_unfinished

log = logging.getLogger(__name__)

_LOCK = "lock"
_RANDOM = 8  # letters that ``mkdtemp`` adds
_YOUNG = 60  # s: an empty folder may be one that is being made


@dataclass
class WorkFolder:
    """A folder beside the output, on the same disk."""

    path: Path
    stays: bool = False
    """It holds finished work that could not be moved: it is not removed."""


@contextmanager
def work_folder(target: Path) -> Generator[WorkFolder]:
    """A work folder for the time of the block. Of a block that fails, the painted frames are kept.

    Args:
        target: the output.

    Raises:
        SinkError: the folder can't be written.
        StylizeError: what the block raises; it also says where the painted frames are.
    """
    with ExitStack() as held:
        with writing(target):
            path = Path(tempfile.mkdtemp(prefix=_prefix(target), dir=work_parent(target)))
            held.enter_context(held_lock(path / _LOCK))
        folder = WorkFolder(path)
        try:
            yield folder
        except StylizeError as error:
            kept = "" if folder.stays else _keep(folder, target)
            if kept:
                raise type(error)(f"{error}; {kept}") from error
            raise
        except Exception:
            if kept := _keep(folder, target):
                log.warning("%s", kept)
            raise
        finally:
            if folder.stays:
                (path / _LOCK).unlink(missing_ok=True)  # so no later run takes it for a dead one's
            else:
                shutil.rmtree(path, ignore_errors=True)


def keep_of_dead_runs(target: Path) -> None:
    """Keep what earlier runs on the same output left behind, and clear the rest.

    A run that is killed can't end its file. A folder whose run still lives is never touched.
    """
    parent, name = work_parent(target), re.compile(re.escape(_prefix(target)) + r"[a-z0-9_]{8}")
    try:
        folders = [p for p in parent.iterdir() if name.fullmatch(p.name) and p.is_dir()]
    except OSError:
        return
    for path in folders:
        with taken_over(path / _LOCK) as is_dead:
            if is_dead:
                folder = WorkFolder(path)
                if kept := _keep(folder, target):
                    log.warning("an earlier run did not end; %s", kept)
                if not folder.stays:
                    shutil.rmtree(path, ignore_errors=True)
        _remove_empty(path)


def _keep(folder: WorkFolder, target: Path) -> str:
    """Keep the painted frames; where they are, for the user. Empty: there are none."""
    try:
        kept = keep_unfinished(folder.path, target)
    except OSError as error:
        folder.stays = True
        return f"what was painted stays in {folder.path}, it can't be moved: {reason(error)}"
    return "" if kept is None else kept.line


def _remove_empty(path: Path) -> None:
    """Remove what a run left that was killed before it had a lock."""
    try:
        if time.time() - path.stat().st_mtime > _YOUNG:
            path.rmdir()
    except OSError:
        pass


def _prefix(target: Path) -> str:
    """How the names of an output's work folders begin."""
    real = real_path(target)
    return neighbour(real, f".{real.name}", ".", spare=_RANDOM).name

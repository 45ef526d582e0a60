"""What is slow to make is made once for a whole test run, by whichever worker needs it first."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

_PATIENCE = 600.0  # seconds to wait for another process

MakeOnce = Callable[[str, Callable[[Path], object]], Path]
"""``make_once(name, fill)``: a folder of that name, filled once; see ``filled_once``."""


def run_folder(worker_folder: Path) -> Path:
    """The folder that all of pytest-xdist's workers share."""
    return worker_folder.parent if "PYTEST_XDIST_WORKER" in os.environ else worker_folder


def filled_once(folder: Path, fill: Callable[[Path], object]) -> Path:
    """The folder, filled by the first process that asks; the others wait for it.

    A process that fails to fill it leaves the work to the next one, so each shows its failure.

    Args:
        folder: it is created.
        fill: writes into it.
    """
    end = time.monotonic() + _PATIENCE
    done, lock = folder / ".done", folder.with_suffix(".lock")
    while not done.exists():
        try:
            lock.mkdir(parents=True)
        except FileExistsError:
            assert time.monotonic() < end, f"{lock} is still there; was a worker killed?"
            time.sleep(0.1)
            continue
        try:
            if not done.exists():
                folder.mkdir(exist_ok=True)
                fill(folder)
                done.touch()
        finally:
            lock.rmdir()
    return folder

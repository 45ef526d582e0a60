"""Versions of the program to measure: this one, or another commit of it."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""Of the repository in which this file is."""


@contextmanager
def tree_of(commit: str) -> Generator[Path]:
    """The files of a commit in a temporary folder.

    Raises:
        SystemExit: git knows no such commit.
    """
    told = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True)
    if told.returncode:
        why = told.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise SystemExit(f"--compare commit:{commit}: git knows no such commit here: {why}")
    with tempfile.TemporaryDirectory(prefix="commit-") as folder:
        with tarfile.open(fileobj=io.BytesIO(told.stdout)) as files:
            files.extractall(folder, filter="data")
        yield Path(folder)


def name_of(commit: str) -> str:
    """The short name of a commit."""
    return _described(commit)


def name_of_this() -> str:
    """The short name of the commit that is checked out here, with a plus where files differ."""
    return _described("--dirty=+")


def _described(what: str) -> str:
    words = ["git", "describe", "--always", "--abbrev=7", "--exclude=*", what]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    return told.stdout.strip() or "this"

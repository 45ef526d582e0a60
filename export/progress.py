"""The interface by which long work reports its progress; ``cli.progress.Report`` implements it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol


class ProgressBar(Protocol):
    """Counts the units of one job."""

    def advance(self, note: str = "") -> None:
        """Count one unit more, and show a note with it."""
        ...


class ProgressReport(Protocol):
    """Shows lines and progress bars."""

    def say(self, line: str) -> None:
        """Show one line."""
        ...

    def progress(
        self, label: str, total: int | None, unit: str, done: int = 0
    ) -> AbstractContextManager[ProgressBar]:
        """A bar for the time of a ``with`` block.

        Args:
            label: names the work.
            total: units in all; ``None`` where it is not known.
            unit: their name.
            done: units done before.
        """
        ...

"""What renders chunks has open, in whichever process and on whichever computer it runs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from ..core.config import Settings
from ..core.errors import StylizeError
from ..planning import make_plan
from ..timeline.schedule import Schedule
from .journal import Finished
from .painter import open_painter
from .renderer import ChunkRenderer


@dataclass(frozen=True)
class Task:
    """What every worker opens."""

    source: str
    output: str
    settings: Settings
    folder: Path
    """The work folder."""
    timeline: Schedule | None = None
    """With the times that were found in the film."""


@dataclass(frozen=True)
class Outcome:
    """What became of a chunk."""

    finished: Finished
    broken: StylizeError | None = None
    """What broke the source or a stage: the segment has what came before."""
    notes: tuple[str, ...] = ()
    """Warnings for the user."""


def open_renderer(task: Task) -> ChunkRenderer:
    """Open the source and the style of a task.

    Raises:
        StylizeError: one of them can't be opened here.
    """
    # What is at the output is none of a worker's business.
    settings = task.settings.model_copy(update={"overwrite": True})
    plan = make_plan(task.source, task.output, settings, timeline=task.timeline)
    return ChunkRenderer(plan, open_painter(plan), plan.division)


class Notes(logging.Handler):
    """Keeps warnings for the process that talks to the user, instead of printing them."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._texts: list[str] = []

    def install(self) -> None:
        """Receive all warnings of this process from now on."""
        logging.getLogger("stylize_video").handlers = [self]

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler``."""
        self._texts.append(record.getMessage())

    def take(self) -> tuple[str, ...]:
        """The warnings since the last call."""
        texts, self._texts = tuple(self._texts), []
        return texts


class Outcomes(dict[int, Outcome]):
    """What became of chunks, by their numbers. Each warning of their workers is logged once."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()

    def add(self, outcome: Outcome) -> None:
        """Add what became of a chunk."""
        self[outcome.finished.chunk.number] = outcome
        for note in outcome.notes:
            if note not in self._told:
                self._told.add(note)
                logging.getLogger(__name__).warning("%s", note)

    @property
    def is_broken(self) -> bool:
        """A chunk ended early: nothing more is begun."""
        return any(outcome.broken for outcome in self.values())

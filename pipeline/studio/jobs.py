"""A job of the studio, and the list of them: a file on the disk that is always whole."""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from ..core.errors import StylizeError
from ..core.files import atomic_write, unused_path
from .folder import StudioFolder

Kind = Literal["render", "preview", "learn", "keyframes"]
KINDS: tuple[str, ...] = get_args(Kind)
State = Literal["queued", "running", "done", "failed", "stopped"]

QUICK = ("preview", "keyframes")
"""Kinds that take seconds: they do not wait for the films."""
MOST = 500
"""Jobs in the list."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One run of the command."""

    id: str
    kind: Kind
    clip: str
    """The clip's id."""
    name: str
    """The clip's name."""
    words: list[str]
    """What is typed after ``stylize-video``."""
    command: str
    """The same as one line, without what is the studio's own."""
    output: str
    """The whole path of the file or folder that it makes."""
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    """As the page sent them."""
    archive: str = ""
    """The whole path of the .zip that its folder becomes; empty: it is none."""
    state: State = "queued"
    message: str = ""
    """Why it failed or was stopped; what it is doing."""
    notes: list[str] = field(default_factory=list[str])
    progress: float = 0.0
    """0–1, of the step in work."""
    seconds_left: float | None = None
    step: str = ""
    """In work: ``learning``, ``painting``."""
    style: str = ""
    """Of a learning: the id of the learned style file."""
    samples: str = ""
    """Of a learning: the whole path of the picture as it improves."""

    @property
    def is_over(self) -> bool:
        """It neither waits nor runs."""
        return self.state not in ("queued", "running")

    @property
    def has_picture(self) -> bool:
        """It learns, and has painted something already."""
        return bool(self.samples) and Path(self.samples).is_file()

    @property
    def file(self) -> Path:
        """What the page gets as the result."""
        return Path(self.archive or self.output)

    def to_json(self) -> dict[str, Any]:
        """What the page knows of it."""
        hidden = ("words", "output", "samples", "archive")
        known = {name: value for name, value in asdict(self).items() if name not in hidden}
        has_result = self.is_over and self.file.is_file()
        return {
            **known,
            "label": self.file.name,
            "path": str(self.file),
            "result": f"/api/jobs/{self.id}/result" if has_result else None,
            "picture": f"/api/jobs/{self.id}/picture" if self.has_picture else None,
            "resumable": self.state in ("failed", "stopped"),
        }


def new_job_id() -> str:
    """Return an id that no other job has."""
    return secrets.token_hex(6)


class JobList:
    """All jobs, the oldest first, in memory and in ``jobs.json``.

    What was running when the last server ended is stopped: it can be resumed.

    Args:
        folder: of the studio.
        on_change: called, in any thread, with a job that is new or has changed.
    """

    def __init__(self, folder: StudioFolder, on_change: Callable[[Job], None]) -> None:
        self._path = folder.part("jobs.json")
        self._on_change = on_change
        self._lock = threading.RLock()
        self._jobs = {job.id: _interrupted(job) for job in _read(self._path)}

    def all(self) -> list[Job]:
        """Return all jobs."""
        with self._lock:
            return list(self._jobs.values())

    def get(self, job_id: str) -> Job | None:
        """Return a job, if it is there."""
        return self._jobs.get(job_id)

    def add(self, job: Job) -> None:
        """Add a job at the end of the queue.

        Raises:
            StylizeError: the list can't be written, so nothing would be kept.
        """
        with self._lock:
            self._jobs[job.id] = job
            try:
                self._write()
            except StylizeError:
                del self._jobs[job.id]
                raise
        self._on_change(job)

    def change(self, job_id: str, **values: Any) -> Job | None:
        """Change a job; a new state is written to the disk at once."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None:
                return None
            changed = self._jobs[job_id] = replace(job, **values)
            if "state" in values or "style" in values or "samples" in values:
                try:
                    self._write()
                except StylizeError as error:  # a full disk ends no server
                    log.warning("%s", error)
        self._on_change(changed)
        return changed

    def remove(self, job_id: str) -> None:
        """Take a job off the list; what it made stays."""
        with self._lock:
            self._jobs.pop(job_id, None)
            self._write()

    def to_the_end(self, job_id: str) -> None:
        """Queue a job again, as the last one."""
        with self._lock:
            self._jobs[job_id] = self._jobs.pop(job_id)
            self.change(job_id, state="queued", message="", seconds_left=None, step="")

    def _write(self) -> None:
        text = json.dumps([asdict(job) for job in self._jobs.values()], indent=1)
        with atomic_write(self._path) as part:
            part.write_text(text, encoding="utf-8")


def _interrupted(job: Job) -> Job:
    if job.state != "running":
        return job
    message = "The studio was closed in the middle of it. Resume goes on after what is finished."
    return replace(job, state="stopped", message=message, seconds_left=None, step="")


def _read(path: Path) -> list[Job]:
    """The jobs in the file; a damaged file is put aside, never lost."""
    if not path.exists():
        return []
    try:
        listed: list[Mapping[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        known = {one.name for one in fields(Job)}
        return [Job(**{k: v for k, v in row.items() if k in known}) for row in listed]
    except (OSError, ValueError, TypeError, AttributeError):
        aside = unused_path(path.with_name("jobs-unreadable.json"))
        path.rename(aside)
        log.warning("the list of jobs could not be read; it is now %s", aside)
        return []

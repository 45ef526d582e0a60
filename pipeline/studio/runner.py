"""Runs jobs: each is the command in a process of its own, which ends with the studio."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO, cast

from ..core.concurrency import thread_name
from .folder import StudioFolder
from .jobs import QUICK, Job, JobList

_STOPPED, _LOSSES = 130, 3  # exit codes of the command
_NOTE = "note: "  # begins the lines that say more than what is done anyway
_LINES = 100  # notes that are kept of one job
_LONGEST = 2000  # characters of one

Finish = Callable[[Job, dict[str, Any]], dict[str, Any]]
"""Receives a finished job and its command's last event; returns what changes in it."""


class Runner:
    """Two threads: films one by one, and beside them what takes seconds.

    Args:
        folder: of the studio: jobs work in it.
        jobs: the list.
        launcher: the command line to which a job's folder and words are added. Its process stops as
            by Ctrl-C when its standard input ends, so it never outlives a studio that is killed.
        finish: called when a command has ended well.
    """

    def __init__(
        self, folder: StudioFolder, jobs: JobList, launcher: Sequence[str], finish: Finish
    ) -> None:
        self._folder = folder
        self._jobs = jobs
        self._launcher = list(launcher)
        self._finish = finish
        self._wake = threading.Condition()
        self._closing = False
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._cancelled: set[str] = set()
        self._threads = [
            threading.Thread(
                target=self._work, args=(quick,), name=thread_name("jobs"), daemon=True
            )
            for quick in (False, True)
        ]

    def start(self) -> None:
        """Begin with what is queued."""
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look for queued jobs: there is a new one."""
        with self._wake:
            self._wake.notify_all()

    def cancel(self, job_id: str) -> None:
        """Stop a job as Ctrl-C does: what it has is kept. The second time, end it at once."""
        with self._wake:
            job, process = self._jobs.get(job_id), self._running.get(job_id)
            if job is not None and job.state == "queued":
                self._jobs.change(job_id, state="stopped", message="It was not begun.")
            elif process is not None and job_id not in self._cancelled:
                self._cancelled.add(job_id)
                self._jobs.change(job_id, message="Stopping: finishing what is in work …")
                _stop(process)
            elif process is not None:
                process.kill()

    def close(self) -> None:
        """Stop what runs, as Ctrl-C does, and wait for it."""
        with self._wake:
            self._closing = True
            for process in self._running.values():
                _stop(process)
            self._wake.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _work(self, quick: bool) -> None:
        while (job := self._next(quick)) is not None:
            try:
                self._run(job)
            except Exception as error:  # noqa: BLE001 - the next job can be done, whatever it was
                line = f"unexpected {type(error).__name__}: {error}"
                self._jobs.change(job.id, state="failed", message=line)

    def _next(self, quick: bool) -> Job | None:
        """Wait for a job of one of the two kinds; ``None``: the studio closes."""
        with self._wake:
            while not self._closing:
                for job in self._jobs.all():
                    if job.state == "queued" and (job.kind in QUICK) == quick:
                        return self._jobs.change(job.id, state="running", message="", progress=0.0)
                self._wake.wait()
        return None

    def _run(self, job: Job) -> None:
        place = self._folder.part("jobs", job.id, "log.txt")
        with place.open("w", encoding="utf-8", errors="replace") as errors:
            process = self._start(job, errors)
            last: dict[str, Any] = {}
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    last |= self._take(job.id, line) or {}
                code = process.wait()
            finally:
                with self._wake:
                    self._running.pop(job.id, None)
                    cancelled = job.id in self._cancelled
                    self._cancelled.discard(job.id)
                _stop(process)
                process.stdout.close() if process.stdout else None
        self._end(job, code, cancelled, last, place)

    def _start(self, job: Job, errors: TextIO) -> subprocess.Popen[str]:
        flags: dict[str, Any] = {"start_new_session": True}  # the terminal's Ctrl-C is the server's
        if sys.platform == "win32":
            flags = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        process = subprocess.Popen(
            [*self._launcher, str(self._folder.part("jobs", job.id)), *job.words],
            cwd=self._folder.root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
            errors="replace",
            **flags,
        )
        with self._wake:
            self._running[job.id] = process
            if self._closing:
                _stop(process)
        return process

    def _take(self, job_id: str, line: str) -> dict[str, Any] | None:
        """Read one line of the command; returns the event of its end."""
        try:
            event: dict[str, Any] = json.loads(line)
            kind = event["event"]
        except (ValueError, KeyError, TypeError):
            return None
        if kind == "progress":
            self._jobs.change(job_id, **_progress(event))
        elif kind == "note" and str(event.get("text")).startswith(_NOTE):
            job = self._jobs.get(job_id)
            text = str(event["text"]).removeprefix(_NOTE)[:_LONGEST]
            notes = [*(job.notes if job else []), text]
            self._jobs.change(job_id, notes=list(dict.fromkeys(notes))[-_LINES:])
        elif kind == "samples":
            self._jobs.change(job_id, samples=str(event.get("path")))
        elif kind in ("done", "stopped"):
            return event
        elif kind == "learned":
            return {"style": event.get("style")}
        return None

    def _end(
        self, job: Job, code: int, cancelled: bool, last: dict[str, Any], errors: Path
    ) -> None:
        job = self._jobs.get(job.id) or job
        over: dict[str, Any] = {"seconds_left": None, "step": ""}
        if code in (0, _LOSSES):
            over |= {"state": "done", "progress": 1.0, "message": _losses(last)}
            if not last:  # a command without JSON: what it says is in the log
                said = errors.read_text(encoding="utf-8", errors="replace").splitlines()
                over["notes"] = [line[:_LONGEST] for line in said][-_LINES:]
            over |= self._finish(job, last)
        elif cancelled or self._closing or code == _STOPPED:
            why = "Stopped. Resume goes on after what is finished."
            over |= {"state": "stopped", "message": why}
        else:
            over |= {"state": "failed", "message": _last_line(errors, code)}
        if last.get("output"):
            over.setdefault("output", str(self._folder.root / str(last["output"])))
        self._jobs.change(job.id, **over)


def _stop(process: subprocess.Popen[str]) -> None:
    with suppress(OSError):
        if process.stdin is not None:
            process.stdin.close()


def _progress(event: dict[str, Any]) -> dict[str, Any]:
    done, total, rate = event.get("done") or 0, event.get("total"), event.get("per_second")
    return {
        "progress": min(1.0, done / total) if total else 0.0,
        "seconds_left": (total - done) / rate if total and rate else None,
        "step": str(event.get("label", "")),
    }


def _losses(last: dict[str, Any]) -> str:
    missing = cast("list[str]", last.get("missing") or [])
    return "; ".join(f"missing: {line}" for line in missing)


def _last_line(errors: Path, code: int) -> str:
    """Why a command failed: its own line; of one that was killed, that."""
    lines = errors.read_text(encoding="utf-8", errors="replace").splitlines()
    own = [line for line in lines if line.startswith("stylize-video: ")]
    if own:
        return own[-1].removeprefix("stylize-video: ")[:_LONGEST]
    if code < 0:
        return "The job was killed. Resume goes on after what is finished."
    return (lines[-1] if lines else f"the command ended with code {code}")[:_LONGEST]

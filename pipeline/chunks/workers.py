"""Render chunks side by side, in processes of their own. What they write does not depend on them.

A thread here reads ahead and finds where the chunks begin. A worker opens the film and the style
once. One that dies, most often for want of memory, costs no finished chunk: the rest is rendered by
fewer.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from ..core.concurrency import available_cores, prefetch, thread_name
from ..core.errors import SinkError, SourceError, StylizeError
from ..core.files import writing
from ..core.frame import Frame
from ..temporal.division import Chunk
from .facts import has_changed
from .journal import Journal
from .renderer import ChunkRenderer, OnProgress
from .worker import Notes, Outcome, Outcomes, Task, open_renderer

log = logging.getLogger(__name__)

_POLL = 0.2  # s between two looks at what the workers have done


@dataclass
class _Shared:
    """What the workers and this process share."""

    stop: Any
    """An event."""
    written: Any
    """A counter of frames."""
    opened: Any
    """A counter of workers."""


@dataclass
class SideBySide:
    """Renders chunks in processes.

    Args:
        task: what they open.
        workers: how many.
        stop: when set, no more frames are rendered.
        on_progress: called now and then.
    """

    task: Task
    workers: int
    stop: threading.Event | None = None
    on_progress: OnProgress | None = None
    outcomes: Outcomes = field(default_factory=Outcomes)

    def render(self, chunks: Iterable[Chunk]) -> None:
        """Render chunks, in any order; see ``outcomes``.

        Args:
            chunks: in their order; found while others are rendered.

        Raises:
            StylizeError: a chunk can't be written, or a worker can't be opened.
        """
        asked: list[Chunk] = []
        with closing(prefetch(_remembered(chunks, asked), 2 * self.workers)) as coming:
            left: Iterable[Chunk] = coming
            while not self._render_all(left):
                self.workers = max(1, self.workers - 1)
                again = [chunk for chunk in asked if chunk.number not in self.outcomes]
                left = chain(again, coming)

    def _render_all(self, chunks: Iterable[Chunk]) -> bool:
        """Render chunks as far as none fails; false if a worker has died."""
        context = multiprocessing.get_context("spawn")
        shared = _Shared(context.Event(), context.Value("L", 0), context.Value("L", 0))
        pool = ProcessPoolExecutor(
            self.workers, context, _open_worker, (self.task, self.workers, shared)
        )
        running: set[Future[Outcome]] = set()
        before = len(self.outcomes)
        try:
            for chunk in chunks:
                if self._is_over(shared):
                    break
                running.add(pool.submit(_render_chunk, chunk))
                while len(running) > self.workers:  # one waits, so that no worker does
                    running = self._collected(running, shared)
            while running:
                self._is_over(shared)
                running = self._collected(running, shared)
        except BrokenProcessPool as error:
            if self.workers == 1 and len(self.outcomes) == before:
                raise SinkError(
                    "the process that renders has died twice, most often for want of memory; "
                    "add --tile 512, or a smaller --size"
                ) from error
            log.warning(
                "a worker has died, most often for want of memory: %d go on",
                max(1, self.workers - 1),
            )
            return False
        finally:
            shared.stop.set()
            pool.shutdown(cancel_futures=True)
        return True

    def _is_over(self, shared: _Shared) -> bool:
        """Whether nothing more is begun; running chunks end early only where the user stops."""
        stopped = self.stop is not None and self.stop.is_set()
        if stopped:
            shared.stop.set()
        return stopped or self.outcomes.is_broken

    def _collected(self, running: set[Future[Outcome]], shared: _Shared) -> set[Future[Outcome]]:
        """Wait a while; the futures that still run."""
        done, running = wait(running, _POLL, FIRST_COMPLETED)
        with shared.written.get_lock():
            count, shared.written.value = shared.written.value, 0
        if count and self.on_progress is not None:
            self.on_progress(count)
        for future in done:
            self.outcomes.add(future.result())
        return running


def _remembered(chunks: Iterable[Chunk], asked: list[Chunk]) -> Generator[Chunk]:
    for chunk in chunks:
        asked.append(chunk)
        yield chunk


# ---- in the worker ----


@dataclass
class _Worker:
    """What a worker has open."""

    renderer: ChunkRenderer
    journal: Journal
    task: Task
    shared: _Shared
    notes: Notes


_worker: _Worker | StylizeError | None = None
"""Or why it can't be opened."""


def _open_worker(task: Task, workers: int, shared: _Shared) -> None:
    """Called once in each process."""
    global _worker
    _live_as_long_as_the_run()
    _take_cores(workers, task.settings.threads, shared)
    notes = Notes()
    notes.install()
    try:
        renderer, journal = _opened(task), Journal(task.folder)
        notes.take()  # the run has said it
        _worker = _Worker(renderer, journal, task, shared, notes)
    except StylizeError as error:
        _worker = error


def _opened(task: Task) -> ChunkRenderer:
    renderer = open_renderer(task)
    if has_changed(renderer.plan, Journal(task.folder).facts()):
        raise SourceError(f"{task.source} was replaced during the run")
    return renderer


def _live_as_long_as_the_run() -> None:
    """End with the process that began this one, however that ends; and leave signals to it."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name=thread_name("parent"), daemon=True).start()


def _take_cores(workers: int, threads: int, shared: _Shared) -> None:
    """Give each worker cores of its own, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        return
    with shared.opened.get_lock():
        number = shared.opened.value % workers
        shared.opened.value += 1
    cores = sorted(os.sched_getaffinity(0))
    each = min(threads or len(cores), max(1, available_cores() // workers))
    first = number * each % len(cores)
    os.sched_setaffinity(0, (cores + cores)[first : first + each])


def _render_chunk(chunk: Chunk) -> Outcome:
    worker = _worker
    if isinstance(worker, StylizeError):
        raise worker
    assert worker is not None
    worker.notes.take()
    counted = _Counter(worker.shared)
    stop: Any = worker.shared.stop  # an event, too
    finished, broken = worker.renderer.render(chunk, worker.task.folder, counted, stop)
    counted.flush()
    if broken is None and not stop.is_set():
        with writing(worker.renderer.plan.target):
            finished = worker.journal.add(finished)
    return Outcome(finished, broken, worker.notes.take())


class _Counter:
    """Counts frames for the run's progress, a few at a time."""

    def __init__(self, shared: _Shared) -> None:
        self._shared = shared
        self._count = 0
        self._last = time.monotonic()

    def __call__(self, frame: Frame) -> None:
        self._count += 1
        if time.monotonic() - self._last > _POLL / 2:
            self.flush()

    def flush(self) -> None:
        with self._shared.written.get_lock():
            self._shared.written.value += self._count
        self._count, self._last = 0, time.monotonic()

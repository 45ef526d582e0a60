"""Threads: run an iterator ahead of its consumer, map items in parallel, queue, retry."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

THREAD_PREFIX = "stylize-video"
"""What the name of every thread of this program begins with."""

RETRY_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds before each new attempt; the last one also before all that follow."""

_POLL = 0.1  # seconds; how soon a consumer of a silent source notices that it is to stop
_PATIENCE = 1.0  # seconds that the thread of a stopped source has to end


def thread_name(role: str) -> str:
    """The name of a thread of this program: debuggers show it, and tests find threads by it."""
    return f"{THREAD_PREFIX} {role}"


class RetryPauses:
    """Growing pauses between attempts, for what is opened again after a failure."""

    def __init__(self) -> None:
        self._failures = 0

    def next(self) -> float:
        """Seconds to wait after one more failure; see ``RETRY_PAUSES``."""
        pause = RETRY_PAUSES[min(self._failures, len(RETRY_PAUSES) - 1)]
        self._failures += 1
        return pause

    def reset(self) -> None:
        """Begin with the shortest pause again: an attempt has succeeded."""
        self._failures = 0


@contextmanager
def closing_source(source: Iterable[Item]) -> Generator[Iterable[Item]]:
    """Close ``source`` when the block ends, however it ends.

    A stage uses it for what it reads, so that closing the last stage closes the whole chain.
    """
    try:
        yield source
    finally:
        close = getattr(source, "close", None)
        if close is not None:
            close()


class LatestQueue(Generic[Item]):
    """Hands items to another thread. When it is full, the oldest item is dropped and counted.

    Args:
        depth: most items waiting; at least 1.
        on_drop: called for each item that is dropped.
    """

    def __init__(self, depth: int = 1, on_drop: Callable[[], None] = lambda: None) -> None:
        self._depth = depth
        self._on_drop = on_drop
        self._waiting: deque[Item] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self.dropped = 0
        """Items that were dropped so far."""

    def put(self, item: Item, wait: bool = False) -> bool:
        """Add an item; without room, drop the oldest, or wait for room.

        Args:
            item: what to add.
            wait: wait for room, or for ``close``, instead of dropping.

        Returns:
            False after ``close``: nothing was added.
        """
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._closed or len(self._waiting) < self._depth)
            if self._closed:
                return False
            if len(self._waiting) == self._depth:
                self._waiting.popleft()
                self.dropped += 1
                self._on_drop()
            self._waiting.append(item)
            self._changed.notify_all()
            return True

    def get(self, timeout: float | None = None) -> Item | None:
        """The oldest item; ``None`` where none came in ``timeout`` seconds, or after ``close``."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, timeout)
            if not self._waiting:
                return None
            self._changed.notify_all()
            return self._waiting.popleft()

    @property
    def exhausted(self) -> bool:
        """It is closed, and all that was added has been read."""
        return self._closed and not self._waiting

    def close(self) -> None:
        """Accept nothing more, and wake every thread that waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


@dataclass(frozen=True)
class _Next(Generic[Item]):
    """An item of a source that runs ahead."""

    item: Item


@dataclass(frozen=True)
class _End:
    """The last thing in the queue: the source is done, or failed with ``error``."""

    error: BaseException | None = None


def prefetch(
    source: Iterable[Item],
    depth: int,
    *,
    latest: bool = False,
    dropped: Callable[[], None] = lambda: None,
    over: Callable[[], bool] | None = None,
) -> Generator[Item]:
    """Iterate ``source`` in a thread of its own, at most ``depth`` items ahead.

    A failure of the source is raised here, after the items that came before it. However the
    iteration ends (exhausted, failed, or closed by the consumer), the thread is joined and a
    source that is a generator is closed.

    Args:
        source: what to run ahead.
        depth: most items waiting; at least 1.
        latest: when full, drop the oldest item (a live source) rather than wait (a file).
        dropped: called, in the source's thread, for each item that is.
        over: asked now and then while nothing comes: when true, the iteration ends. Then a source
            that is silent is left to its thread, which closes it when something comes.

    Raises:
        ValueError: ``depth`` is below 1.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, not {depth}")
    return _consume(source, LatestQueue(depth, dropped), latest, over)


def _consume(
    source: Iterable[Item],
    queue: LatestQueue[_Next[Item] | _End],
    latest: bool,
    over: Callable[[], bool] | None,
) -> Generator[Item]:
    thread = threading.Thread(
        target=_produce, args=(source, queue, latest), name=thread_name("prefetch"), daemon=True
    )
    thread.start()
    try:
        while not isinstance(read := _read(queue, over), _End):
            yield read.item
        if read.error is not None:
            raise read.error
    finally:
        queue.close()
        thread.join(_PATIENCE if over is not None else None)


def _read(
    queue: LatestQueue[_Next[Item] | _End], over: Callable[[], bool] | None
) -> _Next[Item] | _End:
    while (read := queue.get(None if over is None else _POLL)) is None:
        if over is not None and over():
            return _End()
    return read


def _produce(source: Iterable[Item], queue: LatestQueue[_Next[Item] | _End], latest: bool) -> None:
    end = _End()
    try:
        for item in source:
            if not queue.put(_Next(item), wait=not latest):
                break
    except BaseException as error:  # noqa: BLE001 - passed to the consumer, who raises it
        end = _End(error)
    finally:
        if isinstance(source, Generator):
            try:
                source.close()
            except BaseException as error:  # noqa: BLE001 - passed to the consumer as well
                end = _End(end.error or error)
        queue.put(end, wait=True)


def run_in_background(function: Callable[[], Result]) -> Future[Result]:
    """Run a function in a thread of its own; the future has its result or its failure.

    Nothing waits for the thread, not even the end of the program.
    """
    made: Future[Result] = Future()

    def make() -> None:
        try:
            made.set_result(function())
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            made.set_exception(error)

    threading.Thread(target=make, name=thread_name("background"), daemon=True).start()
    return made


def ordered_map(
    function: Callable[[Item], Result], source: Iterable[Item], workers: int
) -> Generator[Result]:
    """Apply ``function`` to every item in parallel, and give the results in order.

    A failure, of the source or of the function, is raised after the results that came before it.
    However the iteration ends, the threads are joined and the source is closed.

    Args:
        function: called in several threads at once.
        source: the items; read in the consumer's thread.
        workers: number of threads.
    """
    waiting: deque[Future[Result]] = deque()
    with closing_source(source), ThreadPoolExecutor(workers, thread_name("map")) as pool:
        try:
            failure: Exception | None = None
            items = iter(source)
            while failure is None:
                try:
                    waiting.append(pool.submit(function, next(items)))
                except StopIteration:
                    break
                except Exception as error:  # noqa: BLE001 - raised below, in its turn
                    failure = error
                if len(waiting) > workers:  # one more than can run: nobody waits for work
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
            if failure is not None:
                raise failure
        finally:
            for unwanted in waiting:
                unwanted.cancel()


def then_none(source: Iterable[Item], count: int) -> Generator[Item | None]:
    """Give every item, then ``None`` ``count`` times.

    A failure of the source is raised after these.
    """
    failure: Exception | None = None
    with closing_source(source):
        try:
            yield from source
        except Exception as error:  # noqa: BLE001 - raised below, after the frames before it
            failure = error
        yield from repeat(None, count)
        if failure is not None:
            raise failure


def available_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

"""The one home of threads: run an iterator ahead of its consumer, or several items at once."""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import repeat
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

Drop = Callable[[], None] | None
"""What hears of an item dropped; ``None``: none is, the source waits."""

_POLL = 0.1  # seconds; how soon it is noticed that nobody reads, or wants, any more
_PATIENCE = 1.0  # seconds for the thread of a source that nobody wants any more


class _End:
    """The last thing in the queue: the source is done, or failed with ``error``."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


@contextmanager
def closing_source(source: Iterable[Item]) -> Generator[Iterable[Item]]:
    """For a stage: however it ends, what it reads is closed, and so on up the chain."""
    try:
        yield source
    finally:
        close = getattr(source, "close", None)
        if close is not None:
            close()


class LatestQueue(Generic[Item]):
    """Hands items to another thread. When full, the oldest is dropped and counted.

    Args:
        depth: most items waiting; at least 1.
        drop: called for each item that is dropped.
    """

    def __init__(self, depth: int = 1, drop: Callable[[], None] = lambda: None) -> None:
        self._drop = drop
        self._waiting: deque[Item] = deque(maxlen=depth)
        self._changed = threading.Condition()
        self._closed = False
        self.dropped = 0

    def put(self, item: Item, wait: bool = False) -> None:
        """Drops the oldest where there is no room; or waits for room, or ``close``."""
        with self._changed:
            if wait:
                self._changed.wait_for(
                    lambda: self._closed or len(self._waiting) != self._waiting.maxlen
                )
            if len(self._waiting) == self._waiting.maxlen:
                self.dropped += 1
                self._drop()
            self._waiting.append(item)
            self._changed.notify_all()

    def get(self, timeout: float | None = None) -> Item | None:
        """The oldest item; ``None`` where none came in ``timeout`` seconds, or after ``close``."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, timeout)
            if not self._waiting:
                return None
            self._changed.notify_all()
            return self._waiting.popleft()

    @property
    def closed(self) -> bool:
        """Nothing waits, and nothing more will come."""
        return self._closed and not self._waiting

    def close(self) -> None:
        """Wakes whoever waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


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
    return _consume(source, depth, dropped if latest else None, over)


def _consume(
    source: Iterable[Item], depth: int, drop: Drop, over: Callable[[], bool] | None
) -> Generator[Item]:
    waiting: queue.Queue[Item | _End] = queue.Queue(depth)
    closed = threading.Event()
    thread = threading.Thread(
        target=_produce, args=(source, waiting, closed, drop), name="prefetch", daemon=True
    )
    thread.start()
    try:
        while not isinstance(item := _get(waiting, over), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        closed.set()
        thread.join(_PATIENCE if over is not None else None)


def _get(waiting: queue.Queue[Item | _End], over: Callable[[], bool] | None) -> Item | _End:
    while True:
        try:
            return waiting.get(timeout=None if over is None else _POLL)
        except queue.Empty:
            if over is not None and over():
                return _End()


def _produce(
    source: Iterable[Item], waiting: queue.Queue[Item | _End], closed: threading.Event, drop: Drop
) -> None:
    end = _End()
    try:
        for item in source:
            _put(item, waiting, closed, drop)
            if closed.is_set():
                break
    except BaseException as error:  # noqa: BLE001 - carried to the consumer, who raises it
        end = _End(error)
    finally:
        if isinstance(source, Generator):
            try:
                source.close()
            except BaseException as error:  # noqa: BLE001 - carried likewise
                end = _End(end.error or error)
        _put(end, waiting, closed, None)


def _put(
    item: Item | _End, waiting: queue.Queue[Item | _End], closed: threading.Event, drop: Drop
) -> None:
    while not closed.is_set():
        try:
            waiting.put(item, timeout=_POLL if drop is None else 0)
        except queue.Full:
            if drop is not None and _drop_oldest(waiting):
                drop()
        else:
            return


def _drop_oldest(waiting: queue.Queue[Item | _End]) -> bool:
    with suppress(queue.Empty):  # the consumer was quicker
        waiting.get_nowait()
        return True
    return False


def run_in_background(function: Callable[[], Result]) -> Future[Result]:
    """Its result, made in a thread that nothing waits for, not even the end of the program."""
    made: Future[Result] = Future()

    def make() -> None:
        try:
            made.set_result(function())
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            made.set_exception(error)

    threading.Thread(target=make, name="aside", daemon=True).start()
    return made


def ordered_map(
    function: Callable[[Item], Result], source: Iterable[Item], workers: int
) -> Generator[Result]:
    """``function`` of every item, in order, ``workers`` items at a time.

    A failure, of the source or of the function, is raised after the results that came before it.
    However the iteration ends, the threads are joined and the source is closed.
    """
    waiting: deque[Future[Result]] = deque()
    with closing_source(source), ThreadPoolExecutor(workers, "prefetch") as pool:
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
    """Every item, then ``None`` so many times; a failure of the source only after these."""
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
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

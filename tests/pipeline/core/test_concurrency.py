from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from stylize_video.pipeline.core.concurrency import (
    LatestQueue,
    RetryPauses,
    closing_source,
    ordered_map,
    prefetch,
)

from ...helpers.threads import threads_of


def test_gives_every_item_in_order():
    assert list(prefetch(range(100), 3)) == list(range(100))


def test_runs_ahead_at_most_depth_items():
    made: list[int] = []

    def source() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    ahead = prefetch(source(), 3)
    assert next(ahead) == 0
    time.sleep(0.3)
    assert len(made) <= 1 + 3 + 1  # given, waiting, and the one that waits for a place
    ahead.close()


@pytest.mark.parametrize("failing_stage", [0, 1, 2])
def test_a_failure_reaches_the_consumer_after_the_items_before_it(failing_stage: int):
    def stage(items: Iterator[int], number: int) -> Iterator[int]:
        with closing_source(items):
            for item in items:
                if item == 5 and number == failing_stage:
                    raise ValueError(f"stage {number}")
                yield item

    chain: Iterator[int] = iter(range(10))
    for number in range(3):
        chain = prefetch(stage(chain, number), 2)
    got: list[int] = []
    with pytest.raises(ValueError, match=f"stage {failing_stage}"):
        got.extend(chain)
    assert got == [0, 1, 2, 3, 4]
    assert not threads_of()


def test_closing_early_closes_the_source_and_joins_the_thread():
    closed = threading.Event()

    def source() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    ahead = prefetch(source(), 2)
    next(ahead)
    ahead.close()
    assert closed.is_set()
    assert not threads_of()


def test_latest_drops_the_oldest_and_never_blocks_the_source():
    done = threading.Event()

    def source() -> Iterator[int]:
        yield from range(1000)
        done.set()

    ahead = prefetch(source(), 2, latest=True)
    assert next(ahead) >= 0
    assert done.wait(5), "the source was blocked by a slow consumer"
    rest = list(ahead)
    assert rest == sorted(rest)
    assert rest[-1] == 999
    assert len(rest) <= 3


def test_a_depth_below_one_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        prefetch([1], 0)


def test_ordered_map_keeps_the_order_and_works_side_by_side():
    running: list[int] = []
    most = 0

    def slow(number: int) -> int:
        nonlocal most
        running.append(number)
        most = max(most, len(running))
        time.sleep(0.02 if number % 2 else 0.04)
        running.remove(number)
        return number * 10

    assert list(ordered_map(slow, range(12), 3)) == [n * 10 for n in range(12)]
    assert 2 <= most <= 3


@pytest.mark.parametrize("where", ["source", "function"])
def test_ordered_map_gives_what_came_before_a_failure(where: str):
    def source() -> Iterator[int]:
        for number in range(10):
            if number == 5 and where == "source":
                raise ValueError("broken source")
            yield number

    def function(number: int) -> int:
        if number == 5 and where == "function":
            raise ValueError("broken function")
        return number

    got: list[int] = []
    with pytest.raises(ValueError, match=f"broken {where}"):
        got.extend(ordered_map(function, source(), 3))
    assert got == [0, 1, 2, 3, 4]


def test_ordered_map_closed_early_closes_its_source_and_leaves_no_thread():
    closed = threading.Event()

    def source() -> Iterator[int]:
        try:
            yield from range(1000)
        finally:
            closed.set()

    mapped = ordered_map(lambda n: n, source(), 2)
    next(mapped)
    mapped.close()
    assert closed.is_set()
    assert not threads_of()


def test_a_full_queue_drops_the_oldest_and_counts_it():
    dropped: list[int] = []
    queue: LatestQueue[int] = LatestQueue(2, lambda: dropped.append(1))
    assert all(queue.put(number) for number in range(4))
    assert (queue.get(), queue.get(), queue.get(0)) == (2, 3, None)
    assert queue.dropped == len(dropped) == 2


def test_a_queue_that_waits_for_room_drops_nothing():
    queue: LatestQueue[int] = LatestQueue()
    adding = threading.Thread(target=lambda: [queue.put(n, wait=True) for n in range(20)])
    adding.start()
    assert [queue.get(5) for _ in range(20)] == list(range(20))
    adding.join()
    assert queue.dropped == 0


def test_a_closed_queue_gives_what_it_has_and_takes_nothing_more():
    queue: LatestQueue[int] = LatestQueue(2)
    queue.put(1)
    queue.close()
    assert not queue.put(2) and not queue.put(3, wait=True)
    assert not queue.exhausted
    assert (queue.get(), queue.get()) == (1, None)
    assert queue.exhausted


def test_pauses_grow_and_begin_again_after_a_success():
    pauses = RetryPauses()
    assert [pauses.next() for _ in range(8)] == [0.5, 1, 2, 4, 8, 15, 15, 15]
    pauses.reset()
    assert pauses.next() == 0.5

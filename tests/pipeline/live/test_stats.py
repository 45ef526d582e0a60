from __future__ import annotations

import pytest
from stylize_video.pipeline.live.stats import LiveStats


def test_rates_drops_latency_and_gaps():
    now = 0.0
    stats = LiveStats(lambda: now)
    for number in range(100):
        now = number / 50
        stats.count_captured()
        if number % 2:
            stats.count_output(now - (0.2 if number == 99 else 0.03))
        else:
            stats.count_dropped()
    reading = stats.read()
    assert reading.captured_fps == pytest.approx(50)
    assert reading.output_fps == pytest.approx(25)
    assert reading.dropped == 50
    assert reading.latency == pytest.approx(0.03)
    assert stats.summary() == {
        "output": 50, "dropped": 50, "p50": 30, "p95": 30, "p99": 200, "longest gap": 40,
    }  # fmt: skip


def test_nothing_yet_is_nought():
    stats = LiveStats()
    assert (stats.read().output_fps, stats.read().latency) == (0, 0)
    assert stats.summary()["output"] == 0


def test_a_rate_forgets():
    now = 0.0
    stats = LiveStats(lambda: now)
    for _ in range(100):
        now += 0.01
        stats.count_captured()
    now += 10
    assert stats.read().captured_fps == 0


def test_without_output_there_is_no_latency():
    assert LiveStats().summary() == {
        "output": 0, "dropped": 0, "p50": 0, "p95": 0, "p99": 0, "longest gap": 0,
    }  # fmt: skip

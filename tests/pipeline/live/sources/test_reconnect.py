from __future__ import annotations

import threading
import time
from collections.abc import Generator
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import numpy as np
import pytest
from stylize_video.pipeline.core import concurrency
from stylize_video.pipeline.core.errors import SourceError
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.live.audio import AudioBlock, AudioTimeline
from stylize_video.pipeline.live.sources import reconnect as reconnect
from stylize_video.pipeline.live.sources.reconnect import TIME_BASE, ReconnectingSource, SourceLost
from stylize_video.pipeline.live.sources.source import AudioChunk
from stylize_video.pipeline.live.stats import LiveStats
from stylize_video.pipeline.media.color import ColorTags
from stylize_video.pipeline.media.source import SourceInfo

MS = Fraction(1, 1000)
INFO = SourceInfo(
    "cam", 8, 8, MS, Fraction(25), None, Fraction(0), None, ColorTags(), Fraction(1), (), None
)


class Fake:
    """Gives so many frames, 40 ms apart from ``start`` on; then breaks, or ends."""

    info = INFO
    has_audio = True

    def __init__(
        self, count: int, broken: bool = True, reconnects: bool = True, start: int = 5000
    ) -> None:
        self.count, self.broken, self.reconnects, self.start = count, broken, reconnects, start
        self.closed = False

    def items(self) -> Generator[Frame | AudioChunk]:
        for number in range(self.count):
            pts = self.start + 40 * number
            sound = av.AudioFrame.from_ndarray(np.full((2, 1920), 0.5, np.float32), "fltp")
            sound.sample_rate = 48000
            yield AudioChunk(sound, pts * MS)
            yield Frame(np.zeros((8, 8, 3), np.uint8), pts, MS, captured=time.monotonic())
        if self.broken:
            raise SourceError("cam is unplugged")

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(concurrency, "RETRY_PAUSES", (0.05, 0.1))
    monkeypatch.setattr(reconnect, "_NOTICE_EVERY", 0.02)


def run(first: Fake, others: list[Any], stop: threading.Event | None = None, **options: Any):
    def reopen() -> Any:
        found = others.pop(0)
        if isinstance(found, SourceError):
            raise found
        return found

    blocks: list[AudioBlock] = []
    line = AudioTimeline(blocks.append)
    whole = ReconnectingSource(
        first, reopen, LiveStats(), line, stop or threading.Event(), **options
    )
    return whole, whole.items(), blocks


def test_what_breaks_is_opened_again_and_the_clock_goes_on():
    first, second = Fake(3), Fake(3, start=100)
    away = SourceError("cam is still away")
    whole, items, blocks = run(first, [away, second])
    got = []
    for item in items:
        got.append(item)
        if sum(isinstance(x, Frame) for x in got) == 6:
            break
    items.close()
    pts = [x.pts for x in got]
    assert pts == sorted(set(pts))
    assert first.closed and second.closed
    assert whole.lost == 1
    lost = [x for x in got if isinstance(x, SourceLost)]
    assert {x.reason for x in lost} == {"cam is unplugged", "cam is still away"}
    frames = [x for x in got if isinstance(x, Frame)]
    assert all(x.time_base == TIME_BASE for x in frames)
    assert [b.pts - a.pts for a, b in pairwise(frames[:3])] == [3600, 3600]
    # It was away for 0.15 s, and the clock says so; silence was heard meanwhile.
    assert 0.15 <= float(frames[3].time) < 5
    whole_line = np.concatenate([b.samples[0] for b in blocks])
    assert len(whole_line) >= (0.15 - 0.02) * 48000 + 3 * 1920  # it may be 20 ms off
    assert blocks[-1].end == blocks[0].start + len(whole_line)


def test_a_file_ends_and_a_loop_begins_again():
    _, items, _ = run(Fake(3, broken=False, reconnects=False), [])
    assert len(list(items)) == 3
    again = [Fake(2, broken=False, reconnects=False)]
    _, items, _ = run(Fake(2, broken=False, reconnects=False), again, loop=True)
    got = [next(items).pts for _ in range(4)]
    items.close()
    assert got == sorted(set(got))


def test_a_file_that_breaks_is_an_error():
    _, items, _ = run(Fake(2, reconnects=False), [])
    with pytest.raises(SourceError, match="unplugged"):
        list(items)


def test_it_stops_while_the_source_is_away():
    stop = threading.Event()
    _, items, _ = run(Fake(1), [SourceError("away")] * 50, stop)
    next(items)
    next(items)
    stop.set()
    assert list(items) == []


def test_sound_and_picture_keep_their_distance():
    _, items, blocks = run(Fake(5, broken=False, reconnects=False), [])
    frames = list(items)
    assert abs(float(frames[0].time) - blocks[0].start / 48000) < 0.001


@pytest.mark.parametrize("jump", [-60_000, 60_000_000])
def test_a_sender_that_restarts_with_another_clock(jump: int):
    class Restarted(Fake):
        def items(self) -> Generator[Frame | AudioChunk]:
            for start in (self.start, self.start + jump):
                self.start = start
                for item in super().items():
                    yield item
                    time.sleep(0.02)  # of two: 40 ms, as in life

    _, items, blocks = run(Restarted(5, broken=False, reconnects=False, start=100_000), [])
    times = [float(x.pts * TIME_BASE) for x in items]
    assert len(times) == 10
    assert times == sorted(set(times))
    assert times[-1] < 2
    assert sum(b.samples.shape[1] for b in blocks) > 8 * 1920
    assert blocks[-1].end < 2 * 48000

"""Live with a browser beside it: what reaches the screen of the program's own page, and its price.

``live.py page`` is its command line. The picture's number is drawn into it after it was painted,
and read back in the page, just before the browser draws: so every picture that is displayed is
counted, and its time is known.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from live_sender import write_number
from stylize_video.pipeline.core.config import Settings
from stylize_video.pipeline.core.frame import Yuv
from stylize_video.pipeline.live import run as run_module
from stylize_video.pipeline.live.outputs import web as web_module
from stylize_video.pipeline.live.outputs.output import OutputFrame
from stylize_video.pipeline.live.run import LiveStart, play_live
from stylize_video.pipeline.live.stats import LiveStats

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.helpers.browser import Tab, chromium

_CELL = 16  # px of a bit's side; see ``live_sender``
_BITS = 16
_ANSWER = 60.0  # seconds until the first frame is painted

_WATCH = """(() => {
  const across = %(bits)d / 2, canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [4 * across, 8];
  const drawing = canvas.getContext("2d", { willReadFrequently: true });
  const live = document.getElementById("live");
  let last = -1;
  window.seen = [];
  const look = () => {
    requestAnimationFrame(look);
    if (!live.naturalWidth) return;
    const cell = %(cell)d;
    drawing.drawImage(live, 0, 0, across * cell, 2 * cell, 0, 0, canvas.width, 8);
    const levels = drawing.getImageData(0, 0, canvas.width, 8).data;
    let number = 0;
    for (let bit = 0; bit < %(bits)d; bit++) {
      const x = 4 * (bit %% across) + 2, y = 4 * Math.floor(bit / across) + 2;
      if (levels[4 * (y * canvas.width + x)] > 127) number |= 1 << bit;
    }
    if (number !== last) window.seen.push([number, performance.timeOrigin + performance.now()]);
    last = number;
  };
  look();
})()"""


class _NotedStats(LiveStats):
    """Statistics that note when everything happened, seconds of ``time.monotonic``."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[float] = []
        self.missed: list[float] = []
        self.went: list[tuple[float, float, float]] = []
        """Time, capture, and the scale at which was painted."""

    def count_captured(self) -> None:
        super().count_captured()
        self.came.append(time.monotonic())

    def count_dropped(self) -> None:
        super().count_dropped()
        self.missed.append(time.monotonic())

    def count_output(self, captured: float) -> None:
        super().count_output(captured)
        self.went.append((time.monotonic(), captured, self.scale))


@dataclass
class _Numbers:
    """Draws a number into each picture of the page, and knows when it was captured."""

    captured: list[float] = field(default_factory=list)

    def compose(self, item: OutputFrame, *others: Any) -> Any:
        picture = self._compose(item, *others)
        if isinstance(picture, Yuv):
            picture = replace(picture, y=picture.y.copy())
            write_number(picture.y, len(self.captured))
        else:
            write_number(picture, len(self.captured))
        self.captured.append(item.frame.captured)
        return picture

    def __post_init__(self) -> None:
        self._compose = web_module.compose


@contextmanager
def _noted() -> Generator[tuple[list[_NotedStats], _Numbers]]:
    """The statistics and the numbers of the run that begins inside."""
    made, numbers = list[_NotedStats](), _Numbers()

    def make() -> _NotedStats:
        made.append(_NotedStats())
        return made[-1]

    run_module.LiveStats = make  # pyright: ignore[reportAttributeAccessIssue]
    web_module.compose = numbers.compose
    try:
        yield made, numbers
    finally:
        run_module.LiveStats = LiveStats
        web_module.compose = numbers._compose


@dataclass(frozen=True)
class _Used:
    """CPU seconds so far."""

    program: float
    browser: float
    machine: float

    @staticmethod
    def now() -> _Used:
        this = psutil.Process()
        others = this.children(recursive=True)  # the browser's processes alone
        busy = psutil.cpu_times()
        idle = busy.idle + getattr(busy, "iowait", 0.0)
        return _Used(_seconds(this), sum(map(_seconds, others)), sum(busy) - idle)


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


@dataclass
class _Watched:
    """What a browser beside the run has seen."""

    begin: float = 0.0
    """Of what counts, seconds of ``time.monotonic``."""
    end: float = 0.0
    used: tuple[_Used, _Used] | None = None
    seen: list[tuple[int, float]] = field(default_factory=list)
    """Numbers, and when each was displayed first."""
    shown_at: str = ""
    """Size of the page's picture: as it was sent, and as it is displayed."""
    failure: BaseException | None = None


class _Watching(threading.Thread):
    """Opens the page in a browser, lets it run, and ends the run.

    Args:
        program: path of Chromium.
        warm_up: seconds that do not count.
        seconds: that count.
        stop: set at the end.
    """

    def __init__(self, program: str, warm_up: float, seconds: float, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.result = _Watched()
        self._program = program
        self._warm_up, self._seconds = warm_up, seconds
        self._stop_run = stop
        self._addresses: tuple[str, ...] = ()
        self._there = threading.Event()

    def started(self, start: LiveStart) -> None:
        """The page is there."""
        self._addresses = start.pages
        self._there.set()

    def run(self) -> None:
        try:
            if not self._there.wait(_ANSWER):
                raise TimeoutError("no frame was painted")
            with chromium(self._program) as tab:
                self._watch(tab)
        except BaseException as error:  # noqa: BLE001 - raised by who waits for it
            self.result.failure = error
        finally:
            self._stop_run.set()

    def _watch(self, tab: Tab) -> None:
        tab.open(self._addresses[0])
        tab.until("document.getElementById('live').naturalWidth")
        tab.evaluate(_WATCH % {"cell": _CELL, "bits": _BITS})
        time.sleep(self._warm_up)
        result, before = self.result, _Used.now()
        result.begin = time.monotonic()
        time.sleep(self._seconds)
        result.end = time.monotonic()
        result.used = before, _Used.now()
        to_monotonic = time.monotonic() - time.time()
        result.seen = [(n, ms / 1000 + to_monotonic) for n, ms in tab.evaluate("window.seen")]
        result.shown_at = tab.evaluate(
            "(e => `${e.naturalWidth}x${e.naturalHeight} in ${e.width}x${e.height}`)"
            "(document.getElementById('live'))"
        )


def measure_page(
    clip: str, settings: Settings, program: str, warm_up: float, seconds: float
) -> dict[str, Any]:
    """Paint a clip to the page while a browser has it open.

    Args:
        clip: the file; ``settings`` repeat it in its own time.
        settings: of the run.
        program: path of Chromium.
        warm_up: seconds that do not count: the style is loaded, the size is found.
        seconds: that count.
    """
    stop = threading.Event()
    watching = _Watching(program, warm_up, seconds, stop)
    watching.start()
    with _noted() as (stats, numbers):
        play_live(clip, ["http://127.0.0.1:0"], settings, stop, on_start=watching.started)
        watching.join()
    if watching.result.failure is not None:
        raise watching.result.failure
    return _figures(stats[0], numbers, watching.result)


def _figures(stats: _NotedStats, numbers: _Numbers, watched: _Watched) -> dict[str, Any]:
    begin, end = watched.begin, watched.end
    went = [one for one in stats.went if begin <= one[0] < end]
    seen = [one for one in watched.seen if begin <= one[1] < end]
    scales = Counter(scale for _, _, scale in went)
    length = end - begin
    return {
        "seconds": round(length, 1),
        "frames": {
            "came in": sum(begin <= t < end for t in stats.came),
            "painted": len(went),
            "dropped": sum(begin <= t < end for t in stats.missed),
            "displayed by the browser": len(seen),
            "displayed, a second": round(len(seen) / length, 1),
        },
        "capture to output": _times([(now, captured) for now, captured, _ in went]),
        "capture to the browser's screen": _times(
            [(now, numbers.captured[n]) for n, now in seen if n < len(numbers.captured)]
        ),
        "painted at, of the sides": {
            f"{scale:.0%}": f"{count / len(went):.0%} of the frames"
            for scale, count in sorted(scales.items(), reverse=True)
        },
        "the page's picture": watched.shown_at,
        "cores in use": _cores(watched, len(went)),
    }


def _times(times: list[tuple[float, float]]) -> dict[str, float]:
    """Percentiles of the latency and the longest gap, ms; of (now, captured), seconds."""
    if len(times) < 2:
        return {}
    latencies = [1000 * (now - captured) for now, captured in times]
    values = np.percentile(latencies, (50, 95, 99)).round(1).tolist()
    gap = max(np.diff([now for now, _ in times])) * 1000
    named = dict(zip(("p50, ms", "p95, ms", "p99, ms"), values, strict=True))
    return {**named, "longest gap, ms": round(float(gap), 1)}


def _cores(watched: _Watched, frames: int) -> dict[str, float]:
    """Cores that were busy on average, and CPU milliseconds per frame that was painted."""
    assert watched.used is not None
    before, after = watched.used
    length = watched.end - watched.begin
    program, browser = after.program - before.program, after.browser - before.browser
    machine = after.machine - before.machine
    return {
        "this program": round(program / length, 2),
        "the browser": round(browser / length, 2),
        "everything else": round(max(0.0, machine - program - browser) / length, 2),
        "this program, core-ms per frame": round(1000 * program / max(1, frames), 1),
        "the browser, core-ms per frame": round(1000 * browser / max(1, frames), 1),
    }

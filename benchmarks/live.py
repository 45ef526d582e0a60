"""Live: how late the picture is, and what a switch of styles costs.

    python benchmarks/live.py latency --size 640x360 --rate 30 --seconds 30
    python benchmarks/live.py switch CLIP --size 640x360
    python benchmarks/live.py page CLIP --size 1280x720 --rate 30 --chromium /usr/bin/chromium

``latency``: another process (``live_sender.py``) sends frames with a number drawn into them, at
known times. Here they are read, painted and displayed in a window (Xvfb will do). The number is
read back from the source of the picture that is displayed. So ``sent to screen`` includes network,
decoding, painting and display; ``capture to output`` begins when a packet is read.

``page``: a clip is painted to the program's own page, which a real browser without a window has
open; see ``live_page.py``. What it prints of the browser's screen ends with the picture decoded and
about to be drawn: at most 17 ms are missing.

It prints JSON. How a live run lasts is measured by ``live_soak.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from jobs.clips import made
from live_page import measure_page
from live_sender import FILM_SECONDS, read_number, start_sender
from stylize_video.pipeline.core.config import Settings, checked
from stylize_video.pipeline.core.frame import Yuv
from stylize_video.pipeline.live import run as run_module
from stylize_video.pipeline.live.outputs import window as window_module
from stylize_video.pipeline.live.outputs.output import OutputFrame
from stylize_video.pipeline.live.relay import free_port
from stylize_video.pipeline.live.run import play_live


class _ScreenClock:
    """Notes for every picture in a window when it was displayed, and how long after it was sent.

    Args:
        began: when the first frame was sent, seconds of ``time.monotonic``.
        rate: frames per second.
    """

    def __init__(self, began: float, rate: int) -> None:
        self.latencies: list[float] = []
        """Milliseconds."""
        self.times: list[float] = []
        """Seconds since the first frame was sent."""
        self._began, self._rate = began, rate
        self._number = 0
        self._imshow, self._compose = cv2.imshow, window_module.compose
        window_module.cv2.imshow, window_module.compose = self._display, self._read

    def _read(self, item: OutputFrame, *others: Any) -> Any:
        source = item.frame.source
        self._number = read_number(source.y if isinstance(source, Yuv) else source)
        return self._compose(item, *others)

    def _display(self, title: str, bgr: Any) -> None:
        self._imshow(title, bgr)
        cv2.waitKey(1)  # now it is on the screen
        since = time.monotonic() - self._began
        self.times.append(since)
        self.latencies.append(1000 * ((since - self._number / self._rate) % FILM_SECONDS))


def live_settings(args: argparse.Namespace, **others: Any) -> Settings:
    """Settings by the command line of a benchmark and ``others``; ``None`` is the default."""
    values = {"style": args.style, "size": args.size, "steady": args.steady, **others}
    return checked(Settings, {k: v for k, v in values.items() if v is not None}, "benchmark")


def latency(args: argparse.Namespace) -> dict[str, Any]:
    """See the module's text."""
    url = f"udp://127.0.0.1:{free_port()}"
    sender, began = start_sender(url, args, args.seconds + 4)
    with sender:
        clock = _ScreenClock(began, args.rate)
        stop = threading.Event()
        timer = threading.Timer(args.seconds, stop.set)
        timer.start()
        try:
            settings = live_settings(args, fps_target=args.target)
            summary = play_live(url, ["window"], settings, stop)
        finally:
            timer.cancel()
            sender.kill()
    begin = len(clock.latencies) // 10  # the first frames wait while the program warms up
    latencies, times = clock.latencies[begin:], clock.times[begin:]
    between = (times[-1] - times[0]) / (len(times) - 1)
    percentiles = np.percentile(latencies, (50, 95, 99)).tolist()
    return {
        "sent to screen, ms": dict(zip(("p50", "p95", "p99"), percentiles, strict=True)),
        "frames": len(latencies),
        "frames/s": round(1 / between, 1),
        "ms between frames": round(1000 * between, 1),
        "capture to output": summary,
    }


@contextmanager
def _noted_controls() -> Generator[list[Any]]:
    """The controls of the run that begins inside, as soon as it has them."""
    made, controls = run_module.Controls, list[Any]()

    def make(*args: Any) -> Any:
        controls.append(made(*args))
        return controls[-1]

    run_module.Controls = make  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield controls
    finally:
        run_module.Controls = made


@contextmanager
def _noted_times() -> Generator[list[float]]:
    """When each picture of the window was displayed, seconds."""
    imshow, times = cv2.imshow, list[float]()

    def display(title: str, bgr: Any) -> None:
        imshow(title, bgr)
        times.append(time.monotonic())

    window_module.cv2.imshow = display
    try:
        yield times
    finally:
        window_module.cv2.imshow = imshow


def _play_and_switch(args: argparse.Namespace, every: float) -> list[float]:
    """When pictures were displayed, with a switch of styles every so many seconds; 0: none."""
    stop = threading.Event()
    with _noted_controls() as controls, _noted_times() as times:

        def press() -> None:
            while not stop.wait(every or 1.0):
                if every and controls:
                    controls[0].do("next")

        pressing = threading.Thread(target=press)
        timer = threading.Timer(args.seconds, stop.set)
        pressing.start()
        timer.start()
        play_live(args.clip, ["window"], live_settings(args, loop=True, realtime=True), stop)
        pressing.join()
    return times


def switch(args: argparse.Namespace) -> dict[str, Any]:
    """The longest gap between two frames, with a switch every two seconds and without."""
    results: dict[str, Any] = {}
    for name, every in (("without", 0.0), ("with", 2.0)):
        times = _play_and_switch(args, every)
        gaps = np.diff(times[len(times) // 10 :]) * 1000
        results[name] = {
            "longest gap, ms": round(float(gaps.max()), 1),
            "p99": round(float(np.percentile(gaps, 99)), 1),
            "frames/s": round(len(times) / args.seconds, 1),
        }
    return results


def page(args: argparse.Namespace) -> dict[str, Any]:
    """See the module's text."""
    rate = Fraction(args.rate)
    clip = made(args.clip, args.size, rate, 0, FILM_SECONDS * args.rate)
    settings = live_settings(
        args, loop=True, realtime=True, repaint=args.repaint, fps_target=args.target
    )
    figures = measure_page(clip, settings, args.chromium, args.warm_up, args.seconds)
    asked = {name: getattr(args, name) for name in ("clip", "size", "rate", "style", "steady")}
    return {**asked, **figures}


def add_options(parser: argparse.ArgumentParser, job: Callable[[Any], Any]) -> None:
    """Add the options that all live benchmarks have, and the job that they are for."""
    parser.set_defaults(job=job)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--rate", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--style", default="udnie")
    parser.add_argument("--steady", default="flow")


def print_result(result: dict[str, Any]) -> None:
    """Print JSON, with the machine."""
    print(json.dumps({**result, "machine": f"{os.cpu_count()} cores"}, indent=1))


def main() -> None:
    """Read the command line and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    latency_parser = commands.add_parser("latency")
    latency_parser.add_argument("--target", type=float, help="--fps-target of the run")
    add_options(latency_parser, latency)
    switch_parser = commands.add_parser("switch")
    switch_parser.add_argument("clip")
    add_options(switch_parser, switch)
    page_parser = commands.add_parser("page")
    page_parser.add_argument("clip")
    page_parser.add_argument("--repaint", help="--repaint of the run")
    page_parser.add_argument("--target", type=float, help="--fps-target of the run")
    page_parser.add_argument("--warm-up", type=float, default=10, help="seconds that do not count")
    page_parser.add_argument("--chromium", default=os.environ.get("STYLIZE_CHROMIUM", "chromium"))
    add_options(page_parser, page)
    args = parser.parse_args()
    if args.job is not page and not os.environ.get("DISPLAY"):
        parser.error("this measures a window: set DISPLAY, or run Xvfb")
    print_result(args.job(args))


if __name__ == "__main__":
    main()

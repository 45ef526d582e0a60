"""Live, for a long time: a stream that breaks again and again, to a receiver that stops reading.

    python benchmarks/live_soak.py --minutes 20 --cuts 10 --blocks 5

It prints JSON: how long it took until frames came again, and how memory, threads and file handles
grew.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
import psutil
from live import add_options, live_settings, print_result
from live_sender import start_sender
from stylize_video.pipeline.live.relay import free_port
from stylize_video.pipeline.live.run import play_live
from stylize_video.pipeline.live.stats import LiveStats

_FOREVER = 100_000.0  # seconds
_BROKEN = 8.0  # seconds that the stream is away
_BLOCKED = 10.0  # seconds that the receiver does not read
_WARM_UP = 2.0  # minutes that do not count


def receive(url: str) -> None:
    """Read a stream; print how many frames came, about every second."""
    with av.open(url, format="mpegts") as stream:
        printed = time.monotonic()
        for number, _ in enumerate(stream.decode(video=0)):
            if time.monotonic() - printed > 1:
                printed = time.monotonic()
                print(number, flush=True)


class _Receiver:
    """``receive`` in a process of its own, which can be stopped for a while."""

    def __init__(self, url: str) -> None:
        command = [sys.executable, __file__, "--receive", url]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.frames = 0
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.frames = int(line)

    def block(self, seconds: float) -> None:
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reading.join()


@dataclass(frozen=True)
class _Sample:
    """What was measured in one second."""

    minutes: float
    mib: float
    threads: int
    handles: int
    output_fps: float


class _Soak:
    """A live run, and a thread that disturbs it.

    Args:
        args: the command line.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._source = f"udp://127.0.0.1:{free_port()}"
        self._target = f"tcp://127.0.0.1:{free_port()}"
        self._receiver = _Receiver(f"{self._target}?listen=1")
        self._sender, _ = start_sender(self._source, args, _FOREVER)
        self._stop = threading.Event()
        self._process, self._began = psutil.Process(), time.monotonic()
        self.samples: list[_Sample] = []
        self.recovery: dict[str, list[float]] = {"cut": [], "blocked": []}
        """Seconds until frames came again."""

    def run(self) -> dict[str, float]:
        """Run to the end; what ``LiveStats.summary`` says."""
        disturbing = threading.Thread(target=self._disturb)
        disturbing.start()
        settings = live_settings(self._args, timeout=3)
        try:
            return play_live(
                self._source, [self._target], settings, self._stop, on_tick=self._sample
            )
        finally:
            disturbing.join()
            self._end_sender()
            self._receiver.end()

    def _sample(self, stats: LiveStats) -> None:
        process = self._process
        self.samples.append(
            _Sample(
                (time.monotonic() - self._began) / 60,
                process.memory_info().rss / 2**20,
                process.num_threads(),
                process.num_fds(),
                stats.read().output_fps,
            )
        )

    def _disturb(self) -> None:
        args = self._args
        cuts = [((i + 0.5) / args.cuts, self._cut) for i in range(args.cuts)]
        blocks = [((i + 1) / (args.blocks + 1), self._block) for i in range(args.blocks)]
        for fraction, disturb in sorted(cuts + blocks, key=lambda due: due[0]):
            due = self._began + fraction * 60 * args.minutes - 20
            self._stop.wait(max(0.0, due - time.monotonic()))
            disturb()
        self._stop.wait(max(0.0, 60 * args.minutes + self._began - time.monotonic()))
        self._stop.set()

    def _cut(self) -> None:
        self._end_sender()
        time.sleep(_BROKEN)
        self._sender, _ = start_sender(self._source, self._args, _FOREVER)
        self._time_until(lambda: self.samples[-1].output_fps > self._args.rate / 2, "cut")

    def _block(self) -> None:
        self._receiver.block(_BLOCKED)
        frames = self._receiver.frames + self._args.rate
        self._time_until(lambda: self._receiver.frames > frames, "blocked")

    def _time_until(self, condition: Callable[[], bool], name: str) -> None:
        began = time.monotonic()
        while not condition() and time.monotonic() - began < 60:
            time.sleep(0.2)
        self.recovery[name].append(round(time.monotonic() - began, 1))

    def _end_sender(self) -> None:
        self._sender.kill()
        self._sender.wait()


def soak(args: argparse.Namespace) -> dict[str, Any]:
    """See the module's text."""
    run = _Soak(args)
    summary = run.run()
    samples = [s for s in run.samples if s.minutes > _WARM_UP] or run.samples
    slope = np.polyfit([s.minutes for s in samples], [s.mib for s in samples], 1)[0]
    by_minute = [
        np.median([s.mib for s in run.samples if int(s.minutes) == minute] or [0])
        for minute in range(int(samples[-1].minutes) + 1)
    ]
    first, last = samples[0], samples[-1]
    return {
        "MiB by the minute": " ".join(f"{mib:.0f}" for mib in by_minute),
        "minutes": round(last.minutes, 1),
        "recovery, s": run.recovery,
        "MiB": [round(first.mib), round(last.mib)],
        "MiB/min": round(float(slope), 3),
        "threads": [first.threads, last.threads],
        "handles": [first.handles, last.handles],
        "summary": summary,
    }


def main() -> None:
    """Read the command line and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--cuts", type=int, default=10)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--receive", metavar="URL", help="only read this stream, and count frames")
    add_options(parser, soak)
    args = parser.parse_args()
    if args.receive:
        receive(args.receive)
    else:
        print_result(soak(args))


if __name__ == "__main__":
    main()

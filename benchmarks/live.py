"""Live: how late the picture is, what a switch of styles costs, and how it lasts.

    python benchmarks/live.py latency --size 640x360 --rate 30 --seconds 30
    python benchmarks/live.py switch CLIP --size 640x360
    python benchmarks/live.py soak --minutes 20 --cuts 10 --blocks 5

``latency``: another process sends frames with a number drawn into them as H.264 over UDP, at times
that are known; here they are read, painted and shown in a window (Xvfb will do). The number is read
back from the source of the very picture that is shown. So network, decoding, painting and showing
are all in ``sent to screen``; ``capture to show`` begins when a packet is read.

JSON on standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from itertools import count
from typing import Any

import cv2
import numpy as np
from stylize_video.pipeline.core.config import Settings, checked
from stylize_video.pipeline.core.frame import Yuv
from stylize_video.pipeline.live import run as live_module
from stylize_video.pipeline.live.outputs import window as window_module
from stylize_video.pipeline.live.outputs.output import OutputFrame
from stylize_video.pipeline.live.relay import free_port
from stylize_video.pipeline.live.run import play_live

_BITS = 16
_CELL = 16  # px of a bit's side: it outlasts encoding
_FILM = 10  # seconds, then it begins again


def write_number(rgb: Any, number: int) -> None:
    """Draw a number into the upper left corner, two rows of bits, white for 1."""
    for bit in range(_BITS):
        row, column = divmod(bit, _BITS // 2)
        level = 255 if number >> bit & 1 else 0
        top, left = row * _CELL, column * _CELL
        rgb[top : top + _CELL, left : left + _CELL] = level


def read_number(rgb: Any) -> int:
    """What ``write_number`` wrote."""
    found = 0
    for bit in range(_BITS):
        row, column = divmod(bit, _BITS // 2)
        top, left = row * _CELL + _CELL // 4, column * _CELL + _CELL // 4
        cell = rgb[top : top + _CELL // 2, left : left + _CELL // 2]
        found |= int(cell.mean() > 127) << bit
    return found


def _film(width: int, height: int, rate: int) -> list[Any]:
    """A moving picture with its frames' numbers in it, encoded beforehand: a camera has a chip."""
    import av

    options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(rate), "crf": "18"}
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate, context.options = Fraction(1, rate), rate, options
    blots = np.random.default_rng(0).integers(0, 256, (18, 32, 3), dtype=np.uint8)
    ground = cv2.resize(blots, (width, height), interpolation=cv2.INTER_CUBIC)
    packets: list[Any] = []
    for number in range(_FILM * rate):
        rgb = np.ascontiguousarray(np.roll(ground, 3 * number, axis=1))
        cv2.circle(rgb, (number * 5 % width, height // 2), height // 6, (220, 60, 40), -1)
        write_number(rgb, number)
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
        frame.pts, frame.time_base = number, Fraction(1, rate)
        packets += context.encode(frame)
    return packets


def send(args: argparse.Namespace) -> None:
    """The camera. Says when its first frame went, by the clock that all processes have."""
    import av

    width, height = map(int, args.size.split("x"))
    packets = _film(width, height, args.rate)
    with av.open(args.url, "w", format="mpegts", options={"flush_packets": "1"}) as out:
        stream: Any = out.add_stream("libx264", rate=args.rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        began = time.monotonic()
        print(began, flush=True)
        for number in count():
            due = began + number / args.rate
            if due - began > args.seconds:
                return
            time.sleep(max(0.0, due - time.monotonic()))
            again = av.Packet(bytes(packets[number % len(packets)]))
            again.stream, again.pts, again.dts = stream, number, number
            again.time_base = Fraction(1, args.rate)
            again.is_keyframe = number % args.rate == 0
            out.mux(again)


class _Looking:
    """Notes of every picture that a window shows when it was sent.

    Args:
        began: when the first was.
        rate: frames per second.
    """

    def __init__(self, began: float, rate: int) -> None:
        self.late: list[float] = []
        self.at: list[float] = []
        self._began, self._rate = began, rate
        self._number = 0
        self._shows, self._composes = cv2.imshow, window_module.compose
        window_module.cv2.imshow, window_module.compose = self._show, self._composed

    def _composed(self, shown: OutputFrame, *others: Any) -> Any:
        source = shown.frame.source
        self._number = read_number(source.y if isinstance(source, Yuv) else source)
        return self._composes(shown, *others)

    def _show(self, title: str, bgr: Any) -> None:
        self._shows(title, bgr)
        cv2.waitKey(1)  # now it is on the screen
        since = time.monotonic() - self._began
        self.at.append(since)
        self.late.append(1000 * ((since - self._number / self._rate) % _FILM))


def _settings(args: argparse.Namespace, **others: Any) -> Settings:
    asked = {"style": args.style, "size": args.size, "steady": args.steady, **others}
    return checked(Settings, {k: v for k, v in asked.items() if v is not None}, "benchmark")


def latency(args: argparse.Namespace) -> dict[str, Any]:
    """See the module's text."""
    url = f"udp://127.0.0.1:{free_port()}"
    command = [sys.executable, __file__, "send", url + "?pkt_size=1316", "--size", args.size]
    words = [*command, "--rate", str(args.rate), "--seconds", str(args.seconds + 4)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as sender:
        assert sender.stdout is not None
        looking = _Looking(float(sender.stdout.readline()), args.rate)
        stop = threading.Event()
        timer = threading.Timer(args.seconds, stop.set)
        timer.start()
        try:
            summary = play_live(url, ["window"], _settings(args, fps_target=args.target), stop)
        finally:
            timer.cancel()
            sender.kill()
    begin = len(looking.late) // 10  # until then something is still being made ready
    late, at = np.array(looking.late[begin:]), looking.at[begin:]
    between = (at[-1] - at[0]) / (len(at) - 1)
    parts = dict(
        zip(("p50", "p95", "p99"), np.percentile(late, (50, 95, 99)).tolist(), strict=True)
    )
    return {
        "sent to screen, ms": parts,
        "frames": len(late),
        "frames/s": round(1 / between, 1),
        "ms between frames": round(1000 * between, 1),
        "capture to show": summary,
    }


def switch(args: argparse.Namespace) -> dict[str, Any]:
    """The longest gap between two frames shown, with a switch every two seconds and without."""
    found: dict[str, Any] = {}
    for name, every in (("without", 0.0), ("with", 2.0)):
        shown: list[float] = []
        show = cv2.imshow

        def noted(title: str, bgr: Any, shown: list[float] = shown, show: Any = show) -> None:
            show(title, bgr)
            shown.append(time.monotonic())

        window_module.cv2.imshow = noted
        stop = threading.Event()
        controls: list[Any] = []
        made = live_module.Controls

        def kept(*words: Any, made: Any = made, controls: list[Any] = controls) -> Any:
            controls.append(made(*words))
            return controls[-1]

        live_module.Controls = kept  # pyright: ignore[reportAttributeAccessIssue]

        def press(
            every: float = every, stop: threading.Event = stop, controls: list[Any] = controls
        ) -> None:
            while not stop.wait(every or 1.0):
                if every and controls:
                    controls[0].do("next")

        pressing = threading.Thread(target=press)
        timer = threading.Timer(args.seconds, stop.set)
        pressing.start()
        timer.start()
        play_live(args.clip, ["window"], _settings(args, loop=True, realtime=True), stop)
        pressing.join()
        window_module.cv2.imshow, live_module.Controls = show, made
        gaps = np.diff(shown[len(shown) // 10 :]) * 1000
        found[name] = {
            "longest gap, ms": round(float(gaps.max()), 1),
            "p99": round(float(np.percentile(gaps, 99)), 1),
            "frames/s": round(len(shown) / args.seconds, 1),
        }
    return found


def receive(args: argparse.Namespace) -> None:
    """Who looks at a stream: prints how many frames came, every second."""
    import av

    with av.open(args.url, format="mpegts") as stream:
        told = time.monotonic()
        for number, _ in enumerate(stream.decode(video=0)):
            if time.monotonic() - told > 1:
                told = time.monotonic()
                print(number, flush=True)


class _Receiver:
    """That, in a process of its own, which can be held."""

    def __init__(self, url: str) -> None:
        command = [sys.executable, __file__, "receive", url]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.came = 0
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.came = int(line)

    def hold(self, seconds: float) -> None:
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reading.join()


def soak(args: argparse.Namespace) -> dict[str, Any]:
    """A stream that is cut again and again, to one that is held again and again; what grows."""
    import psutil

    here, there = free_port(), free_port()
    url = f"udp://127.0.0.1:{here}"
    words = [sys.executable, __file__, "send", url + "?pkt_size=1316", "--size", args.size]
    words += ["--rate", str(args.rate), "--seconds", "100000"]
    receiver = _Receiver(f"tcp://127.0.0.1:{there}?listen=1")
    sender = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    stop, me, began = threading.Event(), psutil.Process(), time.monotonic()
    samples: list[tuple[float, float, int, int, float]] = []
    back: dict[str, list[float]] = {"cut": [], "held": []}

    def tick(meter: Any) -> None:
        minutes = (time.monotonic() - began) / 60
        rss = me.memory_info().rss / 2**20
        samples.append((minutes, rss, me.num_threads(), me.num_fds(), meter.read().output_fps))

    def until(true: Any, name: str) -> None:
        since = time.monotonic()
        while not true() and time.monotonic() - since < 60:
            time.sleep(0.2)
        back[name].append(round(time.monotonic() - since, 1))

    def disturb() -> None:
        nonlocal sender
        cuts = [((i + 0.5) / args.cuts, "cut") for i in range(args.cuts)]
        blocks = [((i + 1) / (args.blocks + 1), "held") for i in range(args.blocks)]
        for at, what in sorted(cuts + blocks):
            stop.wait(max(0.0, at * 60 * args.minutes - 20 + began - time.monotonic()))
            if what == "cut":
                sender.kill()
                sender.wait()
                time.sleep(8)
                sender = subprocess.Popen(words, stdout=subprocess.DEVNULL)
                until(lambda: samples[-1][4] > args.rate / 2, "cut")
            else:
                receiver.hold(10)
                came = receiver.came
                until(lambda came=came: receiver.came > came + args.rate, "held")
        stop.wait(max(0.0, 60 * args.minutes + began - time.monotonic()))
        stop.set()

    disturbing = threading.Thread(target=disturb)
    disturbing.start()
    time.sleep(1)
    settings = _settings(args, timeout=3)
    summary = play_live(url, [f"tcp://127.0.0.1:{there}"], settings, stop, on_tick=tick)
    disturbing.join()
    sender.kill()
    sender.wait()
    receiver.end()
    late = [s for s in samples if s[0] > 2] or samples
    slope = np.polyfit([s[0] for s in late], [s[1] for s in late], 1)[0]
    minutes = range(int(samples[-1][0]) + 1)
    by_minute = [np.median([s[1] for s in samples if int(s[0]) == m] or [0]) for m in minutes]
    return {
        "MiB by the minute": " ".join(f"{mib:.0f}" for mib in by_minute),
        "minutes": round(samples[-1][0], 1),
        "back after, s": back,
        "MiB": [round(late[0][1]), round(late[-1][1])],
        "MiB/min": round(float(slope), 3),
        "threads": [late[0][2], late[-1][2]],
        "handles": [late[0][3], late[-1][3]],
        "summary": summary,
    }


def main() -> None:
    """Read the command line and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("send")
    one.add_argument("url")
    one.set_defaults(job=send)
    two = commands.add_parser("latency")
    two.add_argument("--target", type=float)
    two.set_defaults(job=latency)
    three = commands.add_parser("switch")
    three.add_argument("clip")
    three.set_defaults(job=switch)
    four = commands.add_parser("soak")
    four.add_argument("--minutes", type=float, default=20)
    four.add_argument("--cuts", type=int, default=10)
    four.add_argument("--blocks", type=int, default=5)
    four.set_defaults(job=soak)
    five = commands.add_parser("receive")
    five.add_argument("url")
    five.set_defaults(job=receive)
    for each in (one, two, three, four):
        each.add_argument("--size", default="640x360")
        each.add_argument("--rate", type=int, default=30)
        each.add_argument("--seconds", type=float, default=30)
        each.add_argument("--style", default="udnie")
        each.add_argument("--steady", default="flow")
    args = parser.parse_args()
    if args.job in (latency, switch) and not os.environ.get("DISPLAY"):
        parser.error("a window is measured: set DISPLAY, or run Xvfb")
    told = args.job(args)
    if told is not None:
        print(json.dumps({**told, "machine": f"{os.cpu_count()} cores"}, indent=1))


if __name__ == "__main__":
    main()

"""Live: how late the picture is, what a switch of styles costs, and how it lasts.

    python benchmarks/live.py latency --size 640x360 --rate 30 --seconds 30
    python benchmarks/live.py switch CLIP --size 640x360
    python benchmarks/live.py soak --minutes 20 --cuts 10 --blocks 5

``latency``: another process draws the time into frames and sends them as H.264 over UDP; here they
are read, painted and shown in a window (Xvfb will do). The time is read back from the very picture
that is shown; a mask keeps it from being painted. So encoding, network, decoding, painting and
showing are all in the figure; ``capture to show`` begins when a packet is read.

JSON on standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from stylize_video.pipeline import live as live_module
from stylize_video.pipeline import window as window_module
from stylize_video.pipeline.config import Settings, checked
from stylize_video.pipeline.live import play_live
from stylize_video.pipeline.relay import free_port

_BITS = 32  # of the clock, milliseconds
_CELL = 16  # px of a bit's side: it outlasts encoding


def write_clock(rgb: Any, milliseconds: int) -> None:
    """Draw the time into the upper left corner, two rows of bits, white for 1."""
    for bit in range(_BITS):
        row, column = divmod(bit, _BITS // 2)
        level = 255 if milliseconds >> bit & 1 else 0
        top, left = row * _CELL, column * _CELL
        rgb[top : top + _CELL, left : left + _CELL] = level


def read_clock(rgb: Any) -> int:
    """What ``write_clock`` wrote."""
    found = 0
    for bit in range(_BITS):
        row, column = divmod(bit, _BITS // 2)
        top, left = row * _CELL + _CELL // 4, column * _CELL + _CELL // 4
        cell = rgb[top : top + _CELL // 2, left : left + _CELL // 2]
        found |= int(cell.mean() > 127) << bit
    return found


def send(args: argparse.Namespace) -> None:
    """The camera: a moving picture with the time in it."""
    import av

    width, height = map(int, args.size.split("x"))
    y, x = np.mgrid[0:height, 0:width]
    with av.open(args.url, "w", format="mpegts", options={"flush_packets": "1"}) as out:
        options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(args.rate), "crf": "18"}
        stream: Any = out.add_stream("libx264", rate=args.rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        began, number = time.monotonic(), 0
        ground = np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], axis=-1)
        ground = ground.astype(np.uint8)
        while time.monotonic() - began < args.seconds:
            due = began + number / args.rate
            time.sleep(max(0.0, due - time.monotonic()))
            rgb = np.ascontiguousarray(np.roll(ground, 3 * number, axis=1))
            cv2.circle(rgb, (number * 5 % width, height // 2), height // 6, (220, 60, 40), -1)
            write_clock(rgb, round(time.monotonic() * 1000) & 0xFFFFFFFF)
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, args.rate)
            out.mux(stream.encode(frame))
            number += 1


class _Looking:
    """Reads the clock of every picture that a window shows."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self._shows = cv2.imshow

    def __call__(self, title: str, bgr: Any) -> None:
        self._shows(title, bgr)
        cv2.waitKey(1)  # now it is on the screen
        now = round(time.monotonic() * 1000) & 0xFFFFFFFF
        late = now - read_clock(bgr)
        if 0 <= late < 20_000:
            self.late.append(late)


def _settings(args: argparse.Namespace, **others: Any) -> Settings:
    asked = {"style": args.style, "size": args.size, "steady": args.steady, **others}
    return checked(Settings, {k: v for k, v in asked.items() if v is not None}, "benchmark")


def latency(args: argparse.Namespace) -> dict[str, Any]:
    """See the module's text."""
    url = f"udp://127.0.0.1:{free_port()}"
    width, height = map(int, args.size.split("x"))
    looking = _Looking()
    window_module.cv2.imshow = looking
    with tempfile.TemporaryDirectory() as folder:
        mask = np.full((height, width), 255, np.uint8)
        mask[: 2 * _CELL, : _BITS // 2 * _CELL] = 0
        cv2.imwrite(f"{folder}/mask.png", mask)
        command = [sys.executable, __file__, "send", url + "?pkt_size=1316", "--size", args.size]
        words = [*command, "--rate", str(args.rate), "--seconds", str(args.seconds + 4)]
        with subprocess.Popen(words) as sender:
            time.sleep(1)
            stop = threading.Event()
            timer = threading.Timer(args.seconds, stop.set)
            quiet = {"mask": f"{folder}/mask.png", "mask_feather": 0, "fps_target": args.target}
            timer.start()
            try:
                summary = play_live(url, ["window"], _settings(args, **quiet), stop)
            finally:
                timer.cancel()
                sender.kill()
    late = np.array(looking.late[len(looking.late) // 10 :])
    parts = dict(
        zip(("p50", "p95", "p99"), np.percentile(late, (50, 95, 99)).tolist(), strict=True)
    )
    return {
        "clock to screen, ms": parts,
        "frames": len(late),
        "frames/s": round(len(looking.late) / args.seconds, 1),
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
    sender = subprocess.Popen(words)
    stop, me, began = threading.Event(), psutil.Process(), time.monotonic()
    samples: list[tuple[float, float, int, int, float]] = []
    back: dict[str, list[float]] = {"cut": [], "held": []}

    def tick(meter: Any) -> None:
        minutes = (time.monotonic() - began) / 60
        rss = me.memory_info().rss / 2**20
        samples.append((minutes, rss, me.num_threads(), me.num_fds(), meter.read().shown))

    def until(true: Any, name: str) -> None:
        since = time.monotonic()
        while not true() and time.monotonic() - since < 60:
            time.sleep(0.2)
        back[name].append(round(time.monotonic() - since, 1))

    def disturb() -> None:
        nonlocal sender
        events = sorted([(i + 0.5) / args.cuts, "cut"] for i in range(args.cuts)) + sorted(
            [(i + 1) / (args.blocks + 1), "held"] for i in range(args.blocks)
        )
        for at, what in sorted(events, key=lambda e: float(e[0])):
            stop.wait(max(0.0, float(at) * 60 * args.minutes - 20 + began - time.monotonic()))
            if what == "cut":
                sender.kill()
                sender.wait()
                time.sleep(8)
                sender = subprocess.Popen(words)
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
    return {
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

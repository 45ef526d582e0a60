"""A camera for the live benchmarks: frames with their number drawn into them, as H.264 over UDP.

    python benchmarks/live_sender.py udp://127.0.0.1:5000?pkt_size=1316 --seconds 30

Frames are sent at known times. It prints when the first one was sent, by ``time.monotonic``, which
all processes of a machine share.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from fractions import Fraction
from itertools import count
from typing import Any

import av
import cv2
import numpy as np

FILM_SECONDS = 10
"""Length of the film; then it begins again."""

_BITS = 16
_CELL = 16  # px of a bit's side: it survives encoding


def write_number(rgb: Any, number: int) -> None:
    """Draw a number into the upper left corner: two rows of bits, white for 1.

    Args:
        rgb: (H, W, 3) uint8, 0–255, RGB; changed in place.
        number: below 65536.
    """
    for bit in range(_BITS):
        row, column = divmod(bit, _BITS // 2)
        level = 255 if number >> bit & 1 else 0
        top, left = row * _CELL, column * _CELL
        rgb[top : top + _CELL, left : left + _CELL] = level


def read_number(picture: Any) -> int:
    """The number that ``write_number`` drew; of (H, W, 3) RGB or (H, W) luma, uint8, 0–255."""
    number = 0
    for bit in range(_BITS):
        row, column = divmod(bit, _BITS // 2)
        top, left = row * _CELL + _CELL // 4, column * _CELL + _CELL // 4
        cell = picture[top : top + _CELL // 2, left : left + _CELL // 2]
        number |= int(cell.mean() > 127) << bit
    return number


def _sender_command(url: str, args: argparse.Namespace, seconds: float) -> list[str]:
    """The command line of a sender with the size and rate of ``args``."""
    command = [sys.executable, __file__, url + "?pkt_size=1316", "--size", args.size]
    return [*command, "--rate", str(args.rate), "--seconds", str(seconds)]


def start_sender(
    url: str, args: argparse.Namespace, seconds: float
) -> tuple[subprocess.Popen[str], float]:
    """Start a sender and wait for its first frame; with the time of that, ``time.monotonic``."""
    sender = subprocess.Popen(
        _sender_command(url, args, seconds), stdout=subprocess.PIPE, text=True
    )
    assert sender.stdout is not None
    return sender, float(sender.stdout.readline())


def _encode_film(width: int, height: int, rate: int) -> list[Any]:
    """A moving picture with numbered frames; encoded beforehand, as a camera has a chip for it."""
    options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(rate), "crf": "18"}
    context: Any = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate, context.options = Fraction(1, rate), rate, options
    noise = np.random.default_rng(0).integers(0, 256, (18, 32, 3), dtype=np.uint8)
    background = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    packets: list[Any] = []
    for number in range(FILM_SECONDS * rate):
        rgb = np.ascontiguousarray(np.roll(background, 3 * number, axis=1))
        cv2.circle(rgb, (number * 5 % width, height // 2), height // 6, (220, 60, 40), -1)
        write_number(rgb, number)
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
        frame.pts, frame.time_base = number, Fraction(1, rate)
        packets += context.encode(frame)
    return packets


def send(url: str, size: tuple[int, int], rate: int, seconds: float) -> None:
    """Send the film again and again.

    Args:
        url: where.
        size: (width, height), px.
        rate: frames per second.
        seconds: to send for.
    """
    packets = _encode_film(*size, rate)
    with av.open(url, "w", format="mpegts", options={"flush_packets": "1"}) as out:
        stream: Any = out.add_stream("libx264", rate=rate)
        (stream.width, stream.height), stream.pix_fmt = size, "yuv420p"
        began = time.monotonic()
        print(began, flush=True)
        for number in count():
            due = began + number / rate
            if due - began > seconds:
                return
            time.sleep(max(0.0, due - time.monotonic()))
            packet = av.Packet(bytes(packets[number % len(packets)]))
            packet.stream, packet.pts, packet.dts = stream, number, number
            packet.time_base = Fraction(1, rate)
            packet.is_keyframe = number % rate == 0
            out.mux(packet)


def main() -> None:
    """Read the command line and send."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--rate", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=30)
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    send(args.url, (width, height), args.rate, args.seconds)


if __name__ == "__main__":
    main()

"""Random damage to every kind of input: ``python -m tests.fuzz 500``, or ``make fuzz``.

Each case is one file, damaged in one to three ways, and the command that reads it. It is painted,
or refused in one line. A traceback, a crash, a hang and gigabytes are faults; the exit code counts
them, and ``--keep FOLDER`` keeps their files. Cases depend on nothing but their number.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from stylize_video.cli.main import main as command
from stylize_video.pipeline import plan as _plan  # noqa: F401 - loaded once, not in each case
from stylize_video.pipeline import render as _render  # noqa: F401
from stylize_video.pipeline.core.config import default_config
from stylize_video.pipeline.imaging.lut import identity, write_cube

from .helpers.onnx_files import write_contract_model
from .helpers.video import moving_scene

LONGEST = 60  # s for a case, on a machine that has other work too
MOST_MEMORY = 4 << 30  # bytes of address space
MOST_RESIDENT = 1 << 30  # bytes in use

CONTAINERS = {
    "mp4": ("libx264", "yuv420p", "aac"),
    "mov": ("libx264", "yuv420p", "pcm_s16le"),
    "mkv": ("libx264", "yuv420p", "ac3"),
    "webm": ("libvpx-vp9", "yuv420p", "libopus"),
    "ts": ("libx264", "yuv420p", "mp2"),
    "avi": ("mpeg4", "yuv420p", "pcm_s16le"),
    "gif": ("gif", "rgb8", None),
}
PICTURES = ("png", "jpg", "webp", "tif", "bmp")
KINDS = (*CONTAINERS, *PICTURES, "onnx", "cube", "yaml")


@dataclass(frozen=True)
class Ended:
    """How a case ended."""

    outcome: str
    seconds: float
    resident: int
    """Bytes in use at the peak."""
    printed: str

    @property
    def is_fault(self) -> bool:
        """Whether it may not end so."""
        return self.outcome.isupper()


# ---- files ----


def write_video(path: Path, codec: str, pixels: str, sound: str | None) -> None:
    """Write a clip of 15 frames, with a tone."""
    with av.open(path, "w") as out:
        video: Any = out.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, pixels
        audio: Any = out.add_stream(sound, rate=48000) if sound else None
        for number, rgb in enumerate(moving_scene(15)):
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio is not None:
            tone = np.sin(np.arange(28800) / 10).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(tone, format="flt", layout="mono")
            frame.rate = 48000
            out.mux(audio.encode(frame))
            out.mux(audio.encode(None))


def write_whole(folder: Path) -> dict[str, bytes]:
    """One undamaged file of each kind; the table and the picture of the commands stay there."""
    for kind, how in CONTAINERS.items():
        write_video(folder / f"whole.{kind}", *how)
    for kind in PICTURES:
        cv2.imwrite(str(folder / f"whole.{kind}"), moving_scene(1)[0])
    write_contract_model(folder / "whole.onnx")
    write_cube(identity(5), folder / "whole.cube", "identity")
    (folder / "whole.yaml").write_text(default_config(), encoding="utf-8")
    return {kind: (folder / f"whole.{kind}").read_bytes() for kind in KINDS}


# ---- damage ----


def damage(data: bytes, chance: random.Random) -> bytes:
    """A file's bytes, damaged in one to three ways."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        if made:
            chance.choice(_WAYS)(made, chance)
    return bytes(made)


def _block(data: bytearray, chance: random.Random) -> slice:
    start = chance.randrange(len(data))
    return slice(start, min(len(data), start + chance.choice((1, 4, 16, 64, 256, 1024))))


def _flip(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 3, 20, 200))):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _flip_in_head(data: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 3, 10))):
        data[chance.randrange(min(len(data), 200))] = chance.randrange(256)


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def _zero(data: bytearray, chance: random.Random) -> None:
    place = _block(data, chance)
    data[place] = bytes(place.stop - place.start)


def _drop(data: bytearray, chance: random.Random) -> None:
    del data[_block(data, chance)]


def _repeat(data: bytearray, chance: random.Random) -> None:
    place = _block(data, chance)
    data[place.start : place.start] = data[place]


def _swap(data: bytearray, chance: random.Random) -> None:
    one, other = _block(data, chance), _block(data, chance)
    data[one], data[other] = data[other], data[one]


def _length(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(data))
    value = chance.choice((0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))
    data[place : place + 4] = value.to_bytes(4, chance.choice(("big", "little")))


_WAYS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip, _flip_in_head, _cut, _zero, _drop, _repeat, _swap, _length,
)  # fmt: skip


# ---- running ----


def words_for(kind: str, file: Path, folder: Path) -> list[str]:
    """What is typed to have a file read."""
    table, picture = folder / "whole.cube", folder / "whole.png"
    if kind in CONTAINERS:
        return ["run", f"{file}", f"{folder / 'o.mkv'}", "--style", f"{table}", "--overwrite"]
    out = f"{folder / 'o.png'}"
    if kind in PICTURES:
        return ["run", f"{file}", out, "--style", f"{table}", "--overwrite"]
    if kind == "yaml":
        return ["run", f"{picture}", out, "--config", f"{file}", "--overwrite", "--plan"]
    return ["run", f"{picture}", out, "--style", f"{file}", "--overwrite"]


def run_case(words: list[str], log: Path) -> Ended:
    """Run the command in a fork of this process, which has loaded all libraries."""
    began = time.monotonic()
    child = os.fork()
    if not child:
        _be_the_command(words, log)
    while True:
        ended, status, usage = os.wait4(child, os.WNOHANG)
        seconds = time.monotonic() - began
        if ended:
            break
        if seconds > LONGEST:
            os.kill(child, 9)
            ended, status, usage = os.wait4(child, 0)
            return Ended("HANG", seconds, usage.ru_maxrss << 10, log.read_text("utf-8", "replace"))
        time.sleep(0.005)
    printed = log.read_text("utf-8", "replace")
    resident = usage.ru_maxrss << 10
    return Ended(_outcome(status, printed, resident), seconds, resident, printed)


def _outcome(status: int, printed: str, resident: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    lines = printed.splitlines()
    errors = [line for line in lines if line.startswith("stylize-video: ")]
    if code < 0:
        return "CRASH"
    if "Traceback" in printed:
        return "TRACEBACK"
    if resident > MOST_RESIDENT:
        return "MEMORY"
    if code == 0:
        return "painted with a note" if "note: " in printed else "painted"
    if code == 3:
        return "painted, a stream is missing"
    if code != 1 or len(errors) != 1 or lines[-1] != errors[0]:
        return "NOT ONE LINE"
    return "broke off, the frames before are kept" if " are in " in errors[0] else "refused"


def _be_the_command(words: list[str], log: Path) -> None:
    code = 70
    try:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        sys.argv = ["stylize-video", *words]
        command()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - this is what is looked for
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Run the cases, print what became of them, and end with the number of faults."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int, nargs="?", default=500)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--keep", type=Path, help="folder for the files of faults")
    asked = parser.parse_args()
    outcomes: Counter[tuple[str, str]] = Counter()
    faults = list[str]()
    slowest, largest = (0.0, ""), (0, "")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = write_whole(folder)
        for number in range(asked.first, asked.first + asked.count):
            chance = random.Random(number)
            kind = KINDS[number % len(KINDS)]
            file = folder / f"damaged.{kind}"
            file.write_bytes(damage(whole[kind], chance))
            ended = run_case(words_for(kind, file, folder), folder / "log")
            case = f"{number} ({kind})"
            outcomes[_group(kind), ended.outcome] += 1
            slowest = max(slowest, (ended.seconds, case))
            largest = max(largest, (ended.resident, case))
            if ended.is_fault:
                faults.append(f"case {case}: {ended.outcome}\n{ended.printed[-1500:]}")
                if asked.keep is not None:
                    asked.keep.mkdir(parents=True, exist_ok=True)
                    (asked.keep / f"{number}.{kind}").write_bytes(file.read_bytes())
    for (group, outcome), count in sorted(outcomes.items()):
        sys.stdout.write(f"{group:10} {outcome:38} {count:5}\n")
    sys.stdout.write(f"longest: {slowest[0]:.1f} s, case {slowest[1]}\n")
    sys.stdout.write(f"largest: {largest[0] / 1e6:.0f} MB, case {largest[1]}\n")
    sys.stdout.write(("\n".join(faults) or f"no fault in {asked.count} cases") + "\n")
    sys.exit(min(len(faults), 100))


def _group(kind: str) -> str:
    return "video" if kind in CONTAINERS else "picture" if kind in PICTURES else kind


if __name__ == "__main__":
    main()

"""``producer | stylize-video - - | reader``: frames, times and sound, by PyAV on both sides."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ..helpers.command import plain_environment
from ..helpers.pictures import psnr
from ..helpers.video import Pictures, moving_scene, packets, read_video, write_clip

COUNT = 60
_RUN = "from stylize_video.cli.main import main; main()"
LOSSLESS = ("--crf", 0, "--encoder-option", "pix_fmt=yuv444p")


@dataclass
class Read:
    """What a reader of a film found."""

    frames: Pictures = field(default_factory=list[Any])
    times: list[Fraction] = field(default_factory=list[Fraction])
    samples: int = 0
    sound: list[bytes] = field(default_factory=list[bytes])


Process = subprocess.Popen[bytes]
Start = Callable[..., Process]


@pytest.fixture
def start(identity: Path) -> Iterator[Start]:
    """Starts the command with pipes at all three streams; what still runs at the end is killed."""
    style = ["--style", str(identity), "--steady", "off", "--device", "cpu"]
    pipe = subprocess.PIPE
    with ExitStack() as started:

        def begin(*words: object, cwd: Path | None = None) -> Process:
            command = [sys.executable, "-c", _RUN, *map(str, words), *style]
            process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=pipe, env=plain_environment(), cwd=cwd
            )
            started.callback(end, process)
            return process

        yield begin


def end(process: Process) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with suppress(OSError):
                stream.close()


def feed(process: Process, data: bytes) -> threading.Thread:
    """Write into standard input from a thread, as a producer does."""
    assert process.stdin is not None
    pipe = process.stdin

    def write() -> None:
        try:
            with pipe:
                pipe.write(data)
        except OSError:
            pass

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def read(file: Any, **how: Any) -> Read:
    found = Read()
    with av.open(file, "r", **how) as container:
        for packet in container.demux():
            if packet.stream.type == "audio" and packet.size:
                found.sound.append(bytes(packet))
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    found.frames.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
                    found.times.append(Fraction((frame.pts or 0) * (frame.time_base or 0)))
                elif isinstance(frame, av.AudioFrame):
                    found.samples += frame.samples
    return found


class _Stream:
    """A pipe without a way back, as FFmpeg sees it."""

    def __init__(self, file: Any) -> None:
        self.read = file.read


def ended(process: Process, code: int = 0) -> str:
    assert process.stderr is not None and process.stdout is not None
    errors = process.stderr.read().decode()
    assert process.wait(60) == code, errors
    assert "Traceback" not in errors
    return errors


def clip(folder: Path, name: str) -> Path:
    """The test's film as it can be piped."""
    if name == "streamable.mp4":
        whole = write_clip(folder / "whole.mkv", moving_scene(COUNT))
        options = {"movflags": "empty_moov+frag_keyframe"}
        with av.open(whole) as a, av.open(folder / name, "w", options=options) as b:
            streams = {s.index: b.add_stream_from_template(s) for s in a.streams}
            for packet in a.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    b.mux(packet)
        return folder / name
    if name == "film.y4m":
        with av.open(folder / name, "w", format="yuv4mpegpipe") as out:
            video: Any = out.add_stream("rawvideo", rate=25)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv444p"
            for number, rgb in enumerate(moving_scene(COUNT)):
                frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv444p")
                frame.pts = number
                out.mux(video.encode(frame))
        return folder / name
    return write_clip(folder / name, moving_scene(COUNT))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("film.mkv", "matroska"),
        ("film.nut", "nut"),
        ("film.ts", "mpegts"),
        ("streamable.mp4", "nut"),
    ],
)
def test_a_film_comes_through_with_its_times_and_sound(
    start: Start, tmp_path: Path, name: str, written: str
):
    source = clip(tmp_path, name)
    frames, times = read_video(source)
    heard = [data for _, data in packets(source, "audio")]
    process = start("-", "-", "--format", written, *LOSSLESS)
    thread = feed(process, source.read_bytes())
    found = read(_Stream(process.stdout))
    thread.join()
    errors = ended(process)
    assert f"wrote standard output: {COUNT} frames" in errors
    begin = found.times[0] - times[0] if written == "mpegts" else 0
    tick = Fraction(1, 1000) if written == "matroska" else Fraction(1, 90000)
    assert max(abs(a - b - begin) for a, b in zip(found.times, times, strict=True)) <= tick
    assert min(psnr(a, b) for a, b in zip(found.frames, frames, strict=True)) > 45
    assert all(b in a or a in b for a, b in zip(found.sound, heard, strict=True))


def test_raw_pictures_go_in_and_out(start: Start):
    scene = moving_scene(20)
    data = b"".join(rgb.tobytes() for rgb in scene)
    process = start("-", "-", "--raw", "64x48", "--fps", 30, "--format", "rgb24")
    thread = feed(process, data)
    assert process.stdout is not None
    assert process.stdout.read() == data
    thread.join()
    ended(process)


def test_y4m_goes_in_and_out(start: Start, tmp_path: Path):
    source = clip(tmp_path, "film.y4m")
    process = start("-", "-", "--format", "y4m")
    thread = feed(process, source.read_bytes())
    found = read(_Stream(process.stdout), format="yuv4mpegpipe")
    thread.join()
    ended(process)
    assert found.times == [Fraction(number, 25) for number in range(COUNT)]
    assert len(found.frames) == COUNT


def test_a_pipe_becomes_a_file_and_a_file_a_pipe(start: Start, tmp_path: Path):
    source = clip(tmp_path, "film.mkv")
    process = start("-", tmp_path / "out.mp4", "--start", 0.5, *LOSSLESS)
    feed(process, source.read_bytes()).join()
    ended(process)
    frames, times = read_video(tmp_path / "out.mp4")
    wanted, moments = read_video(source)
    first = next(number for number, moment in enumerate(moments) if moment >= Fraction(1, 2))
    assert times[0] == 0 and len(frames) == COUNT - first
    assert psnr(frames[0], wanted[first]) > 45
    assert packets(tmp_path / "out.mp4", "audio")
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    process = start(tmp_path / "out.mp4", "-")
    found = read(_Stream(process.stdout))
    ended(process)
    assert len(found.frames) == len(frames)
    assert found.sound == [data for _, data in packets(tmp_path / "out.mp4", "audio")]


def test_frames_appear_as_they_are_painted(start: Start):
    """A producer that goes on only when it has seen some of its first frames again."""
    scene = moving_scene(90)
    process = start("-", "-", "--raw", "64x48", "--format", "rgb24")
    assert process.stdin is not None and process.stdout is not None
    pipe, seen = process.stdin, threading.Event()

    def produce() -> None:
        pipe.write(b"".join(rgb.tobytes() for rgb in scene[:60]))
        pipe.flush()
        if seen.wait(30):
            pipe.write(b"".join(rgb.tobytes() for rgb in scene[60:]))
        pipe.close()

    producer = threading.Thread(target=produce)
    producer.start()
    size = scene[0].nbytes
    first = process.stdout.read(20 * size)
    assert producer.is_alive()
    seen.set()
    rest = process.stdout.read()
    producer.join()
    assert first + rest == b"".join(rgb.tobytes() for rgb in scene)
    ended(process)


@pytest.mark.parametrize("written", ["matroska", "y4m"])
def test_a_reader_that_goes_ends_the_run_quietly(start: Start, tmp_path: Path, written: str):
    source = clip(tmp_path, "film.mkv")
    process = start(source, "-", "--format", written, "--quiet")
    assert process.stdout is not None
    assert len(process.stdout.read(1000)) == 1000
    process.stdout.close()
    assert process.stderr is not None
    errors = process.stderr.read().decode()
    assert process.wait(60) in (141, 0) if written == "matroska" else process.wait(60) == 141
    assert errors == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_a_silent_producer_does_not_hold_up_a_stop(start: Start, tmp_path: Path):
    """SIGTERM finishes the file with what has come."""
    source = clip(tmp_path, "film.ts")
    process = start("-", tmp_path / "out.mp4")
    assert process.stdin is not None and process.stderr is not None
    process.stdin.write(source.read_bytes())
    process.stdin.flush()
    for line in process.stderr:
        if line.startswith(b"painting:"):
            break
    time.sleep(0.5)
    process.terminate()
    assert "holds the first" in ended(process, 130)
    assert 30 < len(read_video(tmp_path / "out.mp4")[0]) <= COUNT


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")
def test_a_named_pipe_is_a_pipe(start: Start, tmp_path: Path):
    source = clip(tmp_path, "film.mkv")
    os.mkfifo(tmp_path / "fifo")
    process = start(tmp_path / "fifo", tmp_path / "out.mp4")
    (tmp_path / "fifo").write_bytes(source.read_bytes())
    ended(process)
    assert len(read_video(tmp_path / "out.mp4")[0]) == COUNT


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no /dev/stdin")
def test_a_file_that_the_shell_opens_is_read_as_a_file(identity: Path, tmp_path: Path):
    source = clip(tmp_path, "film.mp4")  # its index is at its end
    words = ["-", tmp_path / "out.mp4", "--style", identity, "--steady", "off"]
    with source.open("rb") as file:
        command = [sys.executable, "-c", _RUN, *map(str, words)]
        subprocess.run(command, stdin=file, check=True, capture_output=True, timeout=60)
    assert packets(tmp_path / "out.mp4", "audio") == packets(source, "audio")


REFUSED: dict[str, tuple[list[object], str]] = {
    "no name": (["-"], "type OUTPUT too"),
    "preview": (["-", "out.mp4", "--preview", 1], "--preview does not apply: it needs the whole"),
    "key frames": (["-", "out.mp4", "--method", "gatys"], "--method gatys does not apply"),
    "progress": (["in.mkv", "-", "--json-progress"], "standard output is the film"),
    "raw file": (["in.mkv", "out.mp4", "--raw", "64x48"], "--raw 64x48 does not apply"),
    "format": (["in.mkv", "out.mp4", "--format", "nut"], "--format nut does not apply"),
    "crf": (["in.mkv", "-", "--format", "y4m", "--crf", 3], "--crf 3 does not apply"),
    "raw size": (["-", "out.mp4", "--raw", "720p"], "write width and height"),
    "no film": (["-", "out.mp4"], "pipe y4m, NUT, Matroska, MPEG-TS or streamable MP4"),
    "raw start": (["-", "o.mp4", "--raw", "4x4", "--start", 1], "--start 1 does not apply"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_pipe_can_not_do_is_refused(start: Start, tmp_path: Path, case: str):
    words, told = REFUSED[case]
    if "in.mkv" in words:
        write_clip(tmp_path / "in.mkv", moving_scene(3))
    process = start(*words, cwd=tmp_path)
    feed(process, bytes(4000)).join()
    errors = ended(process, 1)
    assert told in errors
    assert len([line for line in errors.splitlines() if line.startswith("stylize-video:")]) == 1
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_terminal_is_no_pipe(identity: Path, tmp_path: Path):
    import pty

    source = clip(tmp_path, "film.mkv")
    cases: list[tuple[list[object], str, Callable[[int], dict[str, Any]]]] = [
        ([source, "-"], "standard output is a terminal", lambda end: {"stdout": end}),
        (["-", tmp_path / "o.mp4"], "standard input is a terminal", lambda end: {"stdin": end}),
    ]
    for words, told, streams in cases:
        ours, theirs = pty.openpty()
        command = [sys.executable, "-c", _RUN, *map(str, words), "--style", str(identity)]
        done = subprocess.run(
            command, **streams(theirs), stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
        os.close(ours)
        os.close(theirs)
        assert done.returncode == 1
        assert told in done.stderr


def test_a_part_of_a_pipe_keeps_its_sound_in_a_pipe(start: Start, tmp_path: Path):
    source = clip(tmp_path, "film.nut")
    process = start("-", "-", "--format", "nut", "--start", 0.5, "--end", 1.5)
    feed(process, source.read_bytes()).join()
    found = read(_Stream(process.stdout))
    ended(process)
    assert len(found.frames) == 30
    assert found.times[0] < 0.025  # NUT has no times before zero: sound that begins there is first
    assert found.samples == pytest.approx(48000, abs=2048)

"""Live runs end to end: real sources and sinks, on this machine's own addresses."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from stylize_video.pipeline.core.config import Settings, checked
from stylize_video.pipeline.core.errors import SettingsError, SinkError, SourceError
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.live.names import is_live
from stylize_video.pipeline.live.open import open_mask
from stylize_video.pipeline.live.relay import free_port
from stylize_video.pipeline.live.run import play_live

from ...helpers.command import run_command, start_process
from ...helpers.pictures import psnr
from ...helpers.threads import assert_ended, threads_of
from ...helpers.video import MakeClip, moving_scene, read_video

RATE = 48000


def settings(identity: Path, **values: Any) -> Settings:
    live = {"style": str(identity), "device": "cpu", "steady": "off", "styles": (str(identity),)}
    return checked(Settings, {**live, **values}, "test")


def flash_and_beep(path: Path, seconds: int = 4) -> Path:
    """White for two frames, and a beep, at the beginning of every second but the first."""
    with av.open(path, "w") as out:
        video: Any = out.add_stream("libx264", rate=25, options={"bf": "0", "g": "25"})
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        sound: Any = out.add_stream("aac", rate=RATE)
        blocks = av.AudioResampler("fltp", "stereo", RATE, frame_size=1024)  # as AAC wants them
        time = np.arange(seconds * RATE) / RATE
        beeps = (time % 1 < 0.08) & (time >= 1)
        tone = (0.5 * np.sin(2 * np.pi * 1000 * time) * beeps).astype(np.float32)
        for number in range(seconds * 25):
            lit = number % 25 < 2 and number >= 25
            rgb = np.full((240, 320, 3), 255 if lit else 20, np.uint8)
            rgb[:, : 2 * (number % 100)] //= 2
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(video.encode(frame))
            heard = tone[number * 1920 : (number + 1) * 1920]
            for start in range(0, 1920, 640):
                piece = np.stack([heard[start : start + 640]] * 2)
                audio = av.AudioFrame.from_ndarray(piece, "fltp", "stereo")
                audio.sample_rate, audio.pts = RATE, number * 1920 + start
                audio.time_base = Fraction(1, RATE)
                for one in blocks.resample(audio):
                    out.mux(sound.encode(one))
        out.mux(video.encode(None))
        out.mux(sound.encode(None))
    return path


def moments(path: str, **options: Any) -> tuple[list[float], list[float]]:
    """When it flashes, and when it beeps, seconds."""
    flashes: list[float] = []
    beeps: list[float] = []
    with av.open(path, **options) as container, suppress(av.FFmpegError):  # a stream just stops
        lit = False
        last_loud = -1.0
        for packet in container.demux(container.streams.video[0], container.streams.audio[0]):
            for frame in packet.decode():
                if isinstance(frame, av.VideoFrame):
                    level = float(frame.to_ndarray(format="gray")[:, 250:].mean())
                    if level > 128 and not lit:
                        flashes.append(float(frame.pts * frame.time_base))  # pyright: ignore
                    lit = level > 128
                    continue
                values: NDArray[Any] = np.abs(frame.to_ndarray()[0])
                loud = np.flatnonzero(values > 0.1)
                for at in loud:
                    moment = float(frame.pts * frame.time_base) + at / RATE  # pyright: ignore
                    if moment - last_loud > 0.3:
                        beeps.append(moment)
                    last_loud = moment
    return flashes, beeps


def in_step(flashes: list[float], beeps: list[float], least: int = 2, lost: int = 0) -> bool:
    """Each flash has its beep, but for so many that UDP may have lost."""
    whole = [flash for flash in flashes if flash > flashes[0] + 0.5]  # the first may be cut
    off = [min(abs(beep - flash) for beep in beeps) for flash in whole]
    heard = [distance for distance in off if distance < 0.5]
    assert len(heard) >= max(least, len(off) - lost), (flashes, beeps)
    assert max(heard) <= 0.06, (flashes, beeps)
    return True


@pytest.mark.parametrize(
    ("source", "output", "live"),
    [
        ("0", "out.mp4", True),
        ("camera:Logitech", "out.mp4", True),
        ("in.mp4", "window", True),
        ("in.mp4", "camera:", True),
        ("in.mp4", "rtmp://here/x", True),
        ("in.mp4", "out.m3u8", True),
        ("rtsp://there/x", "out.mp4", True),
        ("screen:", "out.mp4", True),
        ("in.mp4", "out.mp4", False),
        ("in.mp4", "frames/", False),
        ("shots/%04d.png", "out.mp4", False),
    ],
)
def test_what_is_live(source: str, output: str, live: bool):
    assert is_live(source, output, checked(Settings, {}, "test")) is live


def test_a_file_at_its_own_speed_is_recorded_with_its_sound_in_step(identity: Path, tmp_path: Path):
    clip = flash_and_beep(tmp_path / "in.mp4")
    out = tmp_path / "out.mkv"
    began = time.monotonic()
    made = settings(identity, realtime=True, policy="sync", bitrate="4M")
    summary = play_live(str(clip), [str(out)], made, threading.Event())
    assert 3.5 < time.monotonic() - began < 20
    assert summary["output"] == 100
    assert summary["dropped"] == 0
    flashes, beeps = moments(str(out))
    assert in_step(flashes, beeps)
    frames, times = read_video(out)
    assert len(frames) == 100
    assert abs(float(times[-1] - times[0]) - 99 / 25) < 0.005
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "out.mkv"]


def test_pictures_are_what_they_were(make_clip: MakeClip, identity: Path, tmp_path: Path):
    clip = make_clip(frames=moving_scene(20, 128, 96), audio=False)
    out = tmp_path / "out.mp4"
    made = settings(identity, realtime=True, policy="sync", bitrate="20M")
    play_live(str(clip), [str(out)], made, threading.Event())
    before, after = read_video(clip)[0], read_video(out)[0]
    assert len(after) == 20
    assert min(psnr(a, b) for a, b in zip(after, before, strict=True)) > 30


@pytest.mark.slow
def test_a_stream_in_and_a_stream_and_a_playlist_out(identity: Path, tmp_path: Path):
    clip = flash_and_beep(tmp_path / "in.mp4", 9)
    here, there = free_port(), free_port()
    stop = threading.Event()
    received: list[tuple[list[float], list[float]]] = []

    def receive() -> None:
        address = f"udp://127.0.0.1:{there}?timeout=2500000"
        while not received and not stop.is_set():
            with suppress(av.FFmpegError):  # nothing is sent yet
                received.append(moments(address, timeout=12))

    sender = sending(here, stop, clip)
    receiver = threading.Thread(target=receive)
    receiver.start()
    outputs = [f"udp://127.0.0.1:{there}", str(tmp_path / "live.m3u8")]
    play_live(f"udp://127.0.0.1:{here}", outputs, settings(identity, timeout=2), stop)
    sender.join()
    receiver.join()
    assert in_step(*received[0], lost=1)
    assert in_step(*moments(str(tmp_path / "live.m3u8")), lost=1)


def send(clip: Path, address: str) -> None:
    """The file's packets at their own speed."""
    with av.open(clip) as source, av.open(address, "w", format="mpegts") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in source.streams}
        began = time.monotonic()
        for packet in source.demux():
            if packet.dts is None:
                continue
            due = began + float(packet.dts * packet.time_base)
            time.sleep(max(0.0, due - time.monotonic()))
            packet.stream = streams[packet.stream.index]
            out.mux(packet)


def to(port: int) -> str:
    return f"udp://127.0.0.1:{port}?pkt_size=1316"


def sending(port: int, stop: threading.Event, *steps: Path | float) -> threading.Thread:
    """Sends the clips, pauses for the seconds, then sets ``stop``."""

    def run() -> None:
        for step in steps:
            if isinstance(step, Path):
                send(step, to(port))
            else:
                time.sleep(step)
        stop.set()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.slow
def test_a_stream_that_is_cut_comes_back(identity: Path, tmp_path: Path):
    clip = flash_and_beep(tmp_path / "in.mp4", 6)
    port = free_port()
    stop = threading.Event()

    sender = sending(port, stop, clip, 2.5, clip)
    out = tmp_path / "out.mkv"
    made = settings(identity, timeout=1)
    play_live(f"udp://127.0.0.1:{port}", [str(out)], made, stop)
    sender.join()
    flashes, beeps = moments(str(out))
    assert in_step(flashes, beeps, lost=1)
    last = int(np.argmax(np.diff(flashes)))
    gone, back = flashes[last] + 1, flashes[last + 1]
    assert back - gone > 1, flashes  # it was away, and the clock went on
    assert sum(gone < time < back for time in read_video(out)[1]) > 4  # and so did the picture


def test_a_source_that_has_gone_silent_does_not_hold_up_the_end(identity: Path, tmp_path: Path):
    clip = flash_and_beep(tmp_path / "in.mp4", 4)
    port = free_port()
    stop = threading.Event()

    sender = sending(port, stop, clip, 0.5)
    out = tmp_path / "out.mkv"
    play_live(f"udp://127.0.0.1:{port}", [str(out)], settings(identity, timeout=40), stop)
    sender.join()
    assert len(read_video(out)[0]) > 10
    assert threads_of("prefetch")  # it waits, we do not
    send(clip, to(port))
    assert_ended(threads_of("prefetch"))


def test_a_source_that_never_answers_does_not_hold_up_the_end(identity: Path, tmp_path: Path):
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    out = tmp_path / "out.mkv"
    source = to(free_port())
    summary = play_live(source, [str(out)], settings(identity, timeout=40), stop)
    assert summary["output"] == 0
    assert not out.exists()
    assert threads_of("background")
    send(flash_and_beep(tmp_path / "in.mp4", 2), source)
    assert_ended(threads_of("background"))


def test_the_command_stops_cleanly_and_tells_how_it_went(
    make_clip: MakeClip, identity: Path, tmp_path: Path
):
    clip = make_clip(frames=moving_scene(30, 128, 96))
    out = tmp_path / "out.mp4"
    words = [clip, out, "--realtime", "--loop", "--style", identity, "--styles", identity]
    with start_process(*words, "--json-progress", "--device", "cpu") as process:
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline()) for _ in range(4)]
        process.send_signal(signal.SIGINT)
        lines += [json.loads(line) for line in process.stdout]
    assert process.returncode == 130
    assert lines[-1]["event"] == "done"
    assert lines[-1]["output"] > 5
    assert [x for x in lines if x["event"] == "live"][-1]["output_fps"] > 3
    assert len(read_video(out)[0]) == lines[-1]["output"]


def test_a_window_without_a_screen_is_one_line(make_clip: MakeClip):
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = run_command(make_clip(), "window", env=env)
    assert done.returncode == 1
    assert "there is no screen here" in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_can_not_be_is_refused_before_anything_is_opened(
    make_clip: MakeClip, identity: Path, tmp_path: Path
):
    clip, stop = str(make_clip()), threading.Event()

    def refused(kind: type[Exception], match: str, *outputs: str, **values: Any) -> None:
        with pytest.raises(kind, match=match):
            play_live(clip, outputs, settings(identity, **values), stop)

    refused(SinkError, "is no live output", "ftp://x/y")
    refused(SinkError, "exists; add --overwrite", clip)
    refused(SinkError, "needs pyvirtualcam", "camera:")
    refused(SinkError, "does not exist", str(tmp_path / "no" / "x.m3u8"))
    refused(SettingsError, "--start is for files", "x.m3u8", start="1")
    refused(SettingsError, "key frames are painted slowly", "x.m3u8", method="gatys")
    refused(SettingsError, "is no folder", "x.mkv", save_to=tmp_path / "none")
    with pytest.raises(SourceError, match="no live source"):
        play_live("nothing.mp4", [str(tmp_path / "x.mkv")], settings(identity), stop)
    with pytest.raises(SourceError, match=r"rtmp://127.0.0.1:1/x can't be opened: Connection ref"):
        play_live("rtmp://127.0.0.1:1/x", [str(tmp_path / "x.mkv")], settings(identity), stop)
    with pytest.raises(SourceError, match="camera 77 can't be opened"):
        play_live("77", [str(tmp_path / "x.mkv")], settings(identity), stop)


def test_pictures_and_recordings_are_taken(make_clip: MakeClip, identity: Path, tmp_path: Path):
    """By the page, as a user would."""
    import urllib.request

    clip = make_clip(frames=moving_scene(60, 128, 96))
    takes, port, stop = tmp_path / "takes", free_port(), threading.Event()
    takes.mkdir()

    def press() -> None:
        for action, pause in (("snapshot", 0.5), ("record", 1.5), ("record", 0.5)):
            body = json.dumps({"action": action}).encode()
            headers = {"X-Stylize-Video": "1"}
            address = f"http://127.0.0.1:{port}/do"
            urllib.request.urlopen(urllib.request.Request(address, body, headers)).close()
            time.sleep(pause)
        stop.set()

    presser = threading.Timer(0, press)
    made = settings(identity, realtime=True, loop=True, save_to=takes)
    play_live(
        str(clip), [f"http://127.0.0.1:{port}"], made, stop, on_start=lambda _: presser.start()
    )
    presser.join()
    kinds = sorted(p.suffix for p in takes.iterdir())
    assert kinds == [".mkv", ".png"]
    recorded = next(takes.glob("*.mkv"))
    assert 5 < len(read_video(recorded)[0]) < 80


def test_a_recording_that_can_not_be_written_ends_the_run(
    make_clip: MakeClip, identity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clip = make_clip(frames=moving_scene(60, 128, 96))
    made = settings(identity, realtime=True, loop=True)
    out = tmp_path / "gone" / "out.mkv"
    out.parent.mkdir()
    with pytest.raises(SinkError, match=r"out.mkv can't be opened"):
        play_live(
            str(clip), [str(out)], made, threading.Event(), on_start=lambda _: None,
            on_tick=lambda _: out.parent.exists() and out.parent.rmdir(),
        )  # fmt: skip


def test_sync_records_every_frame(make_clip: MakeClip, identity: Path, tmp_path: Path):
    clip = make_clip(frames=moving_scene(40, 320, 240), audio=False)
    out = tmp_path / "out.mkv"
    slow = {"policy": "sync", "codec": "libx264", "encoder_option": {"preset": "veryslow"}}
    play_live(str(clip), [str(out)], settings(identity, **slow), threading.Event())
    assert len(read_video(out)[0]) == 40


def test_a_masks_edge_is_soft_here_too(make_clip: MakeClip, tmp_path: Path, identity: Path):
    picture = np.zeros((96, 128), np.uint8)
    picture[:, 64:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), picture)
    made = settings(identity, mask=str(tmp_path / "mask.png"), mask_feather=20)
    mask = open_mask(made, (96, 128))
    assert mask is not None
    found = mask(Frame(np.zeros((96, 128, 3), np.uint8), 0, Fraction(1, 25)))
    assert 90 < found[48, 64] < 165 and found[48, 0] == 0 and found[48, -1] == 255

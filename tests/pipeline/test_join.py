"""The join: whatever becomes of sound and subtitles, the picture is never lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.packet import Packet
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.media import feeds, mux
from stylize_video.pipeline.media.source_file import SourceFile
from stylize_video.pipeline.media.streams import plan_streams

from ..helpers.command import run_command
from ..helpers.video import MakeClip, moving_scene, packets, read_video

COUNT = 15
"""Frames of a clip, at 25 a second."""

ENCODERS = {
    "aac": "stereo",
    "ac3": "5.1(side)",
    "alac": "stereo",
    "eac3": "stereo",
    "flac": "stereo",
    "libmp3lame": "mono",
    "libopus": "stereo",
    "mp2": "stereo",
    "pcm_s16le": "stereo",
    "pcm_s24le": "7.1",
    "wavpack": "5.1",
}
"""Encoder of sound → a layout."""


def settings(identity: Path, **values: Any) -> Settings:
    return checked(
        Settings, {"style": str(identity), "device": "cpu", "steady": "off", **values}, "test"
    )


def with_sound(path: Path, encoder: str, layout: str = "stereo", rate: int = 48000) -> Path:
    """A clip whose sound is a tone as long as its picture."""
    with av.open(path, "w") as out:
        video: Any = out.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound: Any = out.add_stream(encoder, rate=rate)
        sound.codec_context.layout = layout
        sound.codec_context.open(strict=False)
        for number, rgb in enumerate(moving_scene(COUNT)):
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame.pts = number
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for frame in tone(layout, rate, sound.codec_context):
            out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
    return path


def tone(layout: str, rate: int, context: Any) -> Iterable[av.AudioFrame]:
    time = np.arange(rate * COUNT // 25) / rate
    wave = (0.2 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    channels = len(av.AudioLayout(layout).channels)
    whole = av.AudioFrame.from_ndarray(np.repeat(wave, channels)[None], "flt", layout)
    whole.rate, whole.pts = rate, 0
    size = context.frame_size or 1024
    resampler = av.AudioResampler(context.format, layout, rate, frame_size=size)
    return [*resampler.resample(whole), *resampler.resample(None)]


def seconds_of_sound(path: Path) -> float | None:
    """``None``: the file has none."""
    with av.open(path) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        return sum(f.samples for f in container.decode(stream)) / stream.rate


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm", ".ts", ".gif"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_no_sound_costs_the_picture(identity: Path, tmp_path: Path, encoder: str, ending: str):
    clip = with_sound(tmp_path / "in.mkv", encoder, ENCODERS[encoder])
    out = tmp_path / f"out{ending}"
    result = stylize(clip, out, settings(identity))
    assert result.losses == ()
    assert len(read_video(out)[0]) == COUNT
    seconds = seconds_of_sound(out)
    if ending == ".gif":
        assert seconds is None
    else:
        assert seconds == pytest.approx(COUNT / 25, abs=0.06)


@pytest.mark.parametrize("ending", [".mp4", ".webm", ".ts", ".mov", ".mkv"])
@pytest.mark.parametrize("rate", [8000, 44100])
def test_sound_whose_layout_has_no_name_is_kept(
    identity: Path, tmp_path: Path, ending: str, rate: int
):
    """As in every AVI: two channels, and nothing says which."""
    clip = with_sound(tmp_path / "in.avi", "pcm_s16le", rate=rate)
    with av.open(clip) as container:
        assert container.streams.audio[0].layout.name == "2 channels"
    out = tmp_path / f"out{ending}"
    assert stylize(clip, out, settings(identity)).losses == ()
    # AAC adds up to two frames of silence.
    assert seconds_of_sound(out) == pytest.approx(COUNT / 25, abs=max(0.1, 2048 / rate))


def test_sound_that_changes_half_way_is_encoded_to_its_end(tmp_path: Path, identity: Path):
    """A joined transport stream: stereo at 48 kHz, then mono at 32 kHz."""
    parts = [
        with_sound(tmp_path / "a.ts", "mp2", "stereo", 48000),
        with_sound(tmp_path / "b.ts", "mp2", "mono", 32000),
    ]
    clip = tmp_path / "in.ts"
    clip.write_bytes(b"".join(part.read_bytes() for part in parts))
    with av.open(clip) as container, av.open(tmp_path / "out.webm", "w") as out:
        stream = container.streams.audio[0]
        feed = feeds.open_feed(stream, out, "libopus")
        end = 0
        for packet in container.demux(stream):
            if packet.pts is not None:
                packet.pts = packet.dts = max(end, packet.pts)
                end = packet.pts + (packet.duration or 0)
            for produced in feed(packet):
                out.mux(produced)
    assert seconds_of_sound(tmp_path / "out.webm") == pytest.approx(2 * COUNT / 25, abs=0.15)


def test_damaged_sound_is_encoded_and_stays_in_step(tmp_path: Path, identity: Path):
    clip = with_sound(tmp_path / "whole.mkv", "flac")
    data = bytearray(clip.read_bytes())
    middle = data.find(packets(clip, "audio")[3][1][:64])
    data[middle + 8 : middle + 900] = bytes(892)
    broken = tmp_path / "broken.mkv"
    broken.write_bytes(data)
    result = stylize(broken, tmp_path / "out.webm", settings(identity))
    assert result.losses == ()
    last, _ = packets(tmp_path / "out.webm", "audio")[-1]
    assert float(last) > COUNT / 25 - 0.1


def failing_after(count: int) -> Callable[..., feeds.Feed]:
    """``open_feed``, but each feed fails after so many packets; at 0, when it is opened."""

    def open_feed(*given: Any) -> feeds.Feed:
        if not count:
            raise av.ArgumentError(22, "no such sound")
        whole, left = feeds.open_feed(*given), [count]

        def feed(packet: Packet) -> Iterable[Packet]:
            left[0] -= 1
            if left[0] < 0:
                raise av.InvalidDataError(1, "bad sound")
            return whole(packet)

        return feed

    return open_feed


@pytest.mark.parametrize(("count", "why"), [(0, "no such sound"), (5, "it ends early: bad sound")])
def test_what_fails_at_the_join_costs_that_stream_alone(
    make_clip: MakeClip,
    identity: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    why: str,
):
    clip, out = make_clip(), tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    monkeypatch.setattr(mux, "open_feed", failing_after(count))
    words = ["--style", identity, "--steady", "off", "--overwrite"]
    done = run_command(clip, out, *words)
    assert done.returncode == 3
    # What lacks something takes no whole file's place.
    assert out.read_bytes() == b"precious"
    assert len(read_video(tmp_path / "out-2.mp4")[0]) == 30
    last = done.stderr.splitlines()[-1]
    assert "out-2.mp4: 30 frames" in last
    assert last.endswith(f"; missing: audio stream 1 (aac): {why}")


def test_packets_that_a_container_refuses_are_dropped_and_counted(
    make_clip: MakeClip, identity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Packets that are displayed before they are decoded."""

    def doubling(*given: Any) -> feeds.Feed:
        whole = feeds.open_feed(*given)

        def feed(packet: Packet) -> Iterable[Packet]:
            for produced in whole(packet):
                yield produced
                again = Packet(bytes(produced))
                again.stream, again.time_base = produced.stream, produced.time_base
                again.pts, again.dts = produced.pts, (produced.pts or 0) + 10
                yield again

        return feed

    monkeypatch.setattr(mux, "open_feed", doubling)
    result = stylize(make_clip(), tmp_path / "out.mp4", settings(identity))
    (line,) = result.losses
    assert line.startswith("audio stream 1 (aac): ")
    assert line.endswith(" packets that could not be written")
    assert len(read_video(tmp_path / "out.mp4")[0]) == 30


def test_a_header_that_all_streams_together_spoil_is_written_without_them(
    make_clip: MakeClip, identity: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clip = make_clip(subtitles=True)

    def spoiled(stream: Any, out: Any, *how: Any) -> feeds.Feed:
        if stream.type == "subtitle":
            out.add_attachment("font.ttf", "font/ttf", b"font")  # MP4 fails at its header
        return feeds.open_feed(stream, out, *how)

    monkeypatch.setattr(mux, "open_feed", spoiled)
    result = stylize(clip, tmp_path / "out.mp4", settings(identity))
    assert packets(tmp_path / "out.mp4", "audio") == packets(clip, "audio")
    (line,) = result.losses
    assert line.startswith("subtitle stream 2 (mov_text): ")


def test_a_fragment_takes_no_older_files_place(
    make_clip: MakeClip, identity: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    out = tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    stop = threading.Event()
    result = stylize(
        make_clip(),
        out,
        settings(identity, overwrite=True),
        on_frame=lambda frame: stop.set(),
        stop=stop,
    )
    assert result.stopped and result.output == tmp_path / "out-2.mp4"
    assert out.read_bytes() == b"precious"
    assert len(read_video(result.output)[0]) == result.frames
    assert "is whole, the new one not, and was not replaced" in caplog.text


def with_lines(path: Path, rate: int, count: int, lines: dict[int, int]) -> Path:
    """A Matroska film with lines of text, begin → duration, ms."""
    with av.open(path, "w") as out:
        video: Any = out.add_stream("mpeg4", rate=rate)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        words: Any = out.add_stream("srt")
        words.codec_context.subtitle_header = b"[Script Info]\n\n[Events]\n"
        words.time_base = words.codec_context.time_base = Fraction(1, 1000)
        for number, rgb in enumerate(moving_scene(count)):
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame.pts = number
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        for begin, duration in lines.items():
            packet = Packet(f"line {begin}".encode())
            packet.stream, packet.time_base = words, Fraction(1, 1000)
            packet.pts = packet.dts = begin
            packet.duration = duration
            out.mux(packet)
    return path


def test_a_stream_that_begins_late_is_planned_from_its_header(tmp_path: Path):
    path = with_lines(tmp_path / "late.mkv", 1, 20, {15000: 1000})
    (plan,) = plan_streams(SourceFile(path), "matroska")
    assert plan.line == "subtitle stream 1 (srt) is copied (planned from its header alone)"


@pytest.mark.parametrize("ending", [".mkv", ".mp4", ".webm"])
def test_lines_are_clipped_to_the_cut(identity: Path, tmp_path: Path, ending: str):
    """One stands at the start, one lies inside, one at the end, one is over before."""
    lines = {0: 500, 900: 2500, 3000: 500, 4500: 3000}
    film = with_lines(tmp_path / "in.mkv", 10, 80, lines)
    cut = tmp_path / f"out{ending}"
    stylize(film, cut, settings(identity, start="2", end="5"))
    start, both = (0.0, 1.4, "line 900"), (1.0, 1.5, "line 3000")
    wanted = [start, both, (2.5, 3.0, "line 4500")]
    if ending == ".mp4":  # it shows one sample at a time
        together = (1.0, 1.4, "line 900|line 3000")
        wanted[:2] = [(0.0, 1.0, "line 900"), together, (1.4, 1.5, "line 3000")]
    assert lines_of(cut) == wanted


def lines_of(path: Path) -> list[tuple[float, float, str]]:
    """(begin, end, text) of the lines of a film's subtitles, seconds."""
    found: list[tuple[float, float, str]] = []
    with av.open(path) as container:
        stream = container.streams.subtitles[0]
        for packet in container.demux(stream):
            if packet.pts is None or (said := stream.codec_context.decode2(packet)) is None:
                continue
            text = "|".join(rect.dialogue.decode().replace("\n", "|").strip("|") for rect in said)  # pyright: ignore[reportAttributeAccessIssue]
            begin, base = float(packet.pts * packet.time_base), packet.time_base
            end = begin + float((packet.duration or 0) * base)
            if text:
                found.append((round(begin, 3), round(end, 3), text.replace("\\N", "|")))
    return found

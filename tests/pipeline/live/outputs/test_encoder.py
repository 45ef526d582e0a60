"""What goes out encoded, of a live picture: read back by FFmpeg."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from stylize_video.pipeline.core.config import Settings, checked
from stylize_video.pipeline.core.errors import SinkError
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.live.audio import RATE, AudioBlock
from stylize_video.pipeline.live.outputs.encoder import EncodedOutput
from stylize_video.pipeline.live.outputs.output import OutputFrame
from stylize_video.pipeline.live.outputs.target import (
    StreamFormat,
    check_target,
    stream_encoding,
    target_of,
)
from stylize_video.pipeline.media.color import BT709

from ....helpers.pictures import psnr
from ....helpers.video import moving_scene, read_video


def settings(**values: Any) -> Settings:
    return checked(Settings, values, "test")


def recorded(path: Path, width: int, height: int, has_audio: bool = False, **values: Any) -> Path:
    """A second of a moving scene, with a tone where sound is asked for."""
    target = target_of(str(path))
    assert target is not None
    shape = StreamFormat(width, height, Fraction(25), None, has_audio)
    out = EncodedOutput(target, shape, settings(**{"bitrate": "8M", **values}))
    time = np.arange(RATE // 25) / RATE
    for number, rgb in enumerate(moving_scene(25, width, height)):
        out.write_frame(OutputFrame(Frame(rgb, number * 3600, Fraction(1, 90000), painted=rgb)))
        tone = 0.3 * np.sin(2 * np.pi * 1000 * (time + number / 25))
        out.write_audio(AudioBlock(np.stack([tone, tone]).astype(np.float32), number * RATE // 25))
    out.close()
    return path


@pytest.mark.parametrize(
    ("name", "form", "reconnects", "remote"),
    [
        ("rtmp://here/live/x", "flv", True, True),
        ("udp://here:9000", "mpegts", True, True),
        ("srt://here:9000", "mpegts", True, True),
        ("rtsp://here/x", "rtsp", True, True),
        ("whip://here/x", "whip", True, True),
        ("out/live.m3u8", "hls", True, False),
        ("out.mkv", "matroska", False, False),
    ],
)
def test_where_it_goes(name: str, form: str, reconnects: bool, remote: bool):
    target = target_of(name)
    assert target is not None
    assert (target.form, target.reconnects, target.remote) == (form, reconnects, remote)


@pytest.mark.parametrize("name", ["window", "out.gif", "out.png", "folder/"])
def test_what_no_live_picture_is_encoded_to(name: str):
    assert target_of(name) is None


@pytest.mark.parametrize(
    ("name", "size", "values"),
    [
        ("a.mp4", (128, 96), {}),
        ("a.mkv", (127, 95), {}),
        ("a.webm", (128, 96), {}),
        ("a.ts", (128, 96), {}),
        ("a.mov", (128, 96), {"codec": "prores_ks"}),
    ],
)
def test_the_recording_has_the_frames_that_were_written(
    tmp_path: Path, name: str, size: tuple[int, int], values: dict[str, Any]
):
    frames, times = read_video(recorded(tmp_path / name, *size, **values))
    assert [len(frames), frames[0].shape[1::-1]] == [25, size]
    assert abs(float(times[-1] - times[0]) - 24 / 25) < 0.002
    expected = moving_scene(25, *size)
    assert min(psnr(a, b) for a, b in zip(frames, expected, strict=True)) > 28
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "aac"), ("a.webm", "opus")])
def test_sound_goes_with_it(tmp_path: Path, name: str, codec: str):
    with av.open(recorded(tmp_path / name, 128, 96, has_audio=True)) as opened:
        stream = opened.streams.audio[0]
        assert stream.codec_context.name == codec
        samples = np.concatenate([f.to_ndarray()[0] for f in opened.decode(stream)])
    assert 0.9 * RATE < len(samples) < 1.1 * RATE
    middle = samples[RATE // 4 : RATE // 2]
    assert np.abs(np.fft.rfft(middle)).argmax() * RATE / len(middle) == pytest.approx(1000, abs=5)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"codec": "libx26"}, "no encoder here"),
        ({"encoder_option": {"presett": "fast"}}, "no option 'presett'"),
        ({"encoder_option": {"pix_fmt": "yuv42"}}, "no pixel format yuv42"),
    ],
)
def test_what_no_encoder_takes_is_refused_before_it_begins(values: dict[str, Any], told: str):
    target = target_of("udp://127.0.0.1:9")
    assert target is not None
    with pytest.raises(SinkError, match=told):
        check_target(target, settings(**values))


def test_webrtc_gets_the_profile_that_every_server_takes():
    target = target_of("whip://here/x")
    assert target is not None
    shape = StreamFormat(64, 64, Fraction(25), None, has_audio=True)
    assert stream_encoding(target, settings(), shape, BT709).options["profile"] == "baseline"


@pytest.mark.parametrize(
    ("values", "preset"),
    [
        ({}, "superfast"),
        ({"bitrate": "2M"}, "superfast"),
        ({"crf": 20}, "veryfast"),
        ({"encoder_option": {"preset": "medium"}}, "medium"),
    ],
)
def test_a_stream_at_a_bit_rate_is_encoded_in_the_least_time(values: dict[str, Any], preset: str):
    target = target_of("udp://127.0.0.1:9")
    assert target is not None
    shape = StreamFormat(64, 64, Fraction(25), None, has_audio=False)
    assert stream_encoding(target, settings(**values), shape, BT709).options["preset"] == preset


def test_the_users_options_reach_the_encoder(tmp_path: Path):
    options = {"encoder_option": {"pix_fmt": "yuv444p", "g": "5"}}
    with av.open(recorded(tmp_path / "a.mkv", 128, 96, **options)) as opened:
        video = opened.streams.video[0]
        assert video.codec_context.pix_fmt == "yuv444p"
        assert [p.is_keyframe for p in opened.demux(video) if p.size].count(True) == 5


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path):
    (tmp_path / "a.mp4").write_bytes(b"dear")
    target = target_of(str(tmp_path / "a.mp4"))
    assert target is not None
    with pytest.raises(SinkError, match="exists"):
        check_target(target, settings())
    assert (tmp_path / "a.mp4").read_bytes() == b"dear"


def test_crf_replaces_the_bit_rate(tmp_path: Path):
    sizes = [
        recorded(tmp_path / f"{crf}.mkv", 128, 96, bitrate=None, crf=crf).stat().st_size
        for crf in (10, 40)
    ]
    assert sizes[0] > 3 * sizes[1]


def test_a_file_that_appears_during_the_run_is_not_replaced(tmp_path: Path):
    left = tmp_path / ".a.mkv.part"
    left.write_bytes(b"of a run that was killed")
    target = target_of(str(tmp_path / "a.mkv"))
    assert target is not None
    out = EncodedOutput(
        target, StreamFormat(64, 48, Fraction(25), None, has_audio=False), settings()
    )
    for number, rgb in enumerate(moving_scene(5, 64, 48)):
        out.write_frame(OutputFrame(Frame(rgb, number, Fraction(1, 25), painted=rgb)))
    (tmp_path / "a.mkv").write_bytes(b"dear")
    out.close()
    assert left.read_bytes() == b"of a run that was killed"
    assert (tmp_path / "a.mkv").read_bytes() == b"dear"
    assert len(read_video(tmp_path / "a-2.mkv")[0]) == 5

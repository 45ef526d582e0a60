"""What FFmpeg reads live, here of files at their own speed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from stylize_video.pipeline.core.errors import SourceError
from stylize_video.pipeline.core.frame import Frame, as_rgb
from stylize_video.pipeline.live.sources.address import Address, address_of, is_address
from stylize_video.pipeline.live.sources.ffmpeg import FfmpegSource, Pace

from ....helpers.pictures import psnr
from ....helpers.video import MakeClip, moving_scene


def opened(path: Path, size: str | None = None, paced: bool = True) -> FfmpegSource:
    return FfmpegSource(Address(path.name, str(path), reconnects=False, paced=paced), size, 2)


def frames_of(source: FfmpegSource) -> list[Frame]:
    with closing(source), closing(source.items()) as items:
        return [item for item in items if isinstance(item, Frame)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rtsp://here/x", True),
        ("srt://here:1", True),
        ("screen:", True),
        ("screen:64x48+1+2", True),
        ("file.mp4", False),
        ("0", False),
    ],
)
def test_what_is_an_address(name: str, expected: bool):
    assert is_address(name) is expected


def test_frames_come_at_their_own_speed_as_they_are(make_clip: MakeClip):
    expected = moving_scene(15, 128, 96)
    began = time.monotonic()
    frames = frames_of(opened(make_clip(frames=expected)))
    assert 0.4 < time.monotonic() - began < 20
    assert len(frames) == 15
    for a, b in zip(frames, expected, strict=True):
        assert psnr(as_rgb(a.picture), b) > 30
    assert float(frames[-1].time - frames[0].time) == pytest.approx(14 * 1001 / 30000, abs=0.001)


def test_frames_have_the_requested_size(make_clip: MakeClip):
    source = opened(make_clip(frames=moving_scene(3, 128, 96)), "48p", paced=False)
    assert {f.picture.shape[:2] for f in frames_of(source)} == {(48, 64)}


def test_pixels_become_square(tmp_path: Path):
    """A DV camera's 720x576 is 1024 wide: a window would show it too narrow."""
    path = tmp_path / "wide.mkv"
    with av.open(path, "w") as out:
        video: Any = out.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 72, 58, "yuv420p"
        video.codec_context.sample_aspect_ratio = Fraction(64, 45)
        for rgb in moving_scene(3, 72, 58):
            out.mux(video.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        out.mux(video.encode(None))
    source = opened(path, paced=False)
    assert (source.info.width, source.info.height) == (102, 58)
    assert {f.picture.shape[:2] for f in frames_of(source)} == {(58, 102)}


def test_damaged_packets_are_left_out(make_clip: MakeClip, tmp_path: Path):
    whole = make_clip("in.ts", moving_scene(60, 128, 96), audio=False)
    data = bytearray(whole.read_bytes())
    noise = np.random.default_rng(0).integers(0, 256, 188 * 20, dtype=np.uint8).tobytes()
    middle = len(data) // 2 // 188 * 188
    data[middle : middle + len(noise)] = noise
    damaged = tmp_path / "damaged.ts"
    damaged.write_bytes(data)
    assert 20 < len(frames_of(opened(damaged, paced=False))) <= 60


def test_what_cannot_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "no.mp4").write_text("no video")
    with pytest.raises(SourceError, match=r"^no.mp4 can't be opened: .*"):
        opened(tmp_path / "no.mp4")
    with pytest.raises(SourceError, match="no part of a screen"):
        address_of("screen:left half")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(SourceError, match="there is no screen"):
        address_of("screen:")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["film.mp4", "list.m3u8"])
def test_a_film_on_a_server_comes_at_its_own_speed_and_ends(
    make_clip: MakeClip, served: str, tmp_path: Path, name: str
):
    clip = make_clip("film.mp4", moving_scene(30, 128, 96), audio=False)
    if name.endswith("m3u8"):
        with av.open(clip) as read, av.open(tmp_path / name, "w", format="hls") as out:
            stream = out.add_stream_from_template(read.streams.video[0])
            for packet in read.demux(read.streams.video[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    out.mux(packet)
    source = FfmpegSource(address_of(f"{served}/{name}"), None, 2)
    assert not source.reconnects
    began = time.monotonic()
    assert len(frames_of(source)) == 30
    assert 0.8 < time.monotonic() - began < 20


def test_a_playlists_clock_may_jump():
    pace = Pace(3.0)
    pace.wait(0.0)
    began = time.monotonic()
    pace.wait(3600.0)
    pace.wait(3600.1)
    assert time.monotonic() - began < 60

"""With a program in place of FFmpeg's that passes bytes on: what matters here is the way there."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from stylize_video.pipeline.core.config import Settings, checked
from stylize_video.pipeline.core.errors import SinkError, SourceError
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.live.outputs.encoder import EncodedOutput
from stylize_video.pipeline.live.outputs.output import OutputFrame
from stylize_video.pipeline.live.outputs.target import StreamFormat, target_of
from stylize_video.pipeline.live.sources.address import address_of
from stylize_video.pipeline.live.sources.ffmpeg import FfmpegSource

from ...helpers.threads import threads_of
from ...helpers.video import moving_scene

FAKE = """#!{python}
import shutil, socket, sys, time
from urllib.parse import urlsplit
source, target = sys.argv[sys.argv.index("-i") + 1], sys.argv[-1]
if "refused" in source + target:
    sys.exit("srt://refused: Connection refused")
if source == "pipe:0":
    with open("{folder}/sent.ts", "wb") as out:
        shutil.copyfileobj(sys.stdin.buffer, out)
else:
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", urlsplit(target).port)) as out:
                out.sendall(open("{folder}/sent.ts", "rb").read())
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
"""


@pytest.fixture
def ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "ffmpeg"
    program.write_text(FAKE.format(python=sys.executable, folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "sent.ts"


def broadcast(name: str) -> EncodedOutput:
    target = target_of(name)
    assert target is not None
    shape = StreamFormat(64, 48, Fraction(25), None, has_audio=False)
    return EncodedOutput(target, shape, checked(Settings, {}, "test"))


def send(frames: int = 25) -> None:
    out = broadcast("srt://there:9000")
    for number, rgb in enumerate(moving_scene(frames)):
        out.write_frame(OutputFrame(Frame(rgb, number, Fraction(1, 25))))
    out.close()


def test_what_goes_out_arrives_whole(ffmpeg: Path):
    send()
    with av.open(ffmpeg) as got:
        assert sum(1 for _ in got.decode(video=0)) == 25


def test_a_stream_is_read_and_its_end_is_an_error(ffmpeg: Path):
    send()
    source = FfmpegSource(address_of("srt://here:9000"), None, 2)
    frames = [x for x in source.items() if isinstance(x, Frame)]
    source.close()
    assert (source.info.width, source.info.height) == (64, 48)
    assert len(frames) == 25
    levels = [float(np.asarray(f.rgb).mean()) for f in frames]
    assert min(levels) > 20
    assert not threads_of("relay")


def test_the_error_is_the_programs_own_message(ffmpeg: Path):
    with pytest.raises(SourceError, match=r"srt://refused can't be opened: .*Connection refused"):
        FfmpegSource(address_of("srt://refused"), None, 2)

    def much() -> None:
        out = broadcast("srt://refused")
        try:
            for number, rgb in enumerate(moving_scene(500)):
                out.write_frame(OutputFrame(Frame(rgb, number, Fraction(1, 25))))
        finally:
            out.close()

    with pytest.raises(SinkError, match="Connection refused"):
        much()


def test_without_the_program_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="install FFmpeg's program, ffmpeg"):
        FfmpegSource(address_of("srt://here:9000"), None, 2)
    with pytest.raises(SinkError, match="install FFmpeg's program, ffmpeg"):
        broadcast("srt://there:9000")

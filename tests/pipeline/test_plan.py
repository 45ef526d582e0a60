"""The plan: what will be read, painted, written, and what happens to every stream."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.core.errors import SettingsError, SinkError, StylizeError
from stylize_video.pipeline.planning import make_plan
from stylize_video.pipeline.render import render

from ..helpers.pictures import psnr
from ..helpers.video import MakeClip, moving_scene, read_video


def settings(identity: Path, **values: Any) -> Settings:
    return checked(Settings, {"style": str(identity), "device": "cpu"} | values, "test")


@pytest.fixture
def film(make_clip: MakeClip, tmp_path: Path) -> Path:
    """A film with five kinds of streams: picture, sound, words, a second picture, a font."""
    clip = make_clip("plain.mp4", subtitles=True)
    path = tmp_path / "film.mkv"
    with av.open(clip) as source, av.open(path, "w") as out:
        first = [source.streams.video[0], source.streams.audio[0]]
        streams = {s.index: out.add_stream_from_template(s) for s in first}
        words: Any = out.add_stream("srt")
        words.codec_context.subtitle_header = b"[Script Info]\n\n[Events]\n"
        words.time_base = words.codec_context.time_base = Fraction(1, 1000)
        extra: Any = out.add_stream("mjpeg", rate=1)
        extra.width, extra.height, extra.pix_fmt = 64, 48, "yuvj420p"
        out.add_attachment("font.ttf", "font/ttf", b"not a font")
        for packet in source.demux(first):
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
        frame = av.VideoFrame.from_ndarray(moving_scene(1)[0], "rgb24")
        out.mux(extra.encode(frame.reformat(format="yuvj420p")))
        out.mux(extra.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "out.mkv",
            [
                "audio stream 1 (aac) is copied",
                "subtitle stream 2 (srt) is copied (planned from its header alone)",
                "video stream 3 (mjpeg) is left out: one picture is painted",
                "attachment stream 4 is copied",
            ],
        ),
        (
            "out.mp4",
            [
                "audio stream 1 (aac) is copied",
                "subtitle stream 2 (srt) is encoded as mov_text: mp4 can't hold it as it is "
                "(planned from its header alone)",
                "video stream 3 (mjpeg) is left out: one picture is painted",
                "attachment stream 4 is left out: mp4 can't hold it",
            ],
        ),
        (
            "out.webm",
            [
                "audio stream 1 (aac) is encoded as libopus: webm can't hold it as it is",
                "subtitle stream 2 (srt) is encoded as webvtt: webm can't hold it as it is "
                "(planned from its header alone)",
                "video stream 3 (mjpeg) is left out: one picture is painted",
                "attachment stream 4 is left out: webm can't hold it",
            ],
        ),
    ],
)
def test_every_stream_of_a_film_is_decided_before_the_first_frame(
    film: Path, identity: Path, tmp_path: Path, name: str, expected: list[str]
):
    before = sorted(p.name for p in tmp_path.iterdir())
    plan = make_plan(film, tmp_path / name, settings(identity))
    assert [stream.line for stream in plan.streams] == expected
    lines = "\n".join(plan.lines())
    assert all(line in lines for line in expected)
    assert "64x48" in lines and "identity (fast) on cpu" in lines
    assert sorted(p.name for p in tmp_path.iterdir()) == before  # nothing is written
    render(plan)
    with av.open(tmp_path / name) as out:
        kinds = {s.type for s in out.streams}
    assert {"video", "audio", "subtitle"} <= kinds
    assert ("attachment" in kinds) == (name == "out.mkv")


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"start": "9:00"}, StylizeError),
        ({"codec": "h265x"}, SinkError),
        ({"mask": "nowhere.png"}, StylizeError),
        ({"scenes": "no/such/folder.txt"}, SettingsError),
        ({"style": "no-such-style"}, StylizeError),
    ],
)
def test_what_can_be_refused_is_refused_in_the_plan(
    make_clip: MakeClip, identity: Path, tmp_path: Path, values: dict[str, Any], error: type
):
    clip = make_clip()
    with pytest.raises(error):
        make_plan(clip, tmp_path / "out.mp4", settings(identity, **values))
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".onnx"] == ["in.mp4"]


def test_a_file_is_mirrored_with_its_mask(make_clip: MakeClip, identity: Path, tmp_path: Path):
    """The mask fits the source, so the picture is mirrored last."""
    mask = np.zeros((48, 64), np.uint8)
    mask[:, :32] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    clip = make_clip(frames=moving_scene(3))
    lossless: dict[str, Any] = {"crf": 0, "encoder_option": {"pix_fmt": "yuv444p"}}
    values = {"mirror": True, "steady": "off", "mask": str(tmp_path / "mask.png"), **lossless}
    stylize(clip, tmp_path / "out.mp4", settings(identity, **values))
    for before, after in zip(moving_scene(3), read_video(tmp_path / "out.mp4")[0], strict=True):
        assert psnr(np.ascontiguousarray(before[:, ::-1]), after) > 45

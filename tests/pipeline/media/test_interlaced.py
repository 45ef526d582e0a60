from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from stylize_video.pipeline import Settings, stylize

from ...helpers.pictures import psnr
from ...helpers.video import moving_scene, read_video

COUNT = 8


def _fields() -> list[NDArray[np.uint8]]:
    """Pictures of 50 moments a second, twice as many as frames."""
    return moving_scene(2 * COUNT, 96, 64)


def write_interlaced(path: Path, codec: str) -> Path:
    """25 frames/s: even lines of one moment, odd lines of the next."""
    options = {"flags": "+ildct+ilme", "b": "4M"}
    if codec == "libx264":
        options = {"x264-params": "tff=1", "crf": "4"}
    moments = _fields()
    with av.open(path, "w") as out:
        stream: Any = out.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(COUNT):
            woven = moments[2 * number].copy()
            woven[1::2] = moments[2 * number + 1][1::2]
            frame = av.VideoFrame.from_ndarray(woven, "rgb24")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def combs(pictures: list[NDArray[np.uint8]]) -> float:
    """Mean difference of a line from its neighbours, grey levels, where the square moves."""
    lines = np.stack(pictures)[:, 4:24].astype(float)
    return float(np.abs(2 * lines[:, 1:-1] - lines[:, :-2] - lines[:, 2:]).mean())


@pytest.mark.parametrize(("name", "codec"), [("in.mp4", "libx264"), ("in.ts", "mpeg2video")])
def test_interlaced_video_is_deinterlaced_with_a_note(
    name: str, codec: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    clip = write_interlaced(tmp_path / name, codec)
    with caplog.at_level(logging.WARNING):
        stylize(clip, tmp_path / "out.mp4", Settings(strength=0, crf=4))
        stylize(clip, tmp_path / "kept.mp4", Settings(strength=0, crf=4, interlaced="keep"))
    assert caplog.text.count("interlaced video") == 1
    frames, times = read_video(tmp_path / "out.mp4")
    kept, kept_times = read_video(tmp_path / "kept.mp4")
    assert len(frames) == COUNT
    assert times == kept_times
    assert combs(frames) < 0.6 * combs(kept)
    of_one_moment = [max(psnr(p[3], _fields()[n]) for n in (6, 7)) for p in (frames, kept)]
    assert of_one_moment[0] > of_one_moment[1] + 3


def test_progressive_video_is_not_touched(make_clip: Any, tmp_path: Path):
    clip = make_clip(audio=False)
    stylize(
        clip,
        tmp_path / "out.mp4",
        Settings(strength=0, crf=0, encoder_option={"pix_fmt": "yuv444p"}),
    )
    before, after = read_video(clip)[0], read_video(tmp_path / "out.mp4")[0]
    assert min(psnr(a, b) for a, b in zip(before, after, strict=True)) > 45

"""Encoders that the user names: what an output can't hold is refused before anything is painted."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.errors import SinkError

from ...helpers.video import moving_scene, read_video, write_clip


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "in.mp4", moving_scene(6))


def encoded(clip: Path, output: Path, codec: str) -> Path:
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    stylize(clip, output, Settings(style=("udnie",), device="cpu", strength=0, codec=codec))
    return output


@pytest.mark.parametrize(
    ("codec", "ending"),
    [
        ("libvpx", ".webm"),
        ("libvpx", ".mkv"),
        ("mjpeg", ".mov"),
        ("png", ".mov"),
        ("jpeg2000", ".mov"),
        ("prores_ks", ".mkv"),
        ("libsvtav1", ".mkv"),
        ("mpeg4", ".mp4"),
    ],
)
def test_an_encoder_that_fits_is_used(tmp_path: Path, clip: Path, codec: str, ending: str):
    frames, _ = read_video(encoded(clip, tmp_path / f"out{ending}", codec))
    assert len(frames) == 6


@pytest.mark.parametrize(
    ("codec", "ending"),
    [
        ("libsvtav1", ".mov"),
        ("libvpx", ".mov"),
        ("libvpx-vp9", ".mov"),
        ("mpeg4", ".ts"),
        ("rawvideo", ".mov"),
        ("rawvideo", ".mkv"),
        ("vc2", ".mp4"),
        ("msrle", ".mov"),
    ],
)
def test_one_that_does_not_is_refused_at_once(tmp_path: Path, clip: Path, codec: str, ending: str):
    with pytest.raises(SinkError, match=rf"\{ending} can't hold {codec} \(.*leave --codec out"):
        encoded(clip, tmp_path / f"out{ending}", codec)
    assert list(tmp_path.iterdir()) == []

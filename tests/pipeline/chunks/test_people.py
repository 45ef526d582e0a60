"""People are found in chunks as in the whole film."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.imaging.resize import resize_area
from stylize_video.pipeline.media.inputs import open_source

from ...helpers.video import write_clip

STEP = 2500  # of 1/30000 s: twelve frames a second


@pytest.fixture(scope="module")
def film(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven seconds of somebody with a ball, in one shot."""
    clip = open_source(str(shared / "videos" / "05_default_juggle.mp4"))
    every = [f.rgb for n, f in enumerate(clip.frames()) if n % 2 == 0][:84]
    path = tmp_path_factory.mktemp("film") / "in.mp4"
    return write_clip(path, [resize_area(rgb, (90, 160)) for rgb in every], step=STEP, audio=False)


def test_two_workers_write_what_one_process_writes(
    film: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING)
    given = {"style": "udnie", "device": "cpu", "mask": "person", "protect": "faces"}
    for name, values in {
        "two.mp4": {"chunk_seconds": 4, "workers": 2},
        "one.mp4": {"chunk_seconds": 4},
    }.items():
        stylize(film, tmp_path / name, checked(Settings, given | values, ""))
    assert (tmp_path / "two.mp4").read_bytes() == (tmp_path / "one.mp4").read_bytes()
    assert "was found" not in caplog.text


pytestmark = pytest.mark.real_data

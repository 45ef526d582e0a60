from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from stylize_video.pipeline import Settings
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.media import size_estimate
from stylize_video.pipeline.media.color import BT709
from stylize_video.pipeline.media.encoding import Encoding
from stylize_video.pipeline.media.size_estimate import bytes_text, estimate_bytes
from stylize_video.pipeline.planning import make_plan

from ...helpers.video import MakeClip


def test_sizes_are_written_as_people_read_them():
    texts = [bytes_text(n) for n in (0, 940, 9_400, 123_000_000, 1_234_000_000, 5 * 10**13)]
    assert texts == ["0 B", "940 B", "9.4 kB", "123 MB", "1.2 GB", "50000 GB"]


def test_a_better_quality_is_larger():
    sizes = [
        estimate_bytes(640, 360, 30, Encoding("libx264", "yuv420p", {"crf": crf}, BT709))
        for crf in ("18", "12", "0")
    ]
    assert sizes[1] == pytest.approx(2 * sizes[0], abs=2)
    assert sizes[0] < sizes[1] < sizes[2] < 640 * 360 * 30 * 4
    assert estimate_bytes(640, 360, 30, None) == 640 * 360 * 30 * 13 // 8


@pytest.mark.parametrize("name", ["out.mp4", "frames"])
def test_the_plan_says_what_is_needed_and_warns(
    make_clip: MakeClip,
    identity: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
):
    values: dict[str, Any] = {"style": str(identity), "device": "cpu"}
    settings = checked(Settings, values, "test")
    (line,) = [x for x in make_plan(make_clip(), tmp_path / name, settings).lines() if "disk" in x]
    assert line.startswith("disk     about ") and line.endswith(f" free in {tmp_path}")
    assert caplog.text == ""
    usage = SimpleNamespace(free=1000)
    monkeypatch.setattr(size_estimate.shutil, "disk_usage", lambda folder: usage)
    make_plan(tmp_path / "in.mp4", tmp_path / name, settings)
    assert f"{tmp_path / name} may not fit: about " in caplog.text
    assert f"1 kB is free in {tmp_path}" in caplog.text

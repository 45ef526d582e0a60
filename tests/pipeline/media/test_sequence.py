"""Folders and patterns of pictures: what belongs to them, what is missing, what is written."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.errors import SinkError, SourceError
from stylize_video.pipeline.media.images import read_pixels, write_picture
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.media.sequence import pictures_in

from ...helpers.video import moving_scene


def fill(folder: Path, *numbers: int, name: str = "f{:03d}.png") -> Path:
    folder.mkdir(exist_ok=True)
    scene = moving_scene(max(numbers) + 1, 32, 24)
    for number in numbers:
        write_picture(folder / name.format(number), scene[number])
    return folder


def test_what_an_operating_system_hides_is_no_picture(tmp_path: Path):
    folder = fill(tmp_path / "in", 0, 1)
    (folder / "._f000.png").write_bytes(b"Mac OS X")
    (folder / ".DS_Store").write_bytes(b"\0")
    (folder / "Thumbs.db").write_bytes(b"\0")
    assert [path.name for path in pictures_in(folder)] == ["f000.png", "f001.png"]


def test_missing_numbers_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    folder = fill(tmp_path / "in", 0, 1, 2, 5, 6, 9)
    with caplog.at_level(logging.WARNING):
        stylize(folder, tmp_path / "out", Settings(strength=0))
    assert "4 pictures are missing (after f002.png, after f006.png)" in caplog.text
    assert len(pictures_in(tmp_path / "out")) == 6


def test_gaps_hold_keeps_the_film_as_long_as_its_numbers(tmp_path: Path):
    folder = fill(tmp_path / "in", 0, 1, 2, 5, 6)
    stylize(folder, tmp_path / "out", Settings(strength=0, gaps="hold"))
    written = [read_pixels(path) for path in pictures_in(tmp_path / "out")]
    source = [read_pixels(folder / f"f{n:03d}.png") for n in (0, 1, 2, 2, 2, 5, 6)]
    assert all(np.array_equal(a, b) for a, b in zip(written, source, strict=True))


@pytest.mark.parametrize("numbers", [(0, 10, 20, 30), (1, 2), (7,)])
def test_a_usual_step_is_no_gap(
    tmp_path: Path, numbers: tuple[int, ...], caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        open_source(str(fill(tmp_path / "in", *numbers)))
    assert "missing" not in caplog.text


def test_a_stray_number_is_not_held_for_an_hour(tmp_path: Path):
    folder = fill(tmp_path / "in", 0, 1, 2, 3)
    (folder / "f003.png").rename(folder / "f99999999.png")
    with pytest.raises(SourceError, match="too many for --gaps hold"):
        stylize(folder, tmp_path / "out", Settings(strength=0, gaps="hold"))


@pytest.mark.parametrize("name", ["%04d.tif", "shot_%d.jpg", "%03d.exr", "%02d.webp"])
def test_pictures_are_written_under_the_names_of_a_pattern(tmp_path: Path, name: str):
    folder = fill(tmp_path / "in", 0, 1, 2)
    stylize(folder, tmp_path / "out" / name, Settings(strength=0))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [name % n for n in (1, 2, 3)]
    last = read_pixels(tmp_path / "out" / (name % 3))
    first = read_pixels(folder / "f002.png")
    levels = last.astype(float) / (257 if last.dtype == np.uint16 else 1)
    assert np.abs(levels - first).mean() < 4
    # a second run does not replace them, another kind of picture is not ours
    with pytest.raises(SinkError, match="--overwrite"):
        stylize(folder, tmp_path / "out" / name, Settings(strength=0))
    with pytest.raises(SinkError, match="holds other things"):
        stylize(folder, tmp_path / "out" / "%09d.bmp", Settings(strength=0, overwrite=True))


def test_a_pattern_needs_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    folder = fill(tmp_path / "in", 0, 1)
    with pytest.raises(SinkError, match="a folder of its own"):
        stylize(folder, "%04d.png", Settings(strength=0))


def test_exr_is_linear_light_and_comes_back(tmp_path: Path):
    rgb = np.tile(np.linspace(0, 65535, 256).astype(np.uint16)[None, :, None], (4, 1, 3))
    write_picture(tmp_path / "in.png", rgb)
    stylize(tmp_path / "in.png", tmp_path / "out.exr", Settings(strength=0))
    back = read_pixels(tmp_path / "out.exr")
    assert back.dtype == np.uint16
    assert np.abs(back.astype(int) - rgb).max() < 80  # half floats have 11 bits


def test_a_heic_of_tiles_says_what_helps(tmp_path: Path):
    (tmp_path / "in.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))
    with pytest.raises(SourceError, match="heic can't be decoded"):
        open_source(str(tmp_path / "in.heic"))

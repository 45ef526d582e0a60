from __future__ import annotations

from pathlib import Path

import av
import av.filter
import numpy as np
import pytest
from stylize_video.pipeline.core.errors import ModelError
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.imaging.lut import (
    apply_table,
    fit_table,
    identity,
    read_cube,
    write_cube,
)

from ...helpers.scenes import texture


def graded(rgb: Rgb) -> Rgb:
    warm = (rgb / 255.0) ** np.array([0.8, 1.0, 1.25]) * [250, 240, 220]
    return np.rint(warm + 5).astype(np.uint8)


def test_the_table_of_nothing_changes_nothing():
    picture = texture(1, 40, 50)
    assert np.array_equal(apply_table(identity(), picture), picture)


def test_a_grade_is_found_again():
    picture, other = texture(1, 160, 200), texture(2, 90, 120)
    table = fit_table([(picture, graded(picture))], 17)
    for shown in (picture, other):  # the other's colours are partly others
        off = apply_table(table, shown).astype(int) - graded(shown)
        assert np.abs(off).mean() < 1.5


def test_colours_that_were_not_seen_are_continued():
    picture = texture(1, 160, 200) // 2  # nothing bright
    table = fit_table([(picture, picture)], 17)
    assert np.abs(table - identity(17)).max() < 0.02


def test_a_file_comes_back_and_ffmpeg_reads_it_likewise(tmp_path: Path):
    picture = texture(1, 96, 64)
    table = fit_table([(picture, graded(picture))], 17)
    write_cube(table, tmp_path / "warm.cube", "warm")
    again = read_cube(tmp_path / "warm.cube")
    assert np.abs(again - table).max() < 1e-6
    graph = av.filter.Graph()
    source = graph.add_buffer(width=96, height=64, format="rgb24", time_base=1)
    lut = graph.add("lut3d", f"file={tmp_path / 'warm.cube'}:interp=trilinear")
    sink = graph.add("buffersink")
    source.link_to(lut)
    lut.link_to(sink)
    graph.configure()
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
    frame.pts = 0
    graph.push(frame)
    shown = graph.pull().to_ndarray(format="rgb24")
    assert np.abs(shown.astype(int) - apply_table(table, picture)).max() <= 1


@pytest.mark.parametrize("text", ["", "LUT_3D_SIZE 2\n0 0 0\n", "LUT_1D_SIZE 2\n0 0 0\n1 1 1\n"])
def test_a_file_that_is_none_is_named(tmp_path: Path, text: str):
    (tmp_path / "no.cube").write_text(text)
    with pytest.raises(ModelError, match=r"no 3D \.cube file"):
        read_cube(tmp_path / "no.cube")

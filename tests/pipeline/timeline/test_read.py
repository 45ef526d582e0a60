"""A timeline file: what it says, and the one line that a wrong one gets."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from stylize_video.pipeline.core.errors import SettingsError
from stylize_video.pipeline.timeline.points import Timeline
from stylize_video.pipeline.timeline.read import read_timeline


def read(folder: Path, text: str) -> Timeline:
    path = folder / "film.yaml"
    path.write_text(text, encoding="utf-8")
    return read_timeline(path)


def test_points_are_read_as_they_are_written(tmp_path: Path):
    timeline = read(
        tmp_path,
        "- at: 1:02.5\n  style: udnie\n"
        "- frame: 2000\n  style: {udnie: 0.7, the-scream: 0.3}\n  strength: 1\n  then: ease\n"
        "- shot: 3\n  after: 1.5\n  mask: none\n  style_scale: none\n  palette: match\n",
    )
    first, second, third = timeline.points
    assert (first.unit, first.place, first.how) == ("at", Fraction(125, 2), "hold")
    assert second.changes == {"style": ("udnie:0.7", "the-scream:0.3"), "strength": 1.0}
    assert (second.unit, second.place, second.how) == ("frame", 2000, "ease")
    assert third.changes == {"mask": None, "style_scale": None, "palette": "match"}
    assert (third.place, third.after, third.line) == (3, Fraction(3, 2), 7)
    assert (timeline.last_shot, timeline.frames) == (3, (2000,))


def test_a_point_may_only_begin_a_change(tmp_path: Path):
    begins, ends = read(tmp_path, "- at: 1\n  then: linear\n- at: 2\n  strength: 0\n").points
    assert (begins.changes, begins.how) == ({}, "linear")
    assert ends.changes == {"strength": 0.0}


WRONG = {
    "": "is empty: there is nothing to change",
    "style: udnie": "is no list of points",
    "- udnie": "point 1 is no point: 'udnie'",
    "- at: 1\n  stile: udnie": "line 2: unknown key 'stile'; did you mean 'style'",
    "- at: 1\n  style:": "line 2: 'style' has no value",
    "- at: 1": "line 1: nothing changes here",
    "- style: udnie": "line 1: nothing says when",
    "- at: 1\n  shot: 2\n  style: udnie": "line 2: 'at' and 'shot' both say when",
    "- at: soon\n  style: udnie": "line 1: at: 'soon' is not a time",
    "- at: -1\n  style: udnie": "line 1: at: '-1' is not a time",
    "- frame: 0\n  style: udnie": "line 1: frame: 0 is no number of a frame; they count from 1",
    "- shot: 1.5\n  style: udnie": "line 1: shot: 1.5 is no number of a shot",
    "- shot: yes\n  style: udnie": "line 1: shot: True is no number of a shot",
    "- at: 1\n  after: 2\n  style: udnie": "line 2: 'after' is for shots",
    "- at: 1\n\n  strength: 2": "line 3: strength = 2: should be less than or equal to 1",
    "- at: 1\n  strength: on": "line 2: strength: yes and no are no values",
    "- at: 1\n  palette: red": "line 2: palette = 'red': should be 'style'",
    "- at: 1\n  style: udnie\n  then: slowly": "line 3: 'slowly' is no way to the next point",
    "- at: 1\n  style: udnie\n  then: ease": "line 3: then: ease leads to the next point",
    "- at: 2\n  style: udnie\n- at: 0:02\n  strength: 0": "line 3: 0:00:02.000 is not after",
    "- shot: 2\n  style: udnie\n- shot: 1\n  strength: 0": "line 3: shot 1 is not after shot 2",
    "- at: 1\n  style: udnie\n  style: the-scream": "line 3: 'style' is given in line 2 too",
    "- at: 1\n  style: &a udnie": "",
    "- [": "is not YAML: line",
}


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text.replace("\n", " ")[:40] or "empty")
def test_what_is_wrong_gets_one_line_with_its_number(tmp_path: Path, text: str):
    if not WRONG[text]:
        assert read(tmp_path, text).points
        return
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text)
    line = str(caught.value)
    assert WRONG[text] in line
    assert line.startswith(f"--timeline {tmp_path / 'film.yaml'}")
    assert "\n" not in line


def test_a_timeline_of_two_thousand_shots_is_read(tmp_path: Path):
    text = "".join(
        f"# 0:00:00.000, frame {n}\n- shot: {n}\n  style: udnie\n" for n in range(1, 2001)
    )
    assert len(text) > 90_000
    assert read(tmp_path, text).last_shot == 2000

"""Every input of a batch gets a result of its own, and no result takes an input's place."""

from __future__ import annotations

from pathlib import Path

import pytest
from stylize_video.pipeline.batch.inputs import Input
from stylize_video.pipeline.batch.outputs import Item, Outputs
from stylize_video.pipeline.batch.report import Row, row_of


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def inputs(*names: str) -> list[Input | Row]:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    return [Input(Path(name), Path(Path(name).name)) for name in names]


def outputs_of(found: list[Input | Row], to: str = "out") -> list[str]:
    items = Outputs(Path(to)).items(found)
    return [str(i.output.relative_to(to)) if isinstance(i, Item) else i.reason for i in items]


def test_a_result_has_the_name_of_its_input_and_an_ending_that_can_be_written():
    found = inputs("a.mp4", "b.MOV", "c.avi", "d.heic", "e.jpg", "f.gif", "g.ts", "h", "i.webp")
    expected = ["a.mp4", "b.MOV", "c.mp4", "d.png", "e.jpg", "f.gif", "g.ts", "h.mp4", "i.webp"]
    assert outputs_of(found) == expected


def test_folders_stay_folders():
    found: list[Input | Row] = [Input(Path("films/day/c.avi"), Path("day/c.avi"))]
    assert outputs_of(found) == ["day/c.mp4"]


def test_two_inputs_with_one_name_have_two_results():
    found = inputs("one/a.avi", "one/a.mp4", "two/a.mp4", "two/A.mp4")
    assert outputs_of(found) == ["a-4.mp4", "a.mp4", "a-2.mp4", "A-3.mp4"]


def test_which_of_them_is_known_when_the_other_is_left_out():
    both = inputs("one/a.mp4", "two/a.mp4")
    first, second = Outputs(Path("out")).items(both)
    assert isinstance(first, Item) and isinstance(second, Item)
    earlier = [row_of(item.source, item.output, "done") for item in (first, second)]
    assert Outputs(Path("out"), earlier).items(both[1:]) == [second]
    # The folder of the first has moved: nobody can tell, and the name is used.
    Path("one/a.mp4").unlink()
    assert Outputs(Path("out"), earlier).items(both[1:]) == [
        first.__class__(second.source, first.output)
    ]


@pytest.mark.parametrize(
    ("names", "whose"),
    [(("out/a.mp4",), "its own place"), (("b/x.mp4", "out/x.mp4"), "another input's place")],
)
def test_a_result_that_would_be_an_input_is_refused(names: tuple[str, ...], whose: str):
    said = outputs_of(inputs(*names))[0]
    assert f"the result would take {whose}" in said and "give --to another folder" in said

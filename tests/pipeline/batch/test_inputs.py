"""What a batch paints, and what it says of everything else. No file is opened for that."""

from __future__ import annotations

from pathlib import Path

import pytest
from stylize_video.pipeline.batch.inputs import Input, find_inputs, holds_films
from stylize_video.pipeline.batch.report import Row


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Some films and pictures, and what lies beside them."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "films/a.mp4", "films/b10.MOV", "films/b2.avi", "films/day/c.mkv", "films/photo.jpg",
        "films/notes.md", "films/.hidden.mp4", "films/.cache/d.mp4", "films/._a.mp4",
        "other/a.mp4", "texts/one.md",
    ):  # fmt: skip
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def found(*names: str, to: str = "out") -> tuple[list[str], list[Row]]:
    """Paths of the inputs, and the rows of what is none."""
    everything = list(find_inputs(names, Path(to)))
    inputs = [str(one.source) for one in everything if isinstance(one, Input)]
    return inputs, [one for one in everything if isinstance(one, Row)]


ALL = [f"films/{name}" for name in ("a.mp4", "b2.avi", "b10.MOV", "photo.jpg", "day/c.mkv")]


def test_a_folder_is_its_films_and_pictures_with_those_of_the_folders_in_it():
    inputs, rows = found("films")
    assert inputs == ALL
    (row,) = rows
    assert row.input.endswith("films/notes.md")
    assert (row.status, row.reason) == ("skipped", "'.md' is no ending of a film or a picture")


def test_results_in_the_folder_of_the_inputs_are_no_inputs(folder: Path):
    (folder / "films/out/day").mkdir(parents=True)
    for name in ("a.mp4", "day/c.mkv", "stylize-report.csv"):
        (folder / "films/out" / name).touch()
    for name in ("films", str(folder / "films"), "films/"):
        assert len(found(name, to="films/out")[0]) == len(ALL)
    inputs, _ = found("films/**/*.mp4", to="films/out")
    assert inputs == ["films/a.mp4"]


@pytest.mark.parametrize("to", ["films", "films/", "other/../films"])
def test_the_folder_itself_is_none_for_results(to: str):
    inputs, rows = found("films", to=to)
    assert inputs == []
    assert [row.status for row in rows] == ["failed"]
    assert "results would be taken for inputs" in rows[0].reason


@pytest.mark.parametrize(
    ("pattern", "inputs"),
    [
        ("films/*.mp4", ["films/a.mp4"]),
        ("films/b*", ["films/b2.avi", "films/b10.MOV"]),
        ("films/[ab]?*", ["films/a.mp4", "films/b2.avi", "films/b10.MOV"]),
        ("*/a.mp4", ["films/a.mp4", "other/a.mp4"]),
        ("films/**/*.mkv", ["films/day/c.mkv"]),
        ("fil*", ALL),
    ],
)
def test_a_pattern_in_quotes(pattern: str, inputs: list[str]):
    assert found(pattern)[0] == inputs


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(folder: Path):
    (folder / "films/take[1].mp4").touch()
    assert found("films/take[1].mp4") == (["films/take[1].mp4"], [])


def test_what_is_named_twice_is_an_input_once():
    assert found("films/a.mp4", "films/*.mp4", "./films/a.mp4")[0] == ["films/a.mp4"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no.mp4", "input no.mp4 does not exist"),
        ("films/*.webm", "no file is named like films/*.webm"),
        ("texts", "folder texts holds no films and no pictures"),
        ("0", "is no file"),
        ("camera:Logitech", "is no file"),
        ("rtsp://host/one", "is no file"),
        ("screen:", "is no file"),
        ("-", "is no file"),
        ("9" * 5000, "File name too long"),
    ],
)
def test_what_is_no_input_is_a_row_and_the_others_are_found(name: str, said: str):
    inputs, rows = found("films/a.mp4", name, "other/a.mp4")
    assert inputs == ["films/a.mp4", "other/a.mp4"]
    failed = [row for row in rows if row.status == "failed"]
    assert [row.input for row in failed] == [name]
    assert said in failed[0].reason and "\n" not in failed[0].reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list(folder: Path, encoding: str):
    (folder / "films/ä.mp4").touch()
    lines = ["# the films", "", "a.mp4", "  ä.mp4  ", "no.mp4", "day", "*.avi", "rtsp://host/1"]
    (folder / "films/list.txt").write_text("\r\n".join(lines), encoding=encoding)
    inputs, rows = found("films/list.txt")
    assert inputs == ["films/a.mp4", "films/ä.mp4", "films/day/c.mkv", "films/b2.avi"]
    assert [row.input for row in rows] == ["films/no.mp4", "rtsp://host/1"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"# nothing\n\n", "is empty"),
        (b"Shot on Monday.\nThe sound is bad.\n", "names no file that exists"),
        (b"\xff\x00\x81", "can't be read"),
    ],
)
def test_a_text_that_is_no_list_is_one_line(folder: Path, content: bytes, said: str):
    (folder / "notes.txt").write_bytes(content)
    inputs, rows = found("notes.txt", "films/a.mp4")
    assert inputs == ["films/a.mp4"]
    assert len(rows) == 1 and said in rows[0].reason


def test_a_list_is_not_read_again_for_a_name_in_it(folder: Path):
    (folder / "list.txt").write_text("list.txt\nfilms/a.mp4\n", encoding="utf-8")
    assert found("list.txt")[0] == ["list.txt", "films/a.mp4"]


@pytest.mark.parametrize(
    ("names", "films"),
    [
        (["1.png", "2.png"], False),
        (["1.png", "a.mp4"], True),
        (["1.png", ".hidden.mp4"], False),
        (["a.MKV"], True),
        ([], False),
    ],
)
def test_a_folder_that_holds_any_film(folder: Path, names: list[str], films: bool):
    made = folder / "made"
    made.mkdir()
    for name in names:
        (made / name).touch()
    assert holds_films(made) is films

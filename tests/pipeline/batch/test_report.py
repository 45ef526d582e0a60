"""The report of a batch: two files that say the same, whole or not at all."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from stylize_video.pipeline.batch.report import BatchReport, Row, make_folder
from stylize_video.pipeline.core.errors import SinkError

ROW = Row("/a.mp4", "/out/a.mp4", "done", "", 30, 1.001, 2.5)
BAD = Row('/b, "b"\n.mp4', "", "failed", "it can't be read")


def written(to: Path, *rows: Row) -> BatchReport:
    report = BatchReport(to)
    report.rows += rows
    report.write()
    return report


def test_both_files_have_every_row(tmp_path: Path):
    assert written(tmp_path, ROW, BAD).path == tmp_path / "stylize-report.csv"
    listed = json.loads((tmp_path / "stylize-report.json").read_text(encoding="utf-8"))
    assert [Row(**row) for row in listed] == [ROW, BAD]
    with (tmp_path / "stylize-report.csv").open(encoding="utf-8", newline="") as file:
        assert [*csv.DictReader(file)] == [{k: str(v) for k, v in row.items()} for row in listed]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_name_that_is_no_unicode_is_written(tmp_path: Path):
    written(tmp_path, Row("/\udce4.mp4", "/o.mp4", "done"))
    assert BatchReport(tmp_path).earlier["/\udce4.mp4"].output == "/o.mp4"
    assert (tmp_path / "stylize-report.csv").read_text(encoding="utf-8").count("\\udce4") == 1


def test_rows_of_earlier_runs_stay_until_their_input_comes_again(tmp_path: Path):
    (tmp_path / "c.mp4").touch()
    other = Row(str(tmp_path / "c.mp4"), "", "failed", "why")
    written(tmp_path, ROW, other, Row("typo.mp4", "", "failed", "it does not exist"))
    again = Row("/a.mp4", "/out/a.mp4", "skipped", "/out/a.mp4 exists")
    written(tmp_path, again)
    assert [*BatchReport(tmp_path).earlier.values()] == [again, other]


def test_two_runs_at_the_same_time_have_one_report(tmp_path: Path):
    one, other = BatchReport(tmp_path), BatchReport(tmp_path)
    one.rows.append(ROW)
    one.write()
    other.rows += [replace(ROW, status="skipped", frames=0), BAD]
    other.write()
    one.write()
    listed = json.loads((tmp_path / "stylize-report.json").read_text(encoding="utf-8"))
    assert Row(**listed[0]) == ROW
    other.write()
    listed = json.loads((tmp_path / "stylize-report.json").read_text(encoding="utf-8"))
    assert [Row(**row) for row in listed] == [ROW, BAD]


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", '[{"input": "a"}]', '[{"x": 1}]'])
def test_another_file_of_that_name_is_no_earlier_report(tmp_path: Path, content: str):
    (tmp_path / "stylize-report.json").write_text(content, encoding="utf-8")
    assert BatchReport(tmp_path).earlier == {}


def test_a_folder_that_can_not_be_made_is_a_line(tmp_path: Path):
    (tmp_path / "file").touch()
    for name in ("file", "file/inside"):
        with pytest.raises(SinkError, match="can't be made"):
            make_folder(tmp_path / name)

"""Several inputs, ``--to`` a folder: one that fails stops no other, and a report says it all."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from stylize_video.pipeline import planning, render
from stylize_video.pipeline.core.locks import folder_lock
from stylize_video.pipeline.media.fragment import work_path
from stylize_video.pipeline.styles import open as opening

from ..helpers.command import Done, one_line, run_command, run_process, start_process
from ..helpers.pictures import write_photos
from ..helpers.video import moving_scene, packets, read_video, write_clip

no_signals = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Two films, in folders, and a picture."""
    folder = tmp_path / "films"
    (folder / "day").mkdir(parents=True)
    write_clip(folder / "a.mp4", moving_scene(4))
    write_clip(folder / "day/b.mkv", moving_scene(3), audio=False)
    shutil.copy(write_photos(tmp_path / "photos", 1) / "000.png", folder / "c.png")
    return folder


def batch(films: Path, identity: Path, *words: object) -> Done:
    return run_command(*words, "--to", "out", "--style", identity, cwd=films.parent)


def rows(films: Path) -> list[dict[str, Any]]:
    """The report; both files say the same."""
    out = films.parent / "out"
    listed = json.loads((out / "stylize-report.json").read_text(encoding="utf-8"))
    with (out / "stylize-report.csv").open(encoding="utf-8", newline="") as file:
        assert [*csv.DictReader(file)] == [{k: str(v) for k, v in row.items()} for row in listed]
    return listed


def statuses(films: Path) -> dict[str, str]:
    return {Path(row["input"]).name: row["status"] for row in rows(films)}


def test_a_folder_becomes_a_folder(films: Path, identity: Path):
    done = batch(films, identity, "films")
    assert done.returncode == 0, done.stderr
    out = films.parent / "out"
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()) == [
        "a.mp4", "c.png", "day/b.mkv", "stylize-report.csv", "stylize-report.json",
    ]  # fmt: skip
    assert len(read_video(out / "a.mp4")[0]) == 4
    assert packets(out / "a.mp4", "audio") == packets(films / "a.mp4", "audio")
    first = rows(films)[0]
    assert first["input"] == str(films / "a.mp4") and first["output"] == str(out / "a.mp4")
    assert (first["status"], first["reason"], first["frames"]) == ("done", "", 4)
    assert first["seconds"] == pytest.approx(4 * 1001 / 30000, abs=1e-3) and first["took"] > 0
    lines = done.stderr.splitlines()
    assert "1/3 wrote out/a.mp4: 4 frames, 0.13 s" in lines
    assert "2/3 wrote out/c.png: 1 picture" in lines
    assert lines[-1] == "3 inputs: 3 done; see out/stylize-report.csv"


@pytest.mark.parametrize(
    "words",
    [("films/a.mp4", "films/day/b.mkv"), ("films/a.mp4", "films/c.png", "films/day/b.mkv"),
     ("films/*.mp4", "films/day/*"), ("list.txt",)],
)  # fmt: skip
def test_inputs_patterns_and_lists(films: Path, identity: Path, words: tuple[str, ...]):
    (films.parent / "list.txt").write_text("films/a.mp4\nfilms/day\n", encoding="utf-8")
    done = batch(films, identity, *words)
    assert done.returncode == 0, done.stderr
    assert statuses(films).items() >= {"a.mp4": "done", "b.mkv": "done"}.items()


def test_what_fails_stops_nothing(films: Path, identity: Path):
    (films / "bad.mp4").write_bytes(b"no film")
    (films / "bad.png").write_bytes(b"no picture")
    write_clip(films / "z.mp4", moving_scene(2))
    (films / "cut.mp4").write_bytes((films / "a.mp4").read_bytes()[:3000])
    done = batch(films, identity, "missing.mp4", "films", "rtsp://host/one", "-", "films/no*.mp4")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    failed = [row for row in rows(films) if row["status"] == "failed"]
    said = [line for line in done.stderr.splitlines() if line.startswith("stylize-video: ")]
    assert len(said) == len(failed) == 7
    for row, line in zip(failed, said, strict=True):
        assert row["reason"] in line and "\n" not in row["reason"]
        assert row["output"] == ""
        assert line.count(".mp4") <= 1
    assert statuses(films)["z.mp4"] == statuses(films)["a.mp4"] == "done"
    assert done.stderr.splitlines()[-1].startswith("11 inputs: 7 failed, 4 done; see ")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "out of memory"),
        (RuntimeError("first line\nsecond line"), "unexpected RuntimeError: first line"),
        (OSError(5, "Input/output error"), "Input/output error"),
    ],
)
def test_whatever_happens_in_one_input_the_others_are_painted(
    films: Path, identity: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
):
    whole = render.render

    def breaks(plan: Any, **how: Any) -> Any:
        if plan.target.name == "a.mp4":
            raise error
        return whole(plan, **how)

    monkeypatch.setattr(render, "render", breaks)
    done = batch(films, identity, "films")
    assert done.returncode == 1
    assert statuses(films) == {"a.mp4": "failed", "c.png": "done", "b.mkv": "done"}
    assert said in rows(films)[0]["reason"] and said in done.stderr
    assert "second line" not in done.stderr


def test_the_style_is_opened_once(films: Path, identity: Path, monkeypatch: pytest.MonkeyPatch):
    opened: list[object] = []
    whole = opening.open_style

    def counted(*args: Any) -> Any:
        opened.append(args)
        return whole(*args)

    monkeypatch.setattr(opening, "open_style", counted)
    monkeypatch.setattr(planning, "open_style", counted)
    for number in range(5):
        shutil.copy(films / "a.mp4", films / f"{number}.mp4")
    assert batch(films, identity, "films").returncode == 0
    assert len(opened) == 1 and set(statuses(films).values()) == {"done"}


@pytest.mark.parametrize("style", ["udnie", "photos/000.png", "udnie:0.5 the-scream:0.5"])
def test_a_batch_paints_as_single_runs_do(films: Path, tmp_path: Path, style: str):
    """A style that is open already has nothing left of the film before."""
    write_clip(films / "dark.mp4", [frame // 4 for frame in moving_scene(4)])
    words = ("--style", tmp_path / style if "/" in style else style, "--device", "cpu")
    done = run_command("films", "--to", "out", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("a.mp4", "dark.mp4"):
        assert run_command(films / name, tmp_path / name, *words).returncode == 0
        assert packets(tmp_path / name, "video") == packets(tmp_path / "out" / name, "video")


def test_the_second_run_skips_what_is_done_and_says_so(films: Path, identity: Path):
    assert batch(films, identity, "films").returncode == 0
    before = {
        p: p.stat().st_mtime_ns for p in films.parent.rglob("out/*.*") if "report" not in p.name
    }
    (films.parent / "out/c.png").unlink()
    done = batch(films, identity, "films")
    assert done.returncode == 0
    assert statuses(films) == {"a.mp4": "skipped", "c.png": "done", "b.mkv": "skipped"}
    assert rows(films)[0]["reason"] == "out/a.mp4 exists"
    assert "1/3 skipped films/a.mp4: out/a.mp4 exists" in done.stderr
    del before[films.parent / "out/c.png"]
    assert before == {p: p.stat().st_mtime_ns for p in before}
    assert batch(films, identity, "films", "--overwrite").returncode == 0
    assert set(statuses(films).values()) == {"done"}


def test_what_failed_is_tried_again_but_not_where_a_part_of_it_is_there(
    films: Path, identity: Path
):
    film = write_clip(films / "cut.mkv", moving_scene(60), audio=False)
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    (films / "bad.mp4").write_bytes(b"no film")
    for _ in range(3):
        done = batch(films, identity, "films")
        assert done.returncode == 1
        assert statuses(films)["cut.mkv"] == statuses(films)["bad.mp4"] == "failed", done.stderr
    assert done.stderr.count("(it failed before; --overwrite paints it again)") == 1
    write_clip(films / "bad.mp4", moving_scene(2))
    batch(films, identity, "films")
    assert statuses(films)["bad.mp4"] == "done"


def test_what_another_run_paints_is_left_to_it(films: Path, identity: Path):
    (films.parent / "out").mkdir()
    with folder_lock(work_path(films.parent / "out/a.mp4"), "lock"):
        done = batch(films, identity, "films")
    assert done.returncode == 0
    assert statuses(films) == {"a.mp4": "skipped", "c.png": "done", "b.mkv": "done"}
    assert "another run is writing out/a.mp4" in rows(films)[0]["reason"]


def test_inputs_of_one_name_and_results_that_would_be_inputs(films: Path, identity: Path):
    write_clip(films / "day/a.mp4", moving_scene(2))
    done = batch(films, identity, "films/a.mp4", "films/day/a.mp4")
    assert done.returncode == 0, done.stderr
    assert [Path(row["output"]).name for row in rows(films)] == ["a.mp4", "a-2.mp4"]
    data = (films / "a.mp4").read_bytes()
    words = ("films/a.mp4", "films/day/a.mp4", "--to", "films", "--style", identity)
    same = run_command(*words, "--overwrite", cwd=films.parent)
    assert same.returncode == 1
    assert "the result would take its own place, films/a.mp4" in same.stderr
    assert (films / "a.mp4").read_bytes() == data
    into_itself = run_command("films", "--to", "films", "--style", identity, cwd=films.parent)
    assert "results would be taken for inputs" in one_line(into_itself)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("films",), "folder films holds films: add --to FOLDER"),
        (("a", "b", "c"), "for several inputs add --to FOLDER"),
        (("--to", "out"), "--to needs inputs"),
        (("--watch", "films"), "add --to FOLDER"),
        (("films", "--to", "out", "--plan"), "--plan does not apply"),
        (("films", "--to", "out", "--preview", "2"), "--preview does not apply"),
        (("films", "--to", "out.mp4"), "is the name of a file"),
        (("films", "--to", "-"), "is no folder"),
        (("films", "--to", "rtsp://host/one"), "is no folder"),
        (("films", "--to", "films/c.png"), "is the name of a file"),
        (("films", "--to", "out", "--realtime"), "--realtime does not apply"),
        (("films", "--to", "out", "--also", "window"), "--also does not apply"),
        (("films", "--to", "out", "--loop"), "--loop does not apply"),
        (("films", "--to", "out", "--method", "gatys"), "key frames belong to one film"),
        (("films", "--to", "out", "--scenes", "x.txt"), "--scenes lists the cuts of one film"),
        (("films", "--to", "out", "--style", "no-such"), "no-such"),
        (("films", "--to", "out", "--key-every", "2"), "--key-every 2 does not apply"),
        (("--watch", "none", "--to", "out"), "--watch none is no folder"),
        (("--watch", "films", "--to", "films"), "results would be taken for inputs"),
    ],
    ids=" ".join,
)
def test_what_no_input_can_be_painted_with_is_one_line(
    films: Path, words: tuple[str, ...], said: str
):
    line = one_line(run_command(*words, cwd=films.parent))
    assert said in line
    assert not (films.parent / "out").exists()


@pytest.mark.parametrize(
    "words", [("--end", "0.05"), ("--crf", "30", "--workers", "1"), ("--start", "0.04")]
)
def test_what_is_typed_for_films_is_no_fault_of_a_picture_among_them(
    films: Path, identity: Path, words: tuple[str, ...]
):
    done = batch(films, identity, "films", *words)
    assert done.returncode == 0, done.stderr
    assert set(statuses(films).values()) == {"done"}
    assert rows(films)[0]["frames"] == {"--end": 2, "--crf": 4, "--start": 2}[words[0]]
    alone = batch(films, identity, "films/c.png", *words)
    assert "does not apply: " in one_line(alone)


def test_a_warning_says_of_which_input_it_is(
    films: Path, identity: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = render.render

    def warns(plan: Any, **how: Any) -> Any:
        render.log.warning("of %s", plan.target.name)
        return whole(plan, **how)

    monkeypatch.setattr(render, "render", warns)
    done = batch(films, identity, "films")
    notes = [line for line in done.stderr.splitlines() if "note" in line]
    assert notes == ["1/3 note: of a.mp4", "2/3 note: of c.png", "3/3 note: of b.mkv"]


def test_pictures_alone_are_a_sequence_and_with_to_a_batch(tmp_path: Path, identity: Path):
    write_photos(tmp_path / "photos", 3)
    series = run_command("photos", "o.mp4", "--style", identity, cwd=tmp_path)
    assert series.returncode == 0 and len(read_video(tmp_path / "o.mp4")[0]) == 3
    done = run_command("photos", "--to", "out", "--style", identity, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len([*(tmp_path / "out").glob("*.png")]) == 3


def test_a_result_that_lacks_something_is_said(
    films: Path, identity: Path, monkeypatch: pytest.MonkeyPatch
):
    from dataclasses import replace

    whole = render.render
    lacks = "audio stream 1"
    monkeypatch.setattr(render, "render", lambda *a, **k: replace(whole(*a, **k), losses=(lacks,)))
    assert batch(films, identity, "films/a.mp4").returncode == 3
    assert (rows(films)[0]["status"], rows(films)[0]["reason"]) == ("done", lacks)


def test_quiet_prints_what_failed_alone(films: Path, identity: Path):
    (films / "bad.mp4").write_bytes(b"no film")
    batch(films, identity, "films/a.mp4")
    done = batch(films, identity, "films", "--quiet")
    assert done.returncode == 1 and done.stdout == ""
    assert "bad.mp4" in one_line(done)
    assert len(done.stderr.splitlines()) == 1


def test_progress_as_json_names_the_inputs(films: Path, identity: Path):
    (films / "bad.mp4").write_bytes(b"no film")
    (films.parent / "out").mkdir()
    shutil.copy(films / "c.png", films.parent / "out")
    done = batch(films, identity, "films", "--json-progress")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    named = [(e["event"], Path(e["input"]).name) for e in events if "input" in e]
    assert named == [
        ("begin", "a.mp4"), ("done", "a.mp4"), ("begin", "bad.mp4"), ("failed", "bad.mp4"),
        ("skipped", "c.png"), ("begin", "b.mkv"), ("done", "b.mkv"),
    ]  # fmt: skip
    assert events[-1] == {
        "event": "report", "report": "out/stylize-report.csv", "done": 2, "failed": 1, "skipped": 1,
    }  # fmt: skip
    ended = next(e for e in events if e["event"] == "done")
    begun = [(e["number"], e["total"]) for e in events if e["event"] == "begin"]
    assert begun == [(1, 4), (2, 4), (4, 4)]
    assert ended.keys() >= {"input", "output", "frames", "seconds", "took", "reason"}
    assert done.stderr == ""


def test_a_report_that_can_not_be_written_stops_nothing(films: Path, identity: Path):
    (films.parent / "out/stylize-report.csv").mkdir(parents=True)
    done = batch(films, identity, "films")
    assert done.returncode == 1
    assert "the report: " in one_line(done)
    assert (films.parent / "out/day/b.mkv").exists()


def test_no_file_stays_open(films: Path, identity: Path):
    """A batch may be longer than the number of files that a program may have open."""
    if sys.platform != "linux":
        pytest.skip("only Linux lists open files")
    for number in range(12):
        shutil.copy(films / "a.mp4", films / f"{number}.mp4")
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))\n"
        "from stylize_video.cli.main import main; main()"
    )
    words = ("films", "--to", "out", "--style", identity, "--quiet")
    process = start_process(*words, code=code, cwd=films.parent)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")


SLOW = ("--style", "udnie", "--steady", "off", "--threads", "1", "--chunk-seconds", "4")


def wait_for(process: Popen[str], text: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    pytest.fail(f"it ended before {text!r}")


@pytest.fixture
def long_films(films: Path) -> Path:
    """Films of which the second takes a while: twenty seconds at five frames a second."""
    write_clip(films / "b.mp4", moving_scene(100, 320, 240), step=6000, audio=False)
    return films


@no_signals
def test_after_a_kill_what_is_done_is_skipped_and_the_interrupted_one_is_gone_on_with(
    long_films: Path,
):
    words = ("films", "--to", "out", *SLOW)
    process = start_process(*words, cwd=long_films.parent)
    wait_for(process, "2/4 films/b.mp4")
    wait_for(process, "painting: 50 %")
    process.kill()
    process.communicate(timeout=60)
    assert statuses(long_films) == {"a.mp4": "done"}
    assert work_path(long_films.parent / "out/b.mp4").is_dir()
    done = run_process(*words, cwd=long_films.parent)
    assert done.returncode == 0, done.stderr
    assert "frames are painted already" in done.stderr
    assert list(statuses(long_films).values()) == ["skipped", "done", "done", "done"]
    assert len(read_video(long_films.parent / "out/b.mp4")[0]) == 100


@no_signals
@pytest.mark.parametrize(("name", "seconds"), [("SIGINT", "4"), ("SIGTERM", "40")])
def test_a_signal_finishes_what_is_in_work_and_begins_no_other(
    long_films: Path, name: str, seconds: str
):
    """And the next run goes on, or begins again what was stopped in its first chunk."""
    words = ("films", "--to", "out", *SLOW, "--chunk-seconds", seconds)
    process = start_process(*words, cwd=long_films.parent)
    wait_for(process, "2/4 films/b.mp4")
    wait_for(process, "painting: 50 %")
    process.send_signal(getattr(signal, name))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert statuses(long_films) == {"a.mp4": "done", "b.mp4": "stopped"}
    assert 0 < rows(long_films)[1]["frames"] < 100
    last = errors.splitlines()[-1]
    assert last == "4 inputs: 1 done, 1 stopped, 2 not begun; see out/stylize-report.csv"
    done = run_process(*words, cwd=long_films.parent)
    assert done.returncode == 0, done.stderr
    assert list(statuses(long_films).values()) == ["skipped", "done", "done", "done"]
    assert len(read_video(long_films.parent / "out/b.mp4")[0]) == 100


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether something holds before that time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not holds():
        time.sleep(0.1)
    return holds()


@no_signals
def test_a_watched_folder(films: Path, identity: Path):
    """Begun: what is complete; not begun: what grows; ended by Ctrl-C, with a report."""
    folder, out = films.parent / "watched", films.parent / "out"
    folder.mkdir()
    shutil.copy(films / "a.mp4", folder / "first.mp4")
    words = ("--watch", "watched", "--to", "out", "--style", identity)
    process = start_process(*words, cwd=films.parent)
    wait_for(process, "watching")
    data = (films / "a.mp4").read_bytes()
    with (folder / "grows.mp4").open("wb") as file:
        begun = time.monotonic()
        for number in range(7):
            file.write(data[number * len(data) // 7 : (number + 1) * len(data) // 7])
            file.flush()
            time.sleep(1)
        assert wait_until((out / "first.mp4").exists, 30)
        assert not (out / "grows.mp4").exists() and not work_path(out / "grows.mp4").exists()
    shutil.copy(films / "a.mp4", films / "moves.mp4")
    (films / "moves.mp4").rename(folder / "moves.mp4")
    assert wait_until(lambda: (out / "grows.mp4").exists() and (out / "moves.mp4").exists(), 30)
    assert (out / "grows.mp4").stat().st_mtime - time.time() + time.monotonic() > begun + 7
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "3 inputs: 3 done; see out/stylize-report.csv" in errors
    assert set(statuses(films).values()) == {"done"} and len(rows(films)) == 3

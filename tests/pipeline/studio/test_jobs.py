"""Jobs of a studio: each is the real command, and none is lost."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stylize_video.pipeline.core.files import digest
from stylize_video.pipeline.studio.folder import StudioFolder
from stylize_video.pipeline.studio.jobs import Job, JobList
from stylize_video.pipeline.studio.runner import Runner

from ...helpers.command import run_command, start_process
from ...helpers.studio import Visitor, running_studio
from ...helpers.video import moving_scene, read_video, write_clip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, identity: Path) -> Path:
    folder = tmp_path_factory.mktemp("studio") / "films"
    folder.mkdir()
    write_clip(folder / "film.mp4")
    write_clip(folder / "long.mp4", moving_scene(180, 160, 120))
    (folder / "identity.onnx").write_bytes(identity.read_bytes())
    return folder


@pytest.fixture(scope="module")
def studio(folder: Path) -> Iterator[Visitor]:
    with running_studio(folder) as visitor:
        yield visitor


def request(studio: Visitor, name: str, **values: Any) -> dict[str, Any]:
    clip = next(c["id"] for c in studio.get("/api/clips").json if c["name"] == name)
    style = next(s["name"] for s in studio.get("/api/styles").json if s["title"] == "identity")
    settings = {"style": style, "device": "cpu", **values.pop("settings", {})}
    return {"kind": "render", "clip": clip, "settings": settings, **values}


def finished(studio: Visitor, asked: dict[str, Any]) -> dict[str, Any]:
    answer = studio.ask("POST", "/api/jobs", asked)
    assert answer.status == 201, answer
    path = f"/api/jobs/{answer.json['id']}"
    return studio.until(path, lambda job: job["state"] not in ("queued", "running"))


def test_a_render_has_the_bytes_of_the_command(studio: Visitor, folder: Path, tmp_path: Path):
    job = finished(studio, request(studio, "film.mp4"))
    assert (job["state"], job["progress"], job["label"]) == ("done", 1.0, "film-identity.mp4")
    result = studio.get(job["result"])
    assert result.body == (folder / "results" / "film-identity.mp4").read_bytes()
    words = [folder / "film.mp4", tmp_path / "o.mp4", "--style", folder / "identity.onnx"]
    assert run_command(*words, "--device", "cpu").returncode == 0
    assert result.body == (tmp_path / "o.mp4").read_bytes()
    again = studio.ask("POST", "/api/command", request(studio, "film.mp4")).json
    assert "film-identity-2.mp4" in again["command"]
    part = studio.ask("GET", job["result"], headers={"Range": "bytes=0-3"})
    assert (part.status, part.body) == (206, result.body[:4])


def test_frames_come_as_a_zip(studio: Visitor, folder: Path):
    job = finished(studio, request(studio, "film.mp4", output="zip", end=0.2))
    path = folder / "results" / job["label"]
    path.write_bytes(studio.get(job["result"], download=1).body)
    with zipfile.ZipFile(path) as file:
        assert file.namelist() == [f"{n:06d}.png" for n in range(1, 7)]
        assert file.read("000001.png").startswith(b"\x89PNG")


def test_a_preview_is_a_part_and_goes_with_its_job(studio: Visitor, folder: Path):
    job = finished(studio, request(studio, "film.mp4", kind="preview", start=0.2, end=0.7))
    assert job["state"] == "done", job
    shown = folder / "shown.mp4"
    shown.write_bytes(studio.get(job["result"]).body)
    assert len(read_video(shown)[0]) == pytest.approx(15, abs=1)
    shown.unlink()
    assert not list(folder.rglob("results/*preview*"))
    assert studio.ask("DELETE", f"/api/jobs/{job['id']}").status == 204
    assert not list(folder.rglob("preview.mp4"))
    assert studio.get(job["result"]).status == 404


PLAYS = """
import json, os, signal, sys
print(json.dumps({"event": "progress", "label": "painting", "done": 3, "total": 4}))
print("no JSON")
print(json.dumps({"event": "note", "text": "note: sound is left out"}), flush=True)
if sys.argv[2] == "fails":
    print("warning\\nstylize-video: there is no style 'x'", file=sys.stderr)
    sys.exit(1)
if sys.argv[2] == "dies":
    os.kill(os.getpid(), signal.SIGKILL)
print(json.dumps({"event": "done", "output": "o.mp4", "missing": ["the sound"]}))
sys.exit(3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is sent another way there")
@pytest.mark.parametrize(
    ("word", "state", "message"),
    [
        ("fails", "failed", "there is no style 'x'"),
        ("dies", "failed", "The job was killed. Resume goes on after what is finished."),
        ("loses", "done", "missing: the sound"),
    ],
)
def test_how_a_command_ended_is_said_in_one_line(
    tmp_path: Path, word: str, state: str, message: str
):
    folder = StudioFolder(tmp_path)
    over = threading.Event()
    jobs = JobList(folder, lambda job: over.set() if job.is_over else None)
    jobs.add(Job("a" * 12, "render", "c", "film.mp4", [word], "", str(tmp_path / "o.mp4")))
    runner = Runner(folder, jobs, [sys.executable, "-c", PLAYS], lambda job, last: {})
    runner.start()
    assert over.wait(20)
    runner.close()
    job = jobs.get("a" * 12)
    assert job is not None
    assert (job.state, job.message, job.notes) == (state, message, ["sound is left out"])
    assert job.progress == (1.0 if state == "done" else 0.75)


def test_wrong_requests_queue_nothing(studio: Visitor):
    before = len(studio.get("/api/jobs").json)
    good = request(studio, "film.mp4")
    for wrong in (
        {"kind": "format"},
        {"clip": "0" * 12},
        {"output": "exe"},
        {"start": "1; rm"},
        {"settings": ["style"]},
        {"settings": {"overwrite": True}},
        {"settings": {"strength": 5}},
    ):
        answer = studio.ask("POST", "/api/jobs", good | wrong)
        assert answer.status in (400, 404) and answer.json["error"], wrong
    assert len(studio.get("/api/jobs").json) == before
    assert studio.ask("POST", "/api/jobs/none/cancel").status == 404


SLOW = {"chunk_seconds": 4, "encoder_option": {"preset": "veryslow"}}


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is sent another way there")
def test_a_studio_that_is_killed_loses_nothing(folder: Path, tmp_path: Path):
    """Its job stops too; the next studio offers to resume it, and the bytes are the same."""
    own = tmp_path / "films"
    own.mkdir()
    for name in ("long.mp4", "identity.onnx"):
        (own / name).write_bytes((folder / name).read_bytes())
    process = start_process("studio", own, "--no-browser")
    assert process.stdout is not None and process.stderr is not None
    studio = Visitor(process.stdout.readline().rpartition(" ")[2])
    asked = request(studio, "long.mp4", settings=SLOW)
    job = studio.ask("POST", "/api/jobs", asked).json
    studio.until(f"/api/jobs/{job['id']}", lambda job: job["progress"] > 0.7)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    process.stderr.close()
    assert json.loads((own / ".stylize-studio" / "jobs.json").read_text())[0]["state"] == "running"
    with running_studio(own) as studio:
        path = f"/api/jobs/{job['id']}"
        job = studio.get(path).json
        assert (job["state"], job["resumable"]) == ("stopped", True)
        assert studio.ask("POST", f"{path}/resume").status == 200
        job = studio.until(path, lambda job: job["state"] not in ("queued", "running"))
        assert job["state"] == "done", job
        assert any("painted already" in note for note in job["notes"]), job["notes"]
        resumed = studio.get(job["result"]).body
    whole = tmp_path / "o.mp4"
    options = ["--device", "cpu", "--chunk-seconds", 4, "--encoder-option", "preset=veryslow"]
    run_command(own / "long.mp4", whole, "--style", own / "identity.onnx", *options)
    assert digest([resumed]) == digest([whole.read_bytes()])


def test_cancel_keeps_what_there_is(studio: Visitor, folder: Path):
    asked = request(studio, "long.mp4", settings=SLOW)
    job = studio.ask("POST", "/api/jobs", asked).json
    path = f"/api/jobs/{job['id']}"
    waiting = studio.ask("POST", "/api/jobs", asked).json
    studio.until(path, lambda job: job["progress"] > 0.1)
    assert studio.get(f"/api/jobs/{waiting['id']}").json["state"] == "queued"
    assert studio.ask("DELETE", path).status == 409
    assert studio.ask("POST", f"/api/jobs/{waiting['id']}/cancel").json["state"] == "stopped"
    studio.ask("POST", f"{path}/cancel")
    job = studio.until(path, lambda job: job["state"] != "running")
    assert (job["state"], job["resumable"]) == ("stopped", True), job
    beginning = folder / "results" / job["label"]
    assert 0 < len(read_video(beginning)[0]) < 180
    assert list(beginning.parent.glob(".*.work"))
    assert studio.ask("DELETE", path).status == 204  # it is given up
    assert beginning.exists() and not list(beginning.parent.glob(".*.work"))


def test_a_list_of_jobs_that_is_damaged_is_put_aside(tmp_path: Path):
    folder = StudioFolder(tmp_path / "films")
    changes: list[Job] = []
    jobs = JobList(folder, changes.append)
    jobs.add(Job("a" * 12, "render", "c", "film.mp4", ["run"], "", str(tmp_path / "o.mp4")))
    assert [job.id for job in JobList(folder, changes.append).all()] == ["a" * 12]
    (folder.state / "jobs.json").write_text('[{"id": 5')
    assert JobList(folder, changes.append).all() == []
    assert (folder.state / "jobs-unreadable.json").read_text() == '[{"id": 5'

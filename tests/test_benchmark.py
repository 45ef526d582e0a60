"""The benchmark of the main job: that it measures, not how fast the job is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .helpers.architecture import ROOT
from .helpers.video import moving_scene, write_clip

pytest.importorskip("resource", reason="CPU times of processes need POSIX")

SCRIPTS = ROOT / "benchmarks"


def benchmark(clip: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Run the script; what it keeps in the temporary folder stays beside the clip."""
    return script("end_to_end.py", clip, clip, *words)


def script(name: str, clip: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / name), *map(str, words)]
    environment = {**os.environ, "TMPDIR": str(clip.parent)}
    return subprocess.run(command, cwd=clip.parent, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "in.mp4", moving_scene(48, 192, 108))


@pytest.fixture(scope="module")
def jobs() -> Iterator[None]:
    """``import jobs``, as the scripts do."""
    sys.path.insert(0, str(SCRIPTS))
    yield
    sys.path.remove(str(SCRIPTS))


@pytest.mark.slow
def test_a_job_is_measured_against_johnsons_net(clip: Path, record_property: Any):
    words = ["--lengths", 12, 48, "--stage-frames", 40, "--rounds", 1, "--johnson", "--json"]
    done = benchmark(clip, *words)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert re.search("192x108, 29.97. frames/s, with sound", found["clip"])
    assert not found["notes"], "a stage is not found any more: see PROBES in jobs/probes.py"
    (figures,) = found["figures"].values()
    whole, stages = (
        figures["Whole job"],
        figures["By stage, core-ms per frame, alone in one thread"],
    )
    for figure in whole.values():
        assert figure["least"] <= figure["median"] <= figure["most"]
    assert whole["whole of 48 frames, frames/s"]["least"] > 0
    for stage in ("decode", "flow", "canvas", "net, with pad and crop", "warp"):
        assert stages[stage]["median"] > 0
    assert stages["sum"]["median"] > stages["net, with pad and crop"]["median"]
    once = figures["Once"]
    assert once["of it the first shot's start"]["median"] > 0
    assert once["a later shot's start, core-ms"]["median"] > 0
    assert once["command: --help, core-ms"]["median"] < once["of it start and imports"]["median"]
    threads = figures["By thread, core-ms per frame of the slope"]
    assert {"decode", "cuts, motion, canvas", "workers of the net", "warp and blend"} <= {*threads}
    assert figures["Peak memory, MiB"]["of 48 frames"]["median"] > 50
    ratio = whole["whole of 48 frames, frames/s, over Johnson's"]["median"]
    record_property("frames/s of a tiny whole job over Johnson's net", f"{ratio:.2f}")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no repository")
def test_a_commit_is_compared_with_what_stands_here(clip: Path):
    words = ["--compare", "commit:HEAD", "--memory", "2", "--rounds", 1, "--markdown"]
    done = benchmark(clip, *words, "--source-size", "64x48")
    assert done.returncode == 0, done.stderr
    assert "64x48" in done.stdout
    head, _, row = done.stdout.splitlines()[-3:]
    assert head.startswith("| Peak memory, MiB | ") and head.endswith(" | after/before |")
    assert row.startswith("| of 2 frames | ") and row.count("|") == 5


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--lengths", 40, 900], "has 48 frames, and 900 are needed: name a longer clip"),
        (["--compare", "commit:no-such"], "--compare commit:no-such: git knows no such commit"),
        (["--compare", "yesterday"], "write commit:REF or set:NAME=VALUE"),
        (["--set", "steady"], "'steady' is not NAME=VALUE, as in steady=off"),
        (["--set", "stedy=off", "--stage-frames", 0], "stedy"),
    ],
)
def test_what_cant_be_measured_is_one_line(clip: Path, words: list[object], message: str):
    done = benchmark(clip, "--lengths", 2, 4, *words)
    assert done.returncode == 1
    assert message in done.stderr and done.stderr.count("\n") == 1


def test_what_is_no_clip_is_one_line(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("no film")
    for name in ("notes.txt", "none.mp4"):
        done = benchmark(tmp_path / name)
        assert done.returncode == 1
        assert name in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.usefixtures("jobs")
def test_time_goes_to_the_innermost_stage(monkeypatch: pytest.MonkeyPatch):
    from jobs import probes  # pyright: ignore[reportMissingImports]

    now = 0.0
    monkeypatch.setattr(probes.time, "process_time", lambda: now)

    def work(seconds: float) -> None:
        nonlocal now
        now += seconds

    meter = probes.Meter()
    with meter.inside("warp"):
        work(1)
        with meter.inside("light"):
            work(2)
        work(4)
    with meter.inside("shot", whole=True):
        work(8)
        with meter.inside("light"):
            work(16)
    work(32)
    meter.settle()
    seconds = {stage: t / 1000 for stage, t in meter.milliseconds.items()}
    assert seconds == {"warp": 5, "light": 2, "shot": 24, "rest": 32}
    assert meter.visits == {"shot": [24000]}


@pytest.mark.usefixtures("jobs")
def test_a_frames_time_is_that_of_frames_that_have_settled(monkeypatch: pytest.MonkeyPatch):
    """The first ones fill queues, and some stages work at every fourth frame only."""
    from jobs import probes  # pyright: ignore[reportMissingImports]

    now = 0.0
    monkeypatch.setattr(probes.time, "process_time", lambda: now)
    meter = probes.Meter()
    for number in range(48):
        with meter.inside("net"):
            now += 0.5 if number == 0 else 0.02
        with meter.inside("light"):
            now += 0.004 if number % 4 == 0 else 0
        meter.end_of_frame()
    assert meter.per_frame() == pytest.approx({"rest": 0, "net": 20, "light": 1})


@pytest.mark.usefixtures("jobs")
def test_tables_have_medians_spreads_and_ratios():
    from jobs.report import as_markdown, as_text, tables  # pyright: ignore[reportMissingImports]
    from jobs.runs import Samples  # pyright: ignore[reportMissingImports]

    before, after = Samples(), Samples()
    for value in (40.0, 50.0, 42.0):
        before.add("Once", "slope", value)
        after.add("Once", "slope", value / 2)
    after.add("Once", "new", 0.25)
    (table,) = tables({"old": before, "now": after})
    assert as_markdown(table).splitlines() == [
        "| Once | old | now | after/before |",
        "|---|---|---|---|",
        "| slope | 42.0 (40.0–50.0) | 21.0 (20.0–25.0) | 0.50 |",
        "| new |  | 0.25 |  |",
    ]
    assert as_text(table).splitlines()[-1].split() == ["new", "0.25"]


@pytest.mark.slow
@pytest.mark.browser
def test_a_live_run_is_measured_with_a_browser_beside_it(clip: Path, browser: str):
    words = ["--size", "192x108", "--rate", 30, "--seconds", 3, "--warm-up", 2]
    done = script("live.py", clip, "page", clip, *words, "--chromium", browser)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    frames = found["frames"]
    assert 0 < frames["displayed by the browser"] <= frames["painted"] + 1
    assert frames["painted"] <= frames["came in"] + 2
    output, screen = found["capture to output"], found["capture to the browser's screen"]
    assert 0 < output["p50, ms"] <= screen["p50, ms"] <= screen["p99, ms"] < 10_000
    assert found["cores in use"]["this program"] > 0
    assert found["cores in use"]["the browser"] > 0

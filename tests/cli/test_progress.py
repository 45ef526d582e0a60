"""What the command prints while it works."""

from __future__ import annotations

import json
from pathlib import Path

from ..helpers.command import run_command
from ..helpers.video import MakeClip


def test_the_first_line_says_style_and_device(tmp_path: Path, make_clip: MakeClip, identity: Path):
    done = run_command(make_clip(), tmp_path / "o.mp4", "--style", identity)
    assert done.returncode == 0
    assert done.stderr.splitlines()[0].startswith(("identity on cpu: ", "identity on cuda: "))
    assert done.stderr.splitlines()[-1] == f"wrote {tmp_path / 'o.mp4'}: 30 frames, 1.00 s"
    assert done.stdout == ""


def test_without_a_terminal_there_is_a_line_per_tenth(
    tmp_path: Path, make_clip: MakeClip, identity: Path
):
    done = run_command(make_clip(), tmp_path / "o.mp4", "--style", identity)
    lines = [line for line in done.stderr.splitlines() if line.startswith("painting:")]
    assert 9 <= len(lines) <= 11
    assert lines[0] == "painting: 3 % · measuring speed"
    assert all("frames/s (" in line and line.endswith(" left") for line in lines[1:])


def test_quiet_says_nothing(tmp_path: Path, make_clip: MakeClip, identity: Path):
    done = run_command(make_clip(), tmp_path / "o.mp4", "--style", identity, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_json_progress_is_json(tmp_path: Path, make_clip: MakeClip, identity: Path):
    done = run_command(make_clip(), tmp_path / "o.mp4", "--style", identity, "--json-progress")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["done"] for e in events if e["event"] == "progress"][-1] == 30
    assert events[-1]["event"] == "done"
    assert events[-1]["frames"] == 30

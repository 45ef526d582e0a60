"""A few of the cases of ``make fuzz``, and that it tells a fault when there is one."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="cases are forks")


def fuzz(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.fuzz", *words]
    root = Path(__file__).parents[1]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("first", ["0", "195"])
def test_damaged_files_are_painted_or_refused(first: str):
    """Case 195 is a video of a kind that FFmpeg has no name for."""
    done = fuzz("15", "--first", first)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no fault in 15 cases" in done.stdout


def test_damage_is_always_the_same_and_always_damage():
    from .fuzz import KINDS, damage

    data = bytes(range(256)) * 40
    made = [damage(data, random.Random(number)) for number in range(50)]
    assert made == [damage(data, random.Random(number)) for number in range(50)]
    assert sum(each != data for each in made) > 45
    assert damage(b"", random.Random(1)) == b""
    assert len(KINDS) == 15


def test_what_is_no_line_is_a_fault(tmp_path: Path):
    from .fuzz import Ended, _outcome

    assert _outcome(0, "wrote o.mp4\n", 0) == "painted"
    assert _outcome(0, "note: x is damaged\nwrote o.mp4\n", 0) == "painted with a note"
    assert _outcome(1 << 8, "stylize-video: no\n", 0) == "refused"
    assert _outcome(1 << 8, "stylize-video: no\nlibpng error: x\n", 0) == "NOT ONE LINE"
    assert _outcome(1 << 8, "", 0) == "NOT ONE LINE"
    assert _outcome(1 << 8, "Traceback (most recent call last):\n", 0) == "TRACEBACK"
    assert _outcome(11, "", 0) == "CRASH"
    assert _outcome(0, "", 2 << 30) == "MEMORY"
    assert Ended("CRASH", 0, 0, "").is_fault
    assert not Ended("refused", 0, 0, "").is_fault

"""Odd names, and names as long as the disk takes, for whatever is read and written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import cv2
import pytest
from stylize_video.pipeline.imaging.lut import identity, write_cube

from ..helpers.command import run_command
from ..helpers.video import moving_scene, write_clip

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other limits")

LONGEST = {
    "letters": "x" * 251,
    "umlauts": "ü" * 125 + "x",
    "kanji": "映" * 83 + "xx",
    "faces": "\N{GRINNING FACE}" * 62 + "xyz",
}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a table, a short clip and a picture; nothing of it is as long as a name can."""
    write_cube(identity(2), tmp_path / "i.cube", "identity")
    write_clip(tmp_path / "in.mp4", moving_scene(3), audio=False)
    cv2.imwrite(str(tmp_path / "in.png"), moving_scene(1)[0])
    return tmp_path


@pytest.mark.parametrize("name", LONGEST.values(), ids=LONGEST)
def test_the_longest_names(here: Path, name: str):
    assert len(name.encode()) == 251
    clip, table = here / f"{name}.mp4", here / f"{name[:-1]}.cube"
    (here / "in.mp4").rename(clip)
    (here / "i.cube").rename(table)
    first = run_command(clip, "--style", table)  # INPUT-STYLE.mp4: both are too long together
    second = run_command(clip, "--style", table)
    named = run_command(clip, here / f"{name}.mkv", "--style", table)
    again = run_command(clip, here / f"{name}.mkv", "--style", table, "--overwrite")
    pictures = run_command(clip, here / f"{name}{'y' * 4}", "--style", table)
    for done in (first, second, named, again, pictures):
        assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in here.iterdir())
    assert len(names) == 7, names
    assert f"{name}.mkv" in names
    assert sum(n.startswith(name[0] * 50) and n.endswith(".mp4") for n in names) == 3
    assert not any(n.startswith(".") for n in names)


def test_the_longest_name_of_tables_and_pictures(here: Path):
    out = here / f"{'x' * 250}.cube"
    done = run_command("lut", here / "in.mp4", here / "in.png", out, "--per-shot")
    assert done.returncode == 0, done.stderr
    made = [path for path in here.iterdir() if path.name.endswith("-001.cube")]
    assert len(made) == 1
    done = run_command(here / "in.png", here / f"{'x' * 251}.png", "--style", here / "i.cube")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "-in.mp4",
        "--style.mp4",
        " in .mp4",
        "in..mp4",
        "in.mp4 ",
        "%05d.mp4",
        "a:b.mp4",
        "[1].mp4",
        "*.mp4",
        "'\"`$(x)&;|.mp4",
        "\N{RIGHT-TO-LEFT OVERRIDE}in.mp4",
        "e\N{COMBINING ACUTE ACCENT}.mp4",
        os.fsdecode(b"caf\xe9.mp4"),
        "http.mp4",
        "~.mp4",
        "#%25.mp4",
    ],
)
def test_odd_names(here: Path, name: str):
    (here / "in.mp4").rename(here / name)
    out = f"out-{name}" if name.endswith(".mp4") else f"{name}.mp4"
    words = ["run", "--style", "i.cube", "--", name]
    for done in (run_command(*words, cwd=here), run_command(*words, out, cwd=here)):
        assert done.returncode == 0, done.stderr
    assert (here / out).is_file()
    assert len(list(here.iterdir())) == 5

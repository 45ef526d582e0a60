"""The command itself: help, version, exit codes."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
from stylize_video.cli.main import COMMANDS, Command, _repeat_style
from stylize_video.pipeline.core.config import GROUPS

from ..helpers.command import one_line, plain_environment, run_command
from ..helpers.video import MakeClip


def test_wrong_usage_exits_2(tmp_path: Path):
    assert run_command("in.mp4", "o.mp4", "--no-such-option").returncode == 2
    assert run_command("in.mp4", "o.mp4", "--crf", "many").returncode == 2
    assert run_command("in.mp4", "o.mp4", "--encoder-option", "x").returncode == 2


@pytest.mark.parametrize(
    "words",
    [
        ["run", "LONG.mp4"],
        ["run", "IN", "LONG.mp4", "--style", "STYLE"],
        ["run", "IN", "LONG/o.mp4", "--style", "STYLE"],
        ["run", "IN", "o.mp4", "--style", "LONG.cube"],
        ["run", "IN", "o.mp4", "--style", "LONG.onnx"],
        ["run", "IN", "o.mp4", "--style", "STYLE", "--mask", "LONG.png"],
        ["live", "LONG.mp4", "window"],
        ["lut", "IN", "LONG.png", "o.cube"],
        ["evaluate", "LONG.mp4", "LONG.mp4"],
        ["styles", "--sheet", "LONG.png", "--frame", "IN"],
    ],
    ids=" ".join,
)
def test_a_name_too_long_for_any_disk_is_a_line(
    tmp_path: Path, make_clip: MakeClip, identity: Path, words: list[str]
):
    names = {"IN": str(make_clip(audio=False)), "STYLE": str(identity)}
    typed = [names.get(word, word).replace("LONG", "9" * 5000) for word in words]
    line = one_line(run_command(*typed, cwd=tmp_path))
    assert "File name too long" in line
    assert len(line) < 200


def test_run_is_the_default_command(tmp_path: Path, make_clip: MakeClip, identity: Path):
    clip = make_clip()
    assert run_command("run", clip, tmp_path / "a", "--style", identity).returncode == 0
    assert run_command("--style", identity, clip, tmp_path / "b").returncode == 0
    # Pictures, as x264 does not always write the same bytes for the same frames.
    a, b = ([p.read_bytes() for p in sorted((tmp_path / x).iterdir())] for x in "ab")
    assert a == b and len(a) == 30


@pytest.mark.parametrize(
    "command",
    [[], ["run"], ["train"], ["export"], ["styles"], ["evaluate"], ["export-flow"], ["paint"]],
)
def test_help(command: list[str]):
    done = run_command(*command, "--help", env=plain_environment())
    assert done.returncode == 0
    assert "Usage" in done.stdout


@pytest.mark.parametrize(
    "command", [[], *([name] for group in COMMANDS.values() for name in group)]
)
def test_help_names_types_in_words(command: list[str]):
    text = run_command(*command, "--help", env=plain_environment()).stdout
    assert "─ Options ─" in text or "─ Style ─" in text
    for tag in ("<bool>", "<str>", "<int>", "<float>", "<path>", "<list", " range>"):
        assert tag not in text


def test_the_command_alone_shows_three_examples():
    done = run_command()
    assert done.returncode == 0
    assert done.stdout.count("\n  stylize-video ") == 3


def test_help_has_the_commands_in_groups_and_the_options_in_panels():
    commands = run_command("--help", env=plain_environment()).stdout
    places = [commands.index(f"─ {group} ─") for group in COMMANDS]
    assert places == sorted(places)
    options = run_command("run", "--help", env=plain_environment()).stdout
    places = [options.index(f"─ {title} ─") for title, _ in GROUPS]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("name", "command"), [row for group in COMMANDS.values() for row in group.items()]
)
def test_a_command_says_in_the_list_what_it_says_itself(name: str, command: Command):
    function = getattr(import_module(f"stylize_video.cli.{command.module}"), command.function)
    first = str(function.__doc__).strip().partition("\n\n")[0]
    assert command.summary == " ".join(first.split())


def test_version():
    assert run_command("--version").stdout.strip() == f"stylize-video {version('stylize-video')}"


def test_python_runs_the_package():
    # An environment from before cli/entry was there needs pip install -e . once more.
    done = subprocess.run(
        [sys.executable, "-m", "stylize_video", "--version"], capture_output=True, text=True
    )
    assert done.stdout == run_command("--version").stdout, done.stderr


def test_the_first_of_several_styles_may_be_joined_by_a_sign():
    assert _repeat_style(["--style=a:0.7", "b:0.3", "x"]) == [
        "--style=a:0.7",
        "--style",
        "b:0.3",
        "x",
    ]
    assert _repeat_style(["--style", "a", "in:1.mp4"]) == ["--style", "a", "in:1.mp4"]

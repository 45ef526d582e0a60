"""What a terminal would obey is written out, wherever a name or a title is printed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import av
import pytest
from stylize_video.cli.printable import printable
from stylize_video.cli.progress import Report

from ..helpers.command import Done, one_line, run_command
from ..helpers.onnx_files import write_contract_model
from ..helpers.video import MakeClip

EVIL = "a\x1b[31mb\rc\nd\u202ee[red]:smile:"
WRITTEN_OUT = r"a\x1b[31mb\rc\nd\u202ee[red]:smile:"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")


def printed(done: Done) -> str:
    """All that was printed, which commands no terminal."""
    text = done.stdout + done.stderr
    assert all(c == "\n" or printable(c) == c for c in text), ascii(text)
    return text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("映画　é.mp4", "映画　é.mp4"),
        ("a\N{ZERO WIDTH JOINER}b", "a\N{ZERO WIDTH JOINER}b"),
        (EVIL, WRITTEN_OUT),
        ("\x9b31m\x7f\x00", r"\x9b31m\x7f\x00"),
        ("\u2028\u2066", r"\u2028\u2066"),
        (b"\xff\xe9.mp4".decode("utf-8", "surrogateescape"), r"\xff\xe9.mp4"),
    ],
)
def test_only_what_a_terminal_obeys_is_written_out(name: str, shown: str):
    assert printable(name) == shown


def test_the_lines_of_a_run(make_clip: MakeClip, tmp_path: Path):
    source, style = make_clip(f"{EVIL}.mp4"), tmp_path / f"s{EVIL}.onnx"
    write_contract_model(style)
    out = tmp_path / f"out{EVIL}.mp4"
    done = run_command(source, out, "--style", style)
    assert done.returncode == 0
    assert f"s{WRITTEN_OUT} on cpu: {tmp_path}/{WRITTEN_OUT}.mp4" in printed(done)
    assert f"out{WRITTEN_OUT}.mp4: 30 frames" in printed(done)
    planned = run_command(source, tmp_path / f"o{EVIL}.mkv", "--style", style, "--plan")
    assert f"{WRITTEN_OUT}.mp4: 64x48" in printed(planned)
    shutil.copy(source, tmp_path / "in.mp4")
    taken = run_command(tmp_path / "in.mp4", out, "--style", style)
    assert f"out{WRITTEN_OUT}.mp4 exists" in printed(taken)


@pytest.mark.parametrize(
    "words",
    [
        ["run", f"{EVIL}.mp4"],
        ["run", "IN", "o.mp4", "--style", f"{EVIL}.cube"],
        ["run", "IN", "o.mp4", "--style", EVIL],
        ["run", "IN", f"{EVIL}/o.mp4"],
        ["run", "IN", f"o.{EVIL}"],
        ["run", "IN", "o.mp4", "--config", f"{EVIL}.yaml"],
        ["run", "IN", "o.mp4", "--mask", f"{EVIL}.png"],
        ["run", "IN", "o.mp4", "--codec", EVIL],
        ["run", "IN", "o.mp4", "--encoder-option", f"{EVIL}=1"],
        ["lut", "IN", f"{EVIL}.png", "o.cube"],
        ["evaluate", f"{EVIL}.mp4", "o.mp4"],
    ],
)
def test_refusals(make_clip: MakeClip, tmp_path: Path, words: list[str]):
    clip = make_clip(audio=False)
    done = run_command(*(str(clip) if word == "IN" else word for word in words), cwd=tmp_path)
    printed(done)
    assert r"\x1b[31mb\rc\nd" in one_line(done)


def test_a_wrong_option(make_clip: MakeClip, tmp_path: Path):
    done = run_command(make_clip(audio=False), tmp_path / "o.mp4", "--encoder-option", "a\x1b[31m")
    assert done.returncode == 2
    assert r"a\x1b[31m" in printed(done)


def test_a_title_of_a_stream(tmp_path: Path, make_clip: MakeClip):
    source, titled = make_clip(), tmp_path / "titled.mkv"
    with av.open(source) as read, av.open(titled, "w") as out:
        pairs = {s.index: out.add_stream_from_template(s) for s in read.streams}
        for stream in pairs.values():
            stream.metadata["title"] = "T\x1b[31m"
            stream.metadata["language"] = "e\x1bg"
        for packet in read.demux():
            if packet.dts is not None:
                packet.stream = pairs[packet.stream.index]
                out.mux(packet)
    done = run_command(titled, tmp_path / "o.gif", "--strength", 0, "--plan")
    assert done.returncode == 0, done.stderr
    assert "audio stream 1" in printed(done)
    printed(run_command(titled, tmp_path / "o.gif", "--strength", 0))


def test_a_note_is_printed_by_the_innermost_report_only(capsys: pytest.CaptureFixture[str]):
    import logging

    log = logging.getLogger("stylize_video.test")
    with Report().notes():
        with Report(quiet=True).notes():
            log.warning("unseen")
        log.warning("a\x1b[31m")
    assert capsys.readouterr().err == "note: a\\x1b[31m\n"


def test_the_bar_of_a_terminal_shows_names_as_typed(monkeypatch: pytest.MonkeyPatch):
    import io

    from rich.console import Console

    report = Report()
    report.console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with report.progress("[red]paint", 2, "frames") as bar:
        bar.advance("[bold]note")
    text = report.console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert "[red]paint" in text
    assert "[bold]note" in text

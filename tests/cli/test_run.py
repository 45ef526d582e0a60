"""``stylize-video INPUT``: the output's name, ``--preview``, ``--plan``, and what is printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from stylize_video.cli.output import default_output
from stylize_video.cli.progress import Bar
from stylize_video.pipeline.core.config import Settings, checked
from stylize_video.pipeline.core.units import duration_text

from ..helpers.command import one_line, run_command
from ..helpers.pictures import write_photos
from ..helpers.video import MakeClip, read_video


def settings(**values: object) -> Settings:
    return checked(Settings, values, "test")


def test_the_output_is_beside_the_input_and_replaces_nothing(
    tmp_path: Path, make_clip: MakeClip, identity: Path
):
    clip = make_clip()
    for name in ("in-identity.mp4", "in-identity-2.mp4"):
        done = run_command(clip, "--style", identity)
        assert done.returncode == 0, done.stderr
        assert done.stderr.splitlines()[-1].startswith(f"wrote {tmp_path / name}: ")
    assert len(list(tmp_path.glob("*.mp4"))) == 3


@pytest.mark.parametrize(
    ("source", "values", "output"),
    [
        ("in.mp4", {}, "in-udnie.mp4"),
        ("in.avi", {}, "in-udnie.mp4"),
        ("photo.JPG", {}, "photo-udnie.JPG"),
        ("in.webm", {"style": ["udnie:0.7", "the-scream:0.3"]}, "in-udnie-the-scream.webm"),
        ("in.mp4", {"style": "art/my.painting.jpg"}, "in-my.painting.mp4"),
        ("folder", {}, "folder-udnie"),
        ("folder/", {}, "folder-udnie"),
        ("folder/%04d.png", {}, "folder-udnie"),
        ("folder/*.png", {"keyframes": "folder"}, "folder-folder"),
        ("taken.mp4", {}, "taken-udnie-2.mp4"),
        ("taken.mp4", {"overwrite": True}, "taken-udnie.mp4"),
        ("0", {}, "window"),
        ("rtsp://camera/one", {}, "window"),
        ("in.mp4", {"realtime": True}, "window"),
    ],
)
def test_the_name_of_the_output(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    values: dict[str, object],
    output: str,
):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    for name in ("in.mp4", "in.avi", "in.webm", "photo.JPG", "taken.mp4", "taken-udnie.mp4"):
        Path(name).touch()
    assert default_output(source, settings(**values)) == output


def test_a_preview_is_the_middle(tmp_path: Path, make_clip: MakeClip, identity: Path):
    done = run_command(make_clip(), "--style", identity, "--preview", "0.4")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("preview: 0.30 s to 0.70 s of 1.00 s\n")
    assert len(read_video(tmp_path / "in-identity-preview.mp4")[0]) == 12


@pytest.mark.parametrize(
    "words",
    [
        ("in.mp4", "--start", "0.2"),
        ("in.mp4", "--end", "0.2"),
        ("in.mp4", "window"),
        ("photos",),
        ("photos/000.png",),
        ("0",),
    ],
)
def test_a_preview_of_this_is_refused(tmp_path: Path, make_clip: MakeClip, words: tuple[str, ...]):
    make_clip()
    write_photos(tmp_path / "photos", 2)
    line = one_line(run_command(*words, "--preview", "1", cwd=tmp_path))
    assert "--preview 1 does not apply: " in line


def test_a_plan_is_printed_and_nothing_is_written(
    tmp_path: Path, make_clip: MakeClip, identity: Path
):
    make_clip()
    done = run_command("in.mp4", "o.mp4", "--style", identity, "--plan", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("read     in.mp4: 64x48")
    assert "write    o.mp4" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]
    live = run_command("0", "--plan")
    assert (live.returncode, live.stdout.splitlines()[0]) == (0, "read     0, live")
    refused = run_command("in.mp4", "--plan", "--bitrate", "4M", cwd=tmp_path)
    assert "--bitrate 4M does not apply" in one_line(refused)


def test_pictures_have_no_frames_per_second(tmp_path: Path, identity: Path):
    photos = write_photos(tmp_path / "photos", 3)
    one = run_command(photos / "000.png", tmp_path / "o.png", "--style", identity)
    many = run_command(photos, tmp_path / "out", "--style", identity)
    assert one.stderr.splitlines()[-1] == f"wrote {tmp_path / 'o.png'}: 1 picture"
    assert many.stderr.splitlines()[-1] == f"wrote {tmp_path / 'out'}: 3 pictures"
    assert "frames/s" not in one.stderr + many.stderr
    assert len(one.stderr.splitlines()) == 2


def test_vgg_is_refused_where_it_is_not_used(tmp_path: Path, make_clip: MakeClip):
    make_clip()
    unused = run_command("in.mp4", "o.mp4", "--vgg", "x.pth", cwd=tmp_path)
    assert "--vgg x.pth does not apply" in one_line(unused)
    missing = run_command("in.mp4", "o.mp4", "--vgg", "x.pth", "--method", "gatys", cwd=tmp_path)
    assert "--vgg x.pth does not exist" in one_line(missing)


def test_speed_is_measured_after_the_first_frame():
    lines: list[str] = []
    bar = Bar(4, "frames", 0, lambda bar, text: lines.append(text))
    assert (bar.rate, bar.left) == (None, "")
    bar.advance()
    assert lines == ["measuring speed"]
    bar.advance("loss 1")
    assert lines[1].endswith(" frames/s loss 1")
    assert bar.left.endswith(" left")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59, "59 s"), (200, "3:20 min"), (3900, "1:05 h")]
)
def test_a_duration_in_words(seconds: float, text: str):
    assert duration_text(seconds) == text

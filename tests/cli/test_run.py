"""``stylize-video INPUT``: the output's name, ``--preview``, ``--plan``, and what is printed."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from stylize_video.cli.output import default_output
from stylize_video.cli.progress import Bar
from stylize_video.pipeline.core.config import Settings, checked
from stylize_video.pipeline.core.units import duration_text
from stylize_video.pipeline.styles.zoo import zoo

from ..helpers.command import one_line, run_command, run_process
from ..helpers.onnx_files import foreign_onnx
from ..helpers.pictures import write_photos
from ..helpers.scenes import texture
from ..helpers.video import MakeClip, moving_scene, read_video


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
    for words in (("0", "--plan"), ("live", "--plan"), ("live", "0", "window", "--plan")):
        live = run_command(*words, cwd=tmp_path)
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


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


BAD_INPUT: dict[str, tuple[list[str], str]] = {
    "missing file": (["none.mp4", "o.mp4"], "input none.mp4 does not exist"),
    "a directory without images": (["empty", "o.mp4"], "empty holds no pictures"),
    "a text file named .mp4": (["text.mp4", "o.mp4"], "not a video that FFmpeg can read"),
    "a clip with no video stream": (["sound.mp4", "o.mp4"], "no video stream, only audio"),
    "no such target folder": (["in.mp4", "no/o.mp4"], "does not exist; create it"),
    "unwritable target folder": (["in.mp4", "/proc/o.mp4"], "can't be written"),
    "output extension unknown": (["in.mp4", "o.mp5"], "'.mp5' is no known kind; did you mean"),
    "unknown style": (["in.mp4", "o.mp4", "--style", "stary-night"], "did you mean 'starry-night'"),
    "a style file that is not there": (["in.mp4", "o.mp4", "--style", "x.onnx"], "does not exist"),
    "an ONNX file that is not a style model": (
        ["in.mp4", "o.mp4", "--style", "other.onnx"], "is not a style model",
    ),
    "a truncated ONNX file": (
        ["in.mp4", "o.mp4", "--style", "cut.onnx"], "not an ONNX file that can be read",
    ),
    "unknown config key": (["in.mp4", "o.mp4", "--config", "bad.yaml"], "did you mean 'style'"),
    "a setting that was renamed": (
        ["in.mp4", "o.mp4", "--config", "old.yaml"], "did you mean 'palette'?",
    ),
    "the palette of another project's model": (
        ["in.mp4", "o.mp4", "--style", "other.onnx", "--palette", "style"],
        "--palette style does not apply: only trained styles and pictures know",
    ),
    "a negative size": (["in.mp4", "o.mp4", "--size", "-5x10"], "a side below 1"),
    "a zero size": (["in.mp4", "o.mp4", "--size", "0p"], "a side below 1"),
    "--start past the end": (["in.mp4", "o.mp4", "--start", "90"], "--start 90 is past the end"),
    "--end before --start": (["in.mp4", "o.mp4", "--start", "0.5", "--end", "0.2"], "is not after"),
    "a list of cuts that is the output": (
        ["in.mp4", "o.mp4", "--scenes", "o.mp4"], "--scenes o.mp4 is the output itself",
    ),
    "no folder for the list of cuts": (
        ["in.mp4", "o.mp4", "--scenes", "no/cuts.txt"], "folder no does not exist; create it",
    ),
    "a method that is misspelt": (
        ["in.mp4", "o.mp4", "--method", "gaty"], "There is no method 'gaty'. Did you mean 'gatys'?",
    ),
    "a method in capitals": (
        ["in.mp4", "o.mp4", "--method", "WCT2"], "There is no method 'WCT2'. Did you mean 'wct2'?",
    ),
    "a live option for a file": (
        ["in.mp4", "o.mp4", "--policy", "latest"], "--policy latest does not apply: it is for live",
    ),
    "a setting of the file of settings that does not apply": (
        ["in.mp4", "o.mp4", "--config", "live.yaml"], "--bitrate 4M does not apply",
    ),
    "a value out of range": (["in.mp4", "o.mp4", "--crf", "99"], "--crf 99.0: should be less"),
    "output equal to input": (["in.mp4", "in.mp4", "--overwrite"], "is the input itself"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_one_clear_line_and_nothing_is_left(
    tmp_path: Path, make_clip: MakeClip, case: str
):
    make_clip(audio=True)
    make_sound_only(tmp_path / "in.mp4", tmp_path / "sound.mp4")
    write(tmp_path / "text.mp4", b"hello\n" * 100)
    write(tmp_path / "bad.yaml", b"stlye: udnie\n")
    write(tmp_path / "old.yaml", b"preserve_color: luma\n")
    write(tmp_path / "live.yaml", b"bitrate: 4M\n")
    write(tmp_path / "cut.onnx", zoo()["starry-night"].path.read_bytes()[:100_000])
    foreign_onnx(tmp_path / "other.onnx", [1, 10])
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    words, message = BAD_INPUT[case]
    line = one_line(run_command(*words, cwd=tmp_path))
    assert message in line
    assert sorted(tmp_path.rglob("*")) == before


def make_sound_only(clip: Path, path: Path) -> None:
    with av.open(clip) as source, av.open(path, "w") as out:
        sound = source.streams.audio[0]
        copy = out.add_stream_from_template(sound)
        for packet in source.demux(sound):
            if packet.size:
                packet.stream = copy
                out.mux(packet)


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limit there")
def test_a_full_target_is_one_clear_line_and_what_is_painted_is_kept(
    tmp_path: Path, make_clip: MakeClip, identity: Path
):

    make_clip(frames=moving_scene(90, 320, 240))

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    words = ["in.mp4", "o.mp4", "--style", identity]
    line = one_line(run_process(*words, cwd=tmp_path, preexec_fn=fill))
    assert "no space left for o.mp4" in line
    assert "90 frames are painted: run the same command again to go on" in line
    assert sorted(p.name for p in tmp_path.iterdir()) == [".o.mp4.work", "in.mp4"]
    again = run_process(*words, cwd=tmp_path)
    assert again.returncode == 0 and "90 frames are painted already" in again.stderr
    assert len(read_video(tmp_path / "o.mp4")[0]) == 90


def test_a_clip_that_breaks_half_way_is_kept_and_said(
    tmp_path: Path, make_clip: MakeClip, identity: Path
):

    clip = make_clip(frames=moving_scene(200))
    assert run_command(clip, tmp_path / "w.mp4", "--style", identity).returncode == 0
    data = (tmp_path / "w.mp4").read_bytes()
    write(tmp_path / "b.mp4", data[: len(data) // 2])
    line = one_line(run_command("b.mp4", "o.mp4", "--style", identity, cwd=tmp_path))
    saved = len(read_video(tmp_path / "o.mp4")[0])
    assert f"the {saved} frames before that are in o.mp4" in line
    assert 0 < saved < 200


@pytest.mark.parametrize("look", ["art", "photo"])
def test_any_picture_is_a_style(look: str, tmp_path: Path):
    content = texture(1, 160, 120)
    style = (texture(2, 150, 130) * np.array([0.2, 0.4, 0.9])).astype(np.uint8)
    for name, rgb in (("content", content), ("style", style)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), rgb[..., ::-1])
    out = tmp_path / "out.png"
    done = run_command(
        tmp_path / "content.png", out, "--style", tmp_path / "style.png", "--look", look
    )
    assert done.returncode == 0, done.stderr
    painted = cv2.imread(str(out))[..., ::-1]
    assert painted.shape == content.shape
    colour, target, was = (x.mean(axis=(0, 1)) for x in (painted, style, content))
    assert np.abs(colour - target).max() < 0.2 * np.abs(was - target).max()
    light = [x.mean(axis=2).ravel() for x in (painted, content)]
    assert np.corrcoef(*light)[0, 1] > (0.6 if look == "photo" else 0.4)


@pytest.mark.parametrize("method", ["wct", "photowct", "wct2", "styleswap"])
def test_every_method_that_help_names_works_at_once(method: str, tmp_path: Path):
    photos = sorted(write_photos(tmp_path / "photos", 2).iterdir())
    out = tmp_path / "o.png"
    done = run_command(photos[0], out, "--style", photos[1], "--method", method)
    assert done.returncode == 0, done.stderr
    was, shown = (cv2.imread(str(path)).astype(int) for path in (photos[0], out))
    assert shown.shape == was.shape
    assert np.abs(shown - was).mean() > 5


@pytest.mark.parametrize("words", [["in.mp4", "o.mp4"], ["paint", "in.jpg", "o.png"]])
def test_an_option_that_was_renamed_is_named(words: list[str]):
    done = run_command(*words, "--preserve-color", "luma")
    assert done.returncode == 2
    assert "There is no option --preserve-color. Did you mean --palette?" in done.stderr

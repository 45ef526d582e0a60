"""The command as a user types it: exit codes, lines, and nothing left behind."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from stylize_video.cli.main import COMMANDS
from stylize_video.pipeline.core.config import GROUPS
from stylize_video.pipeline.styles.zoo import zoo

from ..helpers.command import one_line, plain_environment, run_command, run_process
from ..helpers.onnx_files import foreign_onnx
from ..helpers.pictures import write_photos
from ..helpers.scenes import texture
from ..helpers.video import MakeClip, moving_scene, read_video


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
    write(tmp_path / "live.yaml", b"bitrate: 4M\n")
    write(tmp_path / "cut.onnx", zoo()["starry-night"].path.read_bytes()[:100_000])
    foreign_onnx(tmp_path / "other.onnx", [1, 10])
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    words, told = BAD_INPUT[case]
    line = one_line(run_command(*words, cwd=tmp_path))
    assert told in line
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
def test_a_full_target_is_one_clear_line_and_nothing_is_left(
    tmp_path: Path, make_clip: MakeClip, identity: Path
):

    make_clip(frames=moving_scene(90, 320, 240))
    before = sorted(tmp_path.rglob("*"))

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = run_process("in.mp4", "o.mp4", "--style", identity, cwd=tmp_path, preexec_fn=fill)
    assert "no space left for o.mp4" in one_line(done)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_clip_that_breaks_half_way_is_kept_and_said(
    tmp_path: Path, make_clip: MakeClip, identity: Path
):

    clip = make_clip(frames=moving_scene(200))
    assert run_command(clip, tmp_path / "w.mp4", "--style", identity).returncode == 0
    data = (tmp_path / "w.mp4").read_bytes()
    write(tmp_path / "b.mp4", data[: len(data) // 2])
    line = one_line(run_command("b.mp4", "o.mp4", "--style", identity, cwd=tmp_path))
    kept = len(read_video(tmp_path / "o.mp4")[0])
    assert f"the {kept} frames before that are in o.mp4" in line
    assert 0 < kept < 200


def test_wrong_usage_exits_2(tmp_path: Path):
    assert run_command("in.mp4", "o.mp4", "--no-such-option").returncode == 2
    assert run_command("in.mp4", "o.mp4", "--crf", "many").returncode == 2
    assert run_command("in.mp4", "o.mp4", "--encoder-option", "x").returncode == 2


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


def test_version():
    assert run_command("--version").stdout.strip() == f"stylize-video {version('stylize-video')}"


def test_python_runs_the_package():
    # An environment from before cli/entry was there needs pip install -e . once more.
    done = subprocess.run(
        [sys.executable, "-m", "stylize_video", "--version"], capture_output=True, text=True
    )
    assert done.stdout == run_command("--version").stdout, done.stderr


def test_styles_lists_the_zoo():
    listed = json.loads(run_command("styles", "--json").stdout)
    assert {style["name"] for style in listed} == set(zoo())
    assert len(listed) >= 2
    table = run_command("styles", env={**plain_environment(), "COLUMNS": "80"}).stdout
    assert all(style.name in table and style.words in table for style in zoo().values())
    assert max(map(len, table.splitlines())) <= 80


@pytest.mark.slow
def test_a_style_is_trained_resumed_exported_and_played(
    tmp_path: Path,
    make_clip: MakeClip,
    vgg_file: Path,
):
    photos = write_photos(tmp_path / "photos", 6)
    style = sorted(photos.iterdir())[0]
    words: list[str | Path] = [
        "train", style, "--content", photos, "--out", tmp_path / "mine.onnx", "--vgg", vgg_file,
        "--batch", "1", "--crop", "64", "--style-size", "64", "--held-back", "2", "--workers", "0",
        "--device", "cpu",
    ]  # fmt: skip
    done = run_command(*words, "--steps", "3")
    assert done.returncode == 0, done.stderr
    assert "off PyTorch by" in done.stderr
    folder = tmp_path / "mine.training"
    assert {p.name for p in folder.iterdir()} == {
        "checkpoint.pt", "losses.png", "samples.png", "figures.json",
    }  # fmt: skip
    assert cv2.imread(str(folder / "samples.png")) is not None

    assert "exists; add --overwrite" in one_line(run_command(*words, "--steps", "3"))
    other = run_command(*words, "--steps", "4", "--overwrite")
    assert "was made with steps = 3, not 4" in one_line(other)
    again = run_command(*words, "--steps", "3", "--overwrite")
    assert "resuming at step 3" in again.stderr

    exported = run_command(
        "export", folder / "checkpoint.pt", tmp_path / "two.onnx", "--content", photos
    )
    assert exported.returncode == 0, exported.stderr
    played = run_command(make_clip(), tmp_path / "o.mp4", "--style", tmp_path / "mine.onnx")
    assert played.returncode == 0, played.stderr
    assert played.stderr.startswith("mine on ")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (["--content", "none"], "is not a folder"),
        (["--out", "style.txt"], "must end in .onnx"),
        (["--vgg", "none.pth"], "--vgg none.pth does not exist"),
        (["--device", "tpu"], "it is auto, cpu or cuda"),
        (["--tier", "slow"], "tier = 'slow'"),
        (["--held-back", "90"], "of them held back"),
    ],
)
def test_bad_training_input_is_one_line(tmp_path: Path, change: list[str], told: str):
    write_photos(tmp_path / "photos", 4)
    words = [
        "train",
        "photos/000.png",
        "--content",
        "photos",
        "--out",
        "s.onnx",
        "--held-back",
        "1",
    ]
    assert told in one_line(run_command(*words, *change, cwd=tmp_path))
    assert not (tmp_path / "s.onnx").exists()


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
    shown = cv2.imread(str(out))[..., ::-1]
    assert shown.shape == content.shape
    colour, wanted, was = (x.mean(axis=(0, 1)) for x in (shown, style, content))
    assert np.abs(colour - wanted).max() < 0.2 * np.abs(was - wanted).max()
    light = [x.mean(axis=2).ravel() for x in (shown, content)]
    assert np.corrcoef(*light)[0, 1] > (0.6 if look == "photo" else 0.4)


def test_a_method_that_does_not_ship_says_how_to_get_it(tmp_path: Path):
    photos = sorted(write_photos(tmp_path / "photos", 2).iterdir())
    words = [photos[0], tmp_path / "o.png", "--style", photos[1], "--method", "photowct"]
    assert "photowct does not ship; train it" in one_line(run_command(*words))


@pytest.mark.slow
def test_a_method_is_trained_resumed_exported_and_played(tmp_path: Path, vgg_file: Path):
    photos = write_photos(tmp_path / "photos", 5)
    style, content = sorted(photos.iterdir())[:2]
    decoders, out = tmp_path / "decoders", tmp_path / "mine.prepare.onnx"
    words: list[str | Path] = [
        "train-decoders", decoders, "--content", photos, "--vgg", vgg_file, "--method", "wct2",
        "--width", "slim", "--batch", "1", "--crop", "64", "--held-back", "2", "--workers", "0",
        "--device", "cpu", "--apart", "2", "--steps", "1",
    ]  # fmt: skip
    export = ["export", "--from", decoders, out, "--content", photos]
    assert "give a folder of train-decoders" in one_line(run_command(*export))
    done = run_command(*words)
    assert done.returncode == 0, done.stderr
    assert {p.name for p in decoders.iterdir()} == {"stages.pt", "level4.pt", "figures.json"}
    assert run_command(*words).returncode == 0  # nothing is left to do
    other = run_command(*words[:-1], "2")
    assert "was made by another recipe" in one_line(other)

    assert "--places nose: wct2 has encoder1 " in one_line(run_command(*export, "--places", "nose"))
    done = run_command(*export, "--places", "encoder")
    assert done.returncode == 0 and "off PyTorch by" in done.stderr, done.stderr
    assert "exists; add --overwrite" in one_line(run_command(*export))
    shown = run_command(content, tmp_path / "o.png", "--style", style, "--method", out)
    assert shown.returncode == 0, shown.stderr
    assert cv2.imread(str(tmp_path / "o.png")).shape == cv2.imread(str(content)).shape
    assert "must end" in one_line(run_command(*export[:-3], tmp_path / "x.pt", *export[-2:]))
    odd = one_line(run_command(*export[:-3], tmp_path / "x.onnx", *export[-2:]))
    assert "a method's file ends in .prepare.onnx" in odd

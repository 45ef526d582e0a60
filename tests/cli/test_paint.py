"""``paint`` and ``texture`` as a user meets them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from stylize_video.cli.main import app
from stylize_video.pipeline.core.errors import StylizeError

from ..helpers.command import Done, plain_environment, run_command
from ..helpers.video import MakeClip, moving_scene, read_video

FAST = (
    *("--iterations", "6", "--content-layers", "conv2_1"),
    *("--style-layers", "conv1_1=1", "--sizes", "1", "--quiet"),
)


def write(path: Path, seed: int, bits: int = 8, size: tuple[int, int] = (64, 80)) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    if bits == 16:
        picture = picture.astype(np.uint16) * 256
        picture += np.random.default_rng(seed).integers(0, 256, picture.shape, dtype=np.uint16)
    cv2.imwrite(str(path), picture)
    return picture


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    write(tmp_path / "photo.png", 1)
    return tmp_path / "photo.png"


@pytest.fixture
def style(tmp_path: Path) -> Path:
    write(tmp_path / "style.png", 2)
    return tmp_path / "style.png"


def run(*args: object) -> None:
    done(run_command("paint", *map(str, args), *FAST))


def done(process: Done) -> None:
    assert process.returncode == 0, process.stderr


def test_it_writes_a_picture_its_curves_and_a_preview(
    photo: Path, style: Path, vgg_file: Path, tmp_path: Path
):
    run(photo, tmp_path / "out.jpg", "--style", style, "--vgg", vgg_file)
    assert cv2.imread(str(tmp_path / "out.jpg")).shape == (64, 80, 3)
    saved = {p.suffix for p in (tmp_path / "out.painting").iterdir()}
    assert saved == {".pt", ".png"}
    assert cv2.imread(str(tmp_path / "out.painting/losses.png")) is not None
    assert cv2.imread(str(tmp_path / "out.painting/preview.png")).shape == (64, 80, 3)


@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_sixteen_bits_stay_sixteen(style: Path, vgg_file: Path, tmp_path: Path, ending: str):
    before = write(tmp_path / f"deep.{ending}", 3, bits=16)
    out = tmp_path / f"out.{ending}"
    run(tmp_path / f"deep.{ending}", out, "--style", style, "--vgg", vgg_file, "--ratio", "1e9")
    after = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)
    assert after.dtype == np.uint16
    assert np.abs(after.astype(float) - before).max() <= 2  # of 65535: only the content counts


def test_a_finished_painting_is_not_painted_again(
    photo: Path, style: Path, vgg_file: Path, tmp_path: Path
):
    words = (photo, tmp_path / "out.png", "--style", style, "--vgg", vgg_file)
    run(*words)
    first = (tmp_path / "out.png").read_bytes()
    saved = next((tmp_path / "out.painting").glob("*.pt"))
    before = saved.stat().st_mtime_ns
    run(*words, "--overwrite")
    assert (tmp_path / "out.png").read_bytes() == first
    assert saved.stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_margin_of_0_is_the_papers_own_loss(
    photo: Path, style: Path, vgg_file: Path, tmp_path: Path
):
    pictures: list[np.ndarray] = []
    for margin in (8, 0):
        out = tmp_path / f"{margin}.png"
        run(photo, out, "--style", style, "--vgg", vgg_file, "--margin", margin)
        pictures.append(cv2.imread(str(out)))
    assert (pictures[0] != pictures[1]).any()


@pytest.mark.slow
def test_a_sweep_is_a_grid(photo: Path, style: Path, vgg_file: Path, tmp_path: Path):
    out = tmp_path / "grid.png"
    sweeps = ("--sweep", "ratio=1e-4,1e-2", "--sweep", "start=content,noise:1,noise:2")
    run(photo, out, "--style", style, "--vgg", vgg_file, *sweeps)
    grid = cv2.imread(str(out))
    assert grid.shape[1] == 3 * 384
    assert grid.shape[0] > 2 * 300


def test_several_styles_and_masks(photo: Path, style: Path, vgg_file: Path, tmp_path: Path):
    mask = np.zeros((64, 80, 3), np.uint8)
    mask[:, 40:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    run(
        *(photo, tmp_path / "out.png", "--vgg", vgg_file),
        *("--style", f"{style}:0.7", "--style", f"{photo}:0.3"),
        *("--content-mask", tmp_path / "mask.png"),
        *("--style-mask", tmp_path / "mask.png", "--style-mask", tmp_path / "mask.png"),
    )
    assert (tmp_path / "out.png").exists()


@pytest.mark.parametrize("smooth", ["off", "guided", "closed"])
def test_deep_photo(photo: Path, style: Path, vgg_file: Path, tmp_path: Path, smooth: str):
    out = tmp_path / "out.png"
    words = ("--method", "deepphoto", "--smooth", smooth)
    run(photo, out, "--style", style, "--vgg", vgg_file, *words)
    assert cv2.imread(str(out)).shape == (64, 80, 3)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--style-mask", "s.png"), "--content-mask and --style-mask go together"),
        (("--sweep", "ratio"), "is not SETTING=A,B,C"),
        (("--sweep", "rate=1,2"), "unknown setting 'rate'"),
        (("--start", "middle"), "start"),
        (("--content-layers", "conv7_1"), "there is no layer conv7_1"),
    ],
)
def test_what_cannot_be_is_one_line(
    photo: Path, style: Path, vgg_file: Path, tmp_path: Path, args: tuple[str, str], message: str
):
    write(tmp_path / "s.png", 5)
    args = (args[0], str(tmp_path / "s.png") if args[1] == "s.png" else args[1])
    refused = run_command(
        *("paint", photo, tmp_path / "out.png", "--style", style, "--vgg", vgg_file, *args)
    )
    assert refused.returncode == 1
    assert message in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not (tmp_path / "out.png").exists()


def test_styleswap_paints_at_a_size_of_its_own(
    photo: Path, style: Path, vgg_file: Path, tmp_path: Path
):
    out = tmp_path / "out.png"
    swap = ("--method", "styleswap", "--size", "32", "--iterations", "2", "--start", "noise:7")
    painted = run_command(
        *("paint", photo, out, "--style", style, "--vgg", vgg_file, "--device", "cpu", *swap),
        *("--sweep", "patch=3", "--sweep", "stride=1,2", "--smooth", "guided"),
    )
    done(painted)
    assert "stride 2 (2 of 2)" in painted.stderr
    assert cv2.imread(str(out)).shape[1] == 2 * 384


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("styleswap", "--ratio", "1"), "--ratio does not apply to --method styleswap"),
        (("styleswap", "--restart"), "--restart does not apply to --method styleswap"),
        (("styleswap", "--style", "b.png"), "--method styleswap takes one --style"),
        (("gatys", "--patch", "3"), "leave it out, or type --method styleswap"),
        (("gatys", "--photo-weight", "3"), "or type --method deepphoto"),
        (("gatys", "--sweep", "stride=1,2"), "--stride does not apply to --method gatys"),
        (("deepphoto", "--temporal-weight", "3"), "--paint-option temporal-weight="),
        (("styleswap",), "PHOTO none.png: "),
    ],
)
def test_what_a_method_has_no_use_for_is_refused(args: tuple[str, ...], message: str):
    words = ["paint", "none.png", "out.png", "--style", "a.png", "--method", *args]
    with pytest.raises(StylizeError) as refused:
        app(words, standalone_mode=False)
    assert message in str(refused.value)


def test_a_texture_of_any_size(style: Path, vgg_file: Path, tmp_path: Path):
    out = tmp_path / "texture.png"
    words = ("--size", "90x70", "--iterations", "6", "--style-layers", "conv1_1=1", "--quiet")
    done(run_command("texture", style, out, "--vgg", vgg_file, *words))
    assert cv2.imread(str(out)).shape == (70, 90, 3)
    (saved,) = (tmp_path / "texture.painting").glob("*.pt")
    before, first = saved.stat().st_mtime_ns, out.read_bytes()
    done(run_command("texture", style, out, "--vgg", vgg_file, *words, "--overwrite"))
    assert (saved.stat().st_mtime_ns, out.read_bytes()) == (before, first)  # not made twice


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--ratio", "1"), "--ratio does not apply to texture: a texture has no content"),
        (("--content-layers", "conv2_1"), "--content-layers does not apply to texture"),
        (("--palette", "source"), "leave it out, or type stylize-video paint PHOTO OUT"),
        (("--photo-weight", "3"), "it is for paint --method deepphoto"),
        (("--temporal-weight", "3"), "it is for the key frames of a video"),
        (("--start", "content"), "or type --start noise:7"),
    ],
)
def test_what_a_texture_has_no_use_for_is_refused(args: tuple[str, str], message: str):
    with pytest.raises(StylizeError) as refused:
        app(["texture", "none.png", "out.png", *args], standalone_mode=False)
    assert message in str(refused.value)


def test_help_of_a_texture_has_what_it_uses_and_readable_defaults():
    text = run_command("texture", "--help", env=plain_environment()).stdout
    assert "--ratio" not in text and "--style-scale" in text
    assert "conv1_1=0.2" in text and "{'" not in text


def test_what_no_memory_holds_is_refused_before_work(style: Path, vgg_file: Path, tmp_path: Path):
    words = ("texture", style, tmp_path / "t.png", "--vgg", vgg_file, "--size", "60000x60000")
    refused = run_command(*words)
    assert refused.returncode == 1
    assert "GiB of memory to be painted" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1


# ---- the main command ----

OPTIONS = (
    *("--paint-option", "iterations=6", "--paint-option", "content-layers=conv2_1"),
    *("--paint-option", "style-layers=conv1_1:1", "--paint-option", "sizes=1", "--quiet"),
)


@pytest.mark.parametrize("method", ["gatys", "deepphoto"])
def test_the_main_command_paints_a_picture(
    photo: Path, style: Path, vgg_file: Path, tmp_path: Path, method: str
):
    out = tmp_path / "out.jpg"
    words = ("--style", style, "--method", method, "--vgg", vgg_file)
    done(run_command(photo, out, *words, *OPTIONS))
    assert cv2.imread(str(out)).shape == (64, 80, 3)


def test_the_main_command_keeps_sixteen_bits_and_finishes(
    style: Path, vgg_file: Path, tmp_path: Path
):
    """Half of the strength inside a mask; outside, the source to the bit."""
    before = write(tmp_path / "deep.png", 3, bits=16)
    mask = np.zeros((64, 80), np.uint8)
    mask[:, 40:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    out = tmp_path / "out.png"
    words = ("--style", style, "--method", "gatys", "--vgg", vgg_file)
    finish = ("--mask", tmp_path / "mask.png", "--mask-feather", "0", "--strength", "0.5")
    done(run_command(tmp_path / "deep.png", out, *words, *finish, *OPTIONS))
    after = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)
    assert after.dtype == np.uint16
    np.testing.assert_array_equal(after[:, :40], before[:, :40])
    assert np.abs(after[:, 40:].astype(float) - before[:, 40:]).mean() > 100
    done(
        run_command(
            tmp_path / "deep.png", tmp_path / "m.png", *words, *finish, *OPTIONS, "--mirror"
        )
    )
    mirrored = cv2.imread(str(tmp_path / "m.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(mirrored, after[:, ::-1])


@pytest.mark.parametrize("between", ["flow", pytest.param("net", marks=pytest.mark.slow)])
def test_the_main_command_paints_a_video(
    make_clip: MakeClip, style: Path, vgg_file: Path, tmp_path: Path, between: str
):
    out = tmp_path / "out.mp4"
    words = ("--style", style, "--method", "gatys", "--vgg", vgg_file, "--between", between)
    clip = make_clip(frames=moving_scene(8, 96, 80))
    net = ("--between-steps", "3", "--save-style", tmp_path / "learned.onnx")
    done(run_command(clip, out, *words, *OPTIONS, *(net if between == "net" else ())))
    found, times = read_video(out)
    assert len(found) == len(times) == 8
    assert len(list((tmp_path / "out.keyframes").glob("*.png"))) >= 1
    if between == "net":
        assert (tmp_path / "learned.onnx").is_file()


ESTIMATED = [*OPTIONS[2:-1], "--paint-option", "iterations=12"]


def test_the_time_of_all_key_frames_is_said_before_the_first_is_painted(
    make_clip: MakeClip, style: Path, vgg_file: Path, tmp_path: Path
):
    clip = make_clip(frames=moving_scene(24, 96, 80))
    words = ("--style", style, "--method", "gatys", "--vgg", vgg_file, "--key-every", "0.4")
    painted = run_command(clip, tmp_path / "o.mp4", *words, *ESTIMATED)
    done(painted)
    lines = painted.stderr.splitlines()
    count = int(lines[0].split()[0])
    assert count > 1 and lines[0] == f"{count} key frames to paint"
    (place,) = (n for n, line in enumerate(lines) if line.endswith(f" for all {count}"))
    assert "for the first key frame of a shot, half of that for the others: " in lines[place]
    (first,) = (n for n, line in enumerate(lines) if line.startswith(f"1 of {count} key frames"))
    assert place < first


def test_the_time_of_a_picture_is_said_before_it_is_painted(
    photo: Path, style: Path, vgg_file: Path, tmp_path: Path
):
    words = ("--style", style, "--vgg", vgg_file, *FAST[2:-1], "--iterations", "12")
    painted = run_command("paint", photo, tmp_path / "out.png", *words)
    done(painted)
    lines = painted.stderr.splitlines()
    (said,) = (n for n, line in enumerate(lines) if line.endswith(" in all"))
    (end,) = (n for n, line in enumerate(lines) if line.startswith("painting: 100 %"))
    assert said < end

"""The metric against theory, on scenes of which everything is known; and the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from stylize_video.models.evaluation.perceptual import (
    LAYERS,
    VggDistance,
    feature_distance,
    open_lpips,
)
from stylize_video.models.nets.vgg19 import VGG19
from stylize_video.pipeline.core.errors import SourceError, TrainingError
from stylize_video.pipeline.core.frame import Frame, Rgb, SourcePicture, Vectors
from stylize_video.pipeline.evaluation.metrics import SOURCE, Evaluation, Measure, Quality
from stylize_video.pipeline.evaluation.truth import Truth, read_flow
from stylize_video.pipeline.imaging.similarity import structural_distance
from stylize_video.pipeline.temporal.flow import open_flow

from ...helpers import scenes
from ...helpers.command import Done, one_line, run_command
from ...helpers.evaluation import evaluate
from ...helpers.scenes import ExactFlow, Scene
from ...helpers.video import MakeClip

PHOTO = scenes.texture(3)


def pale(rgb: Rgb) -> NDArray[np.float64]:
    """Colours of 60..180, to which anything up to 60 can be added."""
    return 60 + rgb.astype(np.float64) * (120 / 255)


def to_rgb(picture: NDArray[np.float64]) -> Rgb:
    return np.clip(picture, 0, 255).round().astype(np.uint8)


def scored(scene: Scene, paint: Callable[[Rgb, int], Rgb], **options: object) -> Quality:
    """The figures of what ``paint`` makes of a scene's frames, with exact flow."""
    frames = list(scene.frames())
    results = {"result": [paint(f.rgb, t) for t, f in enumerate(frames)]}
    return evaluate(frames, results, ExactFlow(scene), **options)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def shifts() -> Scene:
    """Frames that are whole-pixel shifts of each other: sampling along the flow is exact."""
    return scenes.pan(PHOTO, count=14, width=160, height=120, velocity=(2, 1))


# ---- warping error ----


def test_a_result_that_moves_with_the_source_scores_nothing(shifts: Scene):
    quality = scored(shifts, lambda rgb, t: 255 - rgb)
    assert quality.scores["result"].warping == {1: 0.0, 10: 0.0}
    assert quality.pairs == {1: 13, 10: 4}


@pytest.mark.parametrize("name", ["pan", "zoom", "rotate", "layers"])
def test_a_perfect_result_scores_no_more_than_linear_sampling_costs(name: str):
    # Measured: 0.6e-5 to 1.2e-5, of which the frames' own rounding is 2/12/255² = 0.26e-5.
    scene = scenes.SCENES[name](PHOTO, count=13, width=160, height=120)
    warping = scored(scene, lambda rgb, t: rgb).scores["result"].warping
    assert all(error is not None and 0 < error < 3e-5 for error in warping.values())


def test_steadiness_does_not_depend_on_contrast():
    scene = scenes.static(PHOTO, noise=6.0, count=8, width=160, height=120)
    for paint in (lambda rgb, t: 255 - rgb, lambda rgb, t: to_rgb(rgb / 2 + 40)):
        steadiness = scored(scene, paint, measure=Measure((1,))).scores["result"].steadiness
        assert steadiness[1] == pytest.approx(1, abs=0.15)


def test_noise_is_less_steady_than_the_film():
    scene = scenes.SCENES["rotate"](PHOTO, count=8, width=160, height=120)
    noise = np.random.default_rng(0).normal(0, 5, (8, 120, 160, 3))
    quality = scored(scene, lambda rgb, t: to_rgb(rgb + noise[t]), measure=Measure((1,)))
    assert quality.scores[SOURCE].steadiness == {1: 1.0}
    assert (quality.scores["result"].steadiness[1] or 0) > 5


def test_brightness_that_alternates_scores_four_times_its_square(shifts: Scene):
    d = 5
    quality = scored(shifts, lambda rgb, t: to_rgb(pale(rgb).round() + d * (-1) ** t))
    warping = quality.scores["result"].warping
    assert warping[1] == pytest.approx(4 * (d / 255) ** 2, rel=1e-4)
    assert warping[10] == 0.0  # an even number of frames apart


def test_noise_scores_twice_its_variance(shifts: Scene):
    rng, sigma = np.random.default_rng(0), 8.0
    quality = scored(shifts, lambda rgb, t: to_rgb(pale(rgb) + rng.normal(0, sigma, rgb.shape)))
    rounding = 1 / 12
    for error in quality.scores["result"].warping.values():
        assert error == pytest.approx(2 * (sigma**2 + rounding) / 255**2, rel=0.02)


def test_a_texture_that_stays_while_the_scene_moves_scores_its_own_difference(shifts: Scene):
    screen = scenes.texture(8, 160, 120)
    warping = scored(shifts, lambda rgb, t: screen).scores["result"].warping
    for i in (1, 10):  # the scene goes 2 px left and 1 px up a frame
        moved = screen[i:, 2 * i :].astype(float) - screen[:-i, : -2 * i]
        assert warping[i] == pytest.approx(np.mean((moved / 255) ** 2), rel=1e-4)


def test_what_is_hidden_or_leaves_is_not_compared():
    scene = scenes.layers(PHOTO, count=2, width=160, height=120)
    frames, flow = list(scene.frames()), ExactFlow(scene)
    evaluation = Evaluation(flow, Measure((1,)))
    for frame in frames:
        evaluation.add(frame, {})
    compared = np.isfinite(evaluation.error_map(SOURCE, 1))
    assert compared[~scene.visible(0)].mean() < 0.05  # places between two surfaces
    assert compared[scene.visible(0)].mean() > 0.9  # it drops the object's outline


@pytest.mark.parametrize("name", [*scenes.SCENES, "static"])
def test_estimated_flow_gives_nearly_the_figure_of_exact_flow(name: str):
    scene = {**scenes.SCENES, "static": scenes.static}[name](PHOTO, count=12)
    frames = list(scene.frames())
    rng = np.random.default_rng(0)
    flickering = [to_rgb(pale(f.rgb) + rng.normal(0, 12, f.rgb.shape)) for f in frames]
    exact, found = (
        evaluate(frames, {"result": flickering}, flow).scores["result"].warping
        for flow in (ExactFlow(scene), open_flow("dis"))
    )
    for i in (1, 10):
        assert found[i] == pytest.approx(exact[i], rel=0.1)


def test_flow_of_reduced_pictures_is_brought_to_full_size():
    scene = scenes.pan(PHOTO, count=3, velocity=(4, 2))
    quality = evaluate(scene.frames(), {}, open_flow("dis"), Measure((1,), flow_side=160))
    error = quality.scores[SOURCE].warping[1]
    assert error is not None and error < 2e-4
    unmoved = scored(scene, lambda rgb, t: scene.rgb(0), measure=Measure((1,)))
    still = unmoved.scores["result"].warping[1]
    assert still is not None and error < still / 10


def test_pairs_never_cross_a_cut(shifts: Scene):
    frames = [replace(f, cut=f.pts in (0, 7)) for f in shifts.frames()]
    other = [f if f.pts < 7 else replace(f, source=np.full_like(f.rgb, 9)) for f in frames]
    flow = ExactFlow(shifts)
    quality = evaluate(frames, {"result": [f.rgb for f in other]}, flow, Measure((1, 5)))
    assert quality.shots == 2
    assert quality.pairs == {1: 12, 5: 4}
    assert quality.scores["result"].warping == {1: 0.0, 5: 0.0}


def test_a_clip_without_pairs_has_no_figures(shifts: Scene):
    quality = evaluate([next(shifts.frames())], {}, ExactFlow(shifts))
    assert quality.scores[SOURCE].warping == {1: None, 10: None}
    assert quality.scores[SOURCE].flicker is None and quality.valid == {1: None, 10: None}


def test_a_result_of_another_size_or_number_is_refused(shifts: Scene):
    frames = list(shifts.frames())
    with pytest.raises(ValueError, match="'result' is"):
        evaluate(frames, {"result": [f.rgb[1:] for f in frames]}, ExactFlow(shifts))
    with pytest.raises(ValueError, match="shorter"):
        evaluate(frames, {"result": [f.rgb for f in frames[1:]]}, ExactFlow(shifts))


# ---- flicker and drift ----


def test_flicker_is_that_of_what_stands_still():
    scene = scenes.static(PHOTO, count=10, width=160, height=120, noise=2.0)

    def left_half_flickers(rgb: Rgb, t: int) -> Rgb:
        picture = pale(scene.clean(0))
        picture[:, :80] += 5 * (-1) ** t
        return to_rgb(picture)

    quality = scored(scene, left_half_flickers)
    assert quality.still == pytest.approx(1.0, abs=0.01)
    assert quality.scores["result"].flicker == pytest.approx(10 * 0.5**0.5, rel=0.01)
    of_noise = (2 * (2.0**2 + 1 / 12)) ** 0.5
    assert quality.scores[SOURCE].flicker == pytest.approx(of_noise, rel=0.02)


def test_where_nothing_stands_still_there_is_no_flicker(shifts: Scene):
    quality = scored(shifts, lambda rgb, t: rgb)
    assert quality.still == 0.0 and quality.scores["result"].flicker is None


def test_drift_is_that_of_each_shot_and_free_of_the_source():
    scene = scenes.pan(PHOTO, count=40, width=160, height=120, velocity=(2, 1))
    frames = [
        replace(f, source=to_rgb(pale(f.rgb) + 10 * (-1) ** f.pts), cut=f.pts % 20 == 0)
        for f in scene.frames()
    ]
    darker = [to_rgb(f.rgb - 1.0 * (f.pts % 20)) for f in frames]
    quality = evaluate(frames, {"result": darker}, open_flow("dis"), Measure((1,)))
    # Of 20 frames, the means of the first and last 6 lie 14 frames apart.
    assert quality.scores["result"].own_drift == pytest.approx(14, abs=0.01)
    assert quality.scores[SOURCE].own_drift == 0
    means = [np.mean([f.rgb.mean(axis=(0, 1)) for f in frames[a : a + 6]], 0) for a in (0, 14)]
    first_shot = np.mean((means[1] - means[0]) ** 2) ** 0.5
    once = evaluate(frames[:20], {}, open_flow("dis"), Measure((1,)))
    assert once.scores[SOURCE].drift == pytest.approx(first_shot, rel=1e-6)


# ---- looks ----


def test_blur_lowers_the_warping_error_and_raises_the_distance(shifts: Scene):
    frames = list(shifts.frames())
    rng = np.random.default_rng(0)
    plain = [to_rgb(pale(f.rgb) + rng.normal(0, 8, f.rgb.shape)) for f in frames]
    soft = [np.asarray(cv2.GaussianBlur(rgb, (0, 0), 3), np.uint8) for rgb in plain]
    quality = evaluate(frames, {"plain": plain, "soft": soft}, ExactFlow(shifts), reference="plain")
    ratio, distance = quality.scores["soft"].ratio[1], quality.scores["soft"].distance
    assert ratio is not None and ratio < 0.1
    assert quality.scores["plain"].ratio[1] == 1.0
    assert distance is not None and quality.blurred is not None
    assert distance > quality.blurred > 0.1
    assert quality.scores["plain"].distance is None


def test_looks_are_compared_on_one_frame_in_so_many(shifts: Scene):
    frames = list(shifts.frames())
    seen: list[int] = []

    def distance(one: Rgb, other: Rgb) -> float:
        seen.append(next(t for t, f in enumerate(frames) if f.rgb is one))
        return 1.0

    evaluation = Evaluation(
        ExactFlow(shifts), Measure((1,), distance_every=5), reference="plain", distance=distance
    )
    for frame in frames:
        evaluation.add(frame, {"plain": frame.rgb, "result": frame.rgb})
    assert seen == [2, 2, 7, 7, 12, 12]  # with the result, and with its blurred self
    assert evaluation.quality().blurred == 1.0


def test_ssim_is_the_papers():
    flat = np.full((40, 50, 3), 100, np.uint8)
    other = np.full_like(flat, 140)
    c1 = (0.01 * 255) ** 2
    wanted = (2 * 100 * 140 + c1) / (100**2 + 140**2 + c1)
    assert structural_distance(flat, other) == pytest.approx(1 - wanted, rel=1e-4)
    assert structural_distance(PHOTO, PHOTO) == pytest.approx(0, abs=1e-6)
    # One window of 11 × 11, by equation 13 itself.
    x, y = (PHOTO[:11, a : a + 11].astype(np.float64) for a in (0, 20))
    line = cv2.getGaussianKernel(11, 1.5)
    weights = (line @ line.T)[..., None]
    mx, my = ((weights * p).sum((0, 1)) for p in (x, y))
    vx, vy = ((weights * (p - m) ** 2).sum((0, 1)) for p, m in ((x, mx), (y, my)))
    cov = (weights * (x - mx) * (y - my)).sum((0, 1))
    c2 = (0.03 * 255) ** 2
    ssim = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    found = structural_distance(x.astype(np.uint8), y.astype(np.uint8))
    assert found == pytest.approx(1 - ssim.mean(), abs=1e-4)


def test_feature_distance_is_the_papers_without_its_weights():
    a, b = torch.rand(2, 4, 3, 5), torch.rand(2, 4, 3, 5)
    wanted = torch.zeros(2)
    for n in range(2):
        for y in range(3):
            for x in range(5):
                one, other = (f[n, :, y, x] / f[n, :, y, x].norm() for f in (a, b))
                wanted[n] += ((one - other) ** 2).sum() / 15
    found = feature_distance({"p": a, "q": a}, {"p": b, "q": b})
    assert torch.allclose(found, 2 * wanted, rtol=1e-5)


def test_vgg_distance_grows_with_the_difference(vgg: VGG19):
    distance = VggDistance(vgg)
    picture = scenes.texture(5, 64, 48)
    noise = np.random.default_rng(0).normal(0, 1, picture.shape)
    little, much = (to_rgb(picture + size * noise) for size in (5, 30))
    assert distance(picture, picture) == 0
    assert 0 < distance(picture, little) < distance(picture, much) < 2 * len(LAYERS)
    assert distance(little, much) != distance(picture, much)


# ---- true flow ----


class NoFlow:
    """An estimator that must not be asked."""

    def between(self, first: SourcePicture, second: SourcePicture) -> Vectors:
        raise AssertionError("there is true flow")


def write_flo(path: Path, vectors: Vectors) -> None:
    head = np.array([202021.25], "<f4").tobytes() + np.array(vectors.shape[1::-1], "<i4").tobytes()
    path.write_bytes(head + vectors.astype("<f4").tobytes())


def test_flow_files_read_alike(tmp_path: Path):
    vectors = np.random.default_rng(0).normal(0, 3, (4, 6, 2)).astype(np.float32)
    hidden = np.arange(24).reshape(4, 6) % 3 == 0
    write_flo(tmp_path / "a.flo", vectors)
    np.save(tmp_path / "a.npy", vectors)
    np.savez(tmp_path / "a.npz", flow=vectors, occluded=hidden)
    np.savez(tmp_path / "b.npz", flow=vectors.astype(np.float64))
    for name in ("a.flo", "a.npy", "a.npz", "b.npz"):
        found, occluded = read_flow(tmp_path / name)
        assert found.dtype == np.float32 and np.array_equal(found, vectors)
        assert (occluded is not None) == (name == "a.npz")
    vectors[1, 2] = 1e10  # Middlebury's "unknown"
    write_flo(tmp_path / "a.flo", vectors)
    found, occluded = read_flow(tmp_path / "a.flo")
    assert occluded is not None and occluded[1, 2] and occluded.sum() == 1
    assert np.isfinite(found).all() and not found[1, 2].any()


@pytest.mark.parametrize("masked", [True, False])
def test_true_flow_stands_in_for_estimated_flow(tmp_path: Path, masked: bool):
    scene = scenes.layers(PHOTO, count=11, width=160, height=120)
    for t in range(10):
        facts = {"flow": scene.flow(t), **({"occluded": ~scene.visible(t)} if masked else {})}
        np.savez(tmp_path / f"{t}.npz", **facts)
    estimator = NoFlow() if masked else open_flow("dis")
    quality = evaluate(scene.frames(), {}, estimator, Measure((1,)), truth=Truth(tmp_path))
    error, valid = quality.scores[SOURCE].warping[1], quality.valid[1]
    assert error is not None and error < (3e-5 if masked else 3e-4)
    assert valid is not None and valid > 0.7


def test_unusable_true_flow_is_a_clear_line(tmp_path: Path, shifts: Scene):
    def score(truth: Truth) -> None:
        evaluate(shifts.frames(), {}, open_flow("dis"), Measure((1,)), truth=truth)

    with pytest.raises(SourceError, match="not a folder"):
        Truth(tmp_path / "none")
    with pytest.raises(SourceError, match="holds no flow"):
        Truth(tmp_path)
    np.save(tmp_path / "0.npy", shifts.flow(0))
    with pytest.raises(SourceError, match="holds 1 flow files, but the clip has a frame 3"):
        score(Truth(tmp_path))
    np.save(tmp_path / "0.npy", shifts.flow(0)[:, :100])
    with pytest.raises(SourceError, match="100x120, which is not the shape"):
        score(Truth(tmp_path))
    for name, content in (("0.flo", b"no flow"), ("0.npz", b"no zip"), ("0.npy", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=f"flow .*{name} can't be read"):
            read_flow(tmp_path / name)
    np.savez(tmp_path / "0.npz", motion=np.zeros((2, 2, 2)))
    with pytest.raises(SourceError, match="can't be read"):
        read_flow(tmp_path / "0.npz")
    np.save(tmp_path / "0.npy", np.zeros((4, 4)))
    with pytest.raises(SourceError, match="not \\(height, width, 2\\)"):
        read_flow(tmp_path / "0.npy")


# ---- the command ----

Evaluate = Callable[..., Done]


@pytest.fixture
def told(tmp_path: Path, make_clip: MakeClip) -> Evaluate:
    """``stylize-video evaluate`` beside a source, a frame-by-frame result and a steady one."""
    scene = scenes.pan(PHOTO, count=14, width=96, height=72, velocity=(2, 1))
    frames: list[Frame] = list(scene.frames())
    rng = np.random.default_rng(0)
    plain = [to_rgb(pale(f.rgb) + rng.normal(0, 10, f.rgb.shape)) for f in frames]
    make_clip("in.mp4", [f.rgb for f in frames], audio=False)
    make_clip("plain.mp4", plain, audio=False)
    make_clip("out.mp4", [to_rgb(pale(f.rgb)) for f in frames], audio=False)
    make_clip("one-less.mp4", plain[:13], audio=False)
    make_clip("short.mp4", plain[:9], audio=False)
    make_clip("square.mp4", [p[:, :72].copy() for p in plain], audio=False)
    small = [np.ascontiguousarray(p[::2, ::2]) for p in plain]
    make_clip("small.mp4", small, audio=False)

    def tell(*words: str | Path) -> Done:
        return run_command("evaluate", *words, cwd=tmp_path)

    return tell


def test_the_command_measures_draws_and_speaks_json(tmp_path: Path, told: Evaluate):
    done = told(
        "in.mp4", "out.mp4", "--per-frame", "plain.mp4", "--perceptual", "ssim",
        "--picture", "seen.png", "--intervals", "1,5", "--json", "--quiet",
    )  # fmt: skip
    assert done.returncode == 0 and not done.stderr
    facts = json.loads(done.stdout)
    assert facts["frames"] == 14 and facts["pairs"] == {"1": 13, "5": 9}
    assert facts["looks"] == "ssim" and facts["flow"] == "dis"
    ours, plain = facts["scores"]["result"], facts["scores"]["per-frame"]
    assert ours["warping"]["1"] < plain["warping"]["1"] / 10
    assert ours["ratio"]["1"] == pytest.approx(ours["warping"]["1"] / plain["warping"]["1"])
    assert ours["distance"] > 0 and facts["blurred"] > 0
    picture = cv2.imread(str(tmp_path / "seen.png"))
    assert picture is not None and picture.shape[1] == 480
    assert 700 < picture.shape[0] < 2000
    assert "seen.png exists; add --overwrite" in one_line(
        told("in.mp4", "out.mp4", "--picture", "seen.png")
    )


def test_the_command_shows_a_table(told: Evaluate):
    done = told("in.mp4", "small.mp4", "--start", "0.1", "--max-frames", "6", "--intervals", "2")
    assert done.returncode == 0, done.stderr
    assert "E_warp, i=2" in done.stdout and "6 frames, 1 shots; motion by dis" in done.stdout
    assert "per-frame" not in done.stdout


def test_vgg_is_taken_where_its_weights_are(
    told: Evaluate,
    vgg_file: Path,
):
    words = ("in.mp4", "out.mp4", "--per-frame", "plain.mp4", "--vgg", vgg_file, "--max-frames")
    done = told(*words, "4", "--json")
    assert json.loads(done.stdout)["looks"] == "vgg distance", done.stderr


@pytest.fixture
def alexnet_file(tmp_path: Path) -> Path:
    """Weights of AlexNet's shape, not its knowledge: torchvision's keys."""
    from torchvision.models import alexnet

    torch.manual_seed(0)
    torch.save(alexnet(weights=None).state_dict(), tmp_path / "alexnet.pth")
    return tmp_path / "alexnet.pth"


def test_lpips_is_taken_where_its_backbone_is_named(told: Evaluate, alexnet_file: Path):
    words = ("in.mp4", "out.mp4", "--per-frame", "plain.mp4", "--lpips-backbone", alexnet_file)
    done = told(*words, "--max-frames", "4")
    assert done.returncode == 0, done.stderr
    assert "LPIPS to per-frame" in done.stdout


def test_lpips_grows_with_the_difference(alexnet_file: Path):
    distance = open_lpips(alexnet_file)
    rgb = np.ascontiguousarray(PHOTO[:64, :80])
    assert distance(rgb, rgb) == 0
    noise = np.random.default_rng(0).normal(0, 1, rgb.shape)
    far = [distance(rgb, to_rgb(rgb + size * noise)) for size in (5, 20, 60)]
    assert 0 < far[0] < far[1] < far[2]


def test_a_file_that_is_no_alexnet_is_refused(vgg_file: Path, tmp_path: Path):
    with pytest.raises(TrainingError, match="does not hold AlexNet"):
        open_lpips(vgg_file)
    with pytest.raises(TrainingError, match="do not exist"):
        open_lpips(tmp_path / "none.pth")


def test_the_common_frames_of_clips_of_unequal_length_are_compared(told: Evaluate):
    for short, frames in (("one-less.mp4", 13), ("short.mp4", 9)):
        done = told("in.mp4", short, "--json")
        assert json.loads(done.stdout)["frames"] == frames
        assert f"note: {short} ends after {frames} frames, in.mp4 goes on" in done.stderr
        assert f"the common {frames} are compared" in done.stderr


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["none.mp4", "out.mp4"], "input none.mp4 does not exist"),
        (["in.mp4", "square.mp4"], "they are of different shapes"),
        (["in.mp4", "out.mp4", "--per-frame", "small.mp4"], "compared at one size"),
        (["in.mp4", "out.mp4", "--flow", "dsi"], "--flow 'dsi' is none of dis, raft"),
        (["in.mp4", "out.mp4", "--flow", "raft", "--flow-model", "n.onnx"], "n.onnx"),
        (["in.mp4", "out.mp4", "--intervals", "1,x"], "--intervals '1,x'"),
        (["in.mp4", "out.mp4", "--start", "soon"], "--start: 'soon' is not a time"),
        (["in.mp4", "out.mp4", "--start", "90"], "has 0 frames to compare"),
        (["in.mp4", "out.mp4", "--truth", "none"], "--truth none is not a folder"),
        (["in.mp4", "out.mp4", "--picture", "no/p.png"], "folder no does not exist"),
        (["in.mp4", "out.mp4", "--picture", "p.jpg"], "must end in .png"),
        (["in.mp4", "out.mp4", "--perceptual", "vgg", "--vgg", "n.pth"], "n.pth does not exist"),
    ],
)
def test_bad_input_is_one_clear_line(told: Evaluate, words: list[str], line: str):
    assert line in one_line(told(*words))

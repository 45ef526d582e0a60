"""Style-Swap: two files that any video plays, and its optimisation for one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from stylize_video.export.styleswap import export_styleswap
from stylize_video.export.universal import export_universal
from stylize_video.models.data import to_tensor
from stylize_video.models.nets.autoencoder import Encoder
from stylize_video.models.optimize.styleswap import optimize_swap
from stylize_video.models.recipe import SwapRecipe
from stylize_video.models.universal.styleswap import (
    StyleSwap,
    patches,
    swap,
)
from stylize_video.models.universal.wct import WCT
from stylize_video.pipeline.core.errors import ModelError
from stylize_video.pipeline.nets.contract import ModelCard
from stylize_video.pipeline.styles.universal import CompiledUniversal
from stylize_video.pipeline.styles.universal_files import StyleMix, UniversalFiles, mix_statistics

from ...helpers.command import run_command
from ...helpers.once import MakeOnce
from ...helpers.universal_nets import TINY_WIDTHS, noise_picture, tiny_coders

Rgb = NDArray[np.uint8]


def net() -> StyleSwap:
    """Its decoder's answers fill the range, so that a difference would be seen."""
    made = StyleSwap(*tiny_coders(3))
    last = made.decoder.convolutions(1)[0]
    with torch.no_grad():
        seen = made.decoder(made.encoder(noise_picture(2, 64, 64))[0])
        last.weight.mul_(0.25 / seen.std(dim=(0, 2, 3))[:, None, None, None])
        seen = made.decoder(made.encoder(noise_picture(2, 64, 64))[0])
        assert last.bias is not None
        last.bias.add_(0.5 - seen.mean(dim=(0, 2, 3)))
    return made


def rgb(seed: int, height: int = 45, width: int = 62) -> Rgb:
    return (noise_picture(seed, height, width)[0].permute(1, 2, 0) * 255).byte().numpy()


@pytest.fixture(scope="module")
def prepare(make_once: MakeOnce) -> Path:
    def fill(folder: Path) -> None:
        path, frames = folder / "styleswap.prepare.onnx", [rgb(1, 40, 56), rgb(2, 33, 47)]
        parity = export_styleswap(net(), ModelCard("styleswap", "styleswap"), path, frames, rgb(3))
        assert parity.mean < 1

    return make_once("styleswap", fill) / "styleswap.prepare.onnx"


def opened(model: bytes) -> Any:
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def painted(prepare: Path, frame: Rgb, style: Rgb, strength: float = 1.0) -> Rgb:
    method = UniversalFiles(prepare, opened)
    affine_maps = method.affine_maps([(frame, None)], StyleMix(method.statistics(style), strength))
    session = opened(method.apply.SerializeToString())
    return np.asarray(CompiledUniversal(session, affine_maps, method.card).paint(frame))


@pytest.mark.parametrize("strength", [1.0, 0.4, 0.0])
@pytest.mark.parametrize("size", [(1, 1), (7, 40), (61, 48)])
def test_the_files_paint_what_pytorch_paints(prepare: Path, size: tuple[int, int], strength: float):
    frame, style = rgb(4, *size), rgb(5, 50, 36)
    found = painted(prepare, frame, style, strength)
    wanted = net().stylize(to_tensor(frame), to_tensor(style), strength)
    assert found.shape == frame.shape
    assert np.abs(found - wanted[0].permute(1, 2, 0).numpy() * 255).mean() < 1


def test_only_standard_operators(prepare: Path):
    for name in ("prepare", "apply"):
        model = onnx.load(prepare.with_name(f"styleswap.{name}.onnx"))
        assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
        assert not model.functions


def test_the_style_changes_the_picture_and_no_strength_hides_it(prepare: Path):
    frame = rgb(4)
    one, other = (painted(prepare, frame, rgb(seed)).astype(int) for seed in (5, 6))
    assert np.abs(one - other).mean() > 1
    bare = [painted(prepare, frame, rgb(seed), 0.0) for seed in (5, 6)]
    assert np.array_equal(*bare)


def test_a_method_that_hears_shots_has_both_its_halves(tmp_path: Path):
    path = tmp_path / "wct.prepare.onnx"
    frames = [rgb(1, 40, 56), rgb(2, 33, 47)]
    export_universal(WCT({1: tiny_coders(1)}), ModelCard("wct", "wct"), path, frames, rgb(3))
    method = UniversalFiles(path, opened)
    look = StyleMix(method.statistics(rgb(3)))
    assert set(look.statistics) == {"mean.relu1_1", "root.relu1_1", "weight.relu1_1"}
    one, other = (method.affine_maps([(frame, None)], look) for frame in frames)
    assert set(one) == {"matrix.relu1_1", "shift.relu1_1"}
    assert not np.allclose(one["matrix.relu1_1"], other["matrix.relu1_1"])


def test_pictures_share_out_their_patches():
    many, few = np.arange(100.0), -np.arange(1.0, 51.0)
    styles = [{"patches": values[None, :, None, None, None]} for values in (many, few)]
    found = mix_statistics(styles, [0.75, 0.25])["patches"][0, :, 0, 0, 0]
    assert (found >= 0).sum() == 100 and (found < 0).sum() == 33
    assert found.min() == -50 and found.max() == 99
    alone = mix_statistics(styles[:1], [1.0])["patches"]
    assert np.array_equal(alone, styles[0]["patches"])
    huge = {"patches": np.zeros((1, 9000, 1, 1, 1))}
    assert mix_statistics([huge, huge], [0.5, 0.5])["patches"].shape[1] == 4096


def save(path: Path, picture: Rgb) -> Path:
    cv2.imwrite(str(path), picture[..., ::-1])
    return path


def test_a_picture_is_the_style_of_a_video(prepare: Path, tmp_path: Path, make_clip: Any):
    style = save(tmp_path / "style.png", rgb(5, 90, 70))
    done = run_command(
        make_clip(), tmp_path / "out.mp4", "--style", style, "--method", prepare, "--device", "cpu"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.mp4").stat().st_size > 0


def test_a_large_frame_is_painted_smaller_and_comes_back_whole(prepare: Path):
    method, seen = UniversalFiles(prepare, opened), list[tuple[int, ...]]()

    class Session:
        def run(self, names: list[str], fed: dict[str, Rgb]) -> list[Rgb]:
            seen.append(fed["frame"].shape)
            return [255 - fed["frame"]]

    frame, most = rgb(4, 720, 1280), method.card.most_pixels
    found = np.asarray(CompiledUniversal(Session(), {}, method.card).paint(frame))
    assert 0.98 * most < seen[0][1] * seen[0][2] < 1.02 * most < 720 * 1280
    assert found.shape == frame.shape
    assert np.abs(found.astype(int) - (255 - frame)).mean() < 3


def test_files_that_are_no_pair_are_named(prepare: Path, tmp_path: Path):
    apply = prepare.with_name("styleswap.apply.onnx")
    with pytest.raises(ModelError, match="no prepare file: it has no input 'style'"):
        UniversalFiles(apply, opened)
    model = onnx.load(prepare)
    model.graph.output[0].name = "other"
    for node in model.graph.node:
        node.output[:] = ["other" if name == "patches" else name for name in node.output]
    onnx.save(model, tmp_path / "odd.prepare.onnx")
    with pytest.raises(ModelError, match="gives no 'patches', for which the apply file asks"):
        UniversalFiles(tmp_path / "odd.prepare.onnx", opened, apply)


# ---- by optimisation ----


@pytest.mark.parametrize("start", ["content", "noise:3"])
def test_optimisation_comes_nearer_to_the_swapped_features(start: str):
    torch.manual_seed(3)
    encoder = Encoder(TINY_WIDTHS, 3).eval().requires_grad_(False)
    content, style = noise_picture(2, 46, 61), noise_picture(1, 40, 40)
    losses: list[float] = []
    recipe = SwapRecipe(iterations=30, tv_weight=0.0, start=start)
    found = optimize_swap(encoder, content, style, recipe, losses.append)
    assert found.shape == content.shape and found.min() >= 0 and found.max() <= 1
    assert len(losses) == 30 and losses[-1] < 0.7 * losses[0]
    again = optimize_swap(encoder, content, style, recipe)
    assert torch.equal(found, again)


def test_total_variation_makes_it_smoother():
    torch.manual_seed(3)
    encoder = Encoder(TINY_WIDTHS, 3).eval().requires_grad_(False)
    content, style = noise_picture(2, 48, 60), noise_picture(1, 40, 40)
    rough, smooth = (
        optimize_swap(
            encoder, content, style, SwapRecipe(iterations=20, tv_weight=tv, start="noise:1")
        )
        for tv in (0.0, 100.0)
    )
    assert smooth.diff(dim=3).abs().mean() < 0.5 * rough.diff(dim=3).abs().mean()


def test_patches_of_any_size_and_stride():
    x = torch.randn(1, 4, 9, 11)
    for size, stride in ((1, 1), (3, 2), (5, 3)):
        wanted = x.unfold(2, size, stride).unfold(3, size, stride)[0].permute(1, 2, 0, 3, 4)
        assert torch.equal(patches(x, size, stride), wanted.flatten(0, 1))
        assert swap(x, torch.randn(1, 4, 7, 8), size, stride).shape == x.shape

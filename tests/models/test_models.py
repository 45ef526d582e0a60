from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from stylize_video.models.data import Crops, list_photos, read_rgb
from stylize_video.models.nets.feedforward import (
    Analysis,
    FastNet,
    QualityNet,
    RecurrentNet,
    StyleNet,
    Synthesis,
    pack,
    padded_index,
    unpack,
)
from stylize_video.models.nets.johnson import JohnsonNet
from stylize_video.models.nets.vgg19 import VGG19
from stylize_video.models.recipe import Recipe
from stylize_video.models.training.feedforward import (
    begin,
    evaluate,
    fingerprint,
    load_checkpoint,
    next_unsteadiness,
    one_cycle,
    perceptual_loss,
    save_checkpoint,
    train,
)
from stylize_video.models.training.losses import (
    PerceptualLoss,
    feature_loss,
    gram,
    style_loss,
    total_variation,
    unsteadiness,
)
from stylize_video.models.training.synthetic_motion import FakeMotion
from stylize_video.pipeline.core.errors import TrainingError

from ..helpers.pictures import write_photos

# ---- losses ----


def test_gram_is_the_papers():
    f = torch.randn(2, 3, 4, 5)
    wanted = torch.einsum("nchw,ndhw->ncd", f, f) / (3 * 4 * 5)
    assert torch.allclose(gram(f), wanted, atol=1e-6)


def test_losses_are_the_papers():
    a, b = torch.randn(1, 3, 4, 5), torch.randn(1, 3, 4, 5)
    assert feature_loss(a, b).item() == pytest.approx(((a - b) ** 2).sum().item() / 60, rel=1e-5)
    wanted = ((gram(a) - gram(b)) ** 2).sum().item()
    assert style_loss(gram(a), gram(b)).item() == pytest.approx(wanted, rel=1e-5)
    ramp = torch.arange(4.0).view(1, 1, 1, 4).expand(1, 1, 3, 4)
    assert total_variation(ramp).item() == pytest.approx(1.0)


def test_the_style_itself_has_no_style_loss_and_the_content_no_content_loss(vgg: VGG19):
    style, content = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)
    loss = PerceptualLoss(vgg, style, "relu4_2", ("relu1_1", "relu3_1"))
    assert loss(style, content).style.item() == pytest.approx(0, abs=1e-9)
    assert loss(content, content).content.item() == pytest.approx(0, abs=1e-9)
    assert loss(content, content).style.item() > 0
    assert loss(style, content).content.item() > 0


def test_vgg_names_its_layers_as_the_papers_do(vgg: VGG19):
    layers = ("relu1_1", "relu2_1", "conv4_2", "relu4_2", "pool4", "conv5_1")
    found = vgg(torch.rand(1, 3, 32, 48), layers)
    assert found["relu1_1"].shape == (1, 64, 32, 48)
    assert found["relu2_1"].shape == (1, 128, 16, 24)
    assert found["conv4_2"].shape == (1, 512, 4, 6)
    assert torch.equal(found["conv4_2"].clamp(min=0), found["relu4_2"])
    assert found["conv5_1"].shape == (1, 512, 2, 3)


def test_a_file_that_is_not_vgg_is_named(tmp_path: Path):
    torch.save({"features.0.weight": torch.zeros(3)}, tmp_path / "no.pth")
    with pytest.raises(ValueError, match="does not hold VGG-19"):
        VGG19(tmp_path / "no.pth")


@pytest.mark.real_data
def test_the_half_precision_weights_load(shared: Path):
    describer = VGG19(shared / "weights" / "vgg19-features-conv5_1.safetensors")
    assert describer(torch.rand(1, 3, 32, 32), ("conv5_1",))["conv5_1"].std() > 0.1


# ---- nets ----

NETS = [FastNet(), QualityNet(), RecurrentNet(), JohnsonNet()]


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (31, 47), (64, 64), (5, 200)])
def test_a_net_answers_any_size_in_range(net: StyleNet, size: tuple[int, int]):
    with torch.no_grad():
        result = net(torch.rand(1, 3, *size))
    assert result.shape == (1, 3, *size)
    assert result.min() >= 0 and result.max() <= 1


def test_the_fast_net_costs_at_most_7_gmac_at_720p():
    assert FastNet().macs_per_pixel() * 1280 * 720 <= 7e9


def test_the_recurrent_net_reads_its_memory_where_it_is_trusted():
    torch.manual_seed(0)
    net = RecurrentNet().eval()
    rgb, before = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)
    nothing, all_of_it = torch.zeros(1, 1, 64, 64), torch.ones(1, 1, 64, 64)
    with torch.no_grad():
        blank = net(rgb)
        assert torch.equal(net(rgb, (before, nothing)), blank)
        assert not torch.allclose(net(rgb, (before, all_of_it)), blank, atol=1e-3)


def test_johnsons_net_costs_what_it_is_known_to_cost():
    assert JohnsonNet().macs_per_pixel() == pytest.approx(153.8e3, rel=1e-3)


def counted_macs(net: StyleNet, size: int) -> float:
    """Multiply-accumulates of every convolution, counted as they run."""
    total = 0.0
    original = torch.nn.functional.conv2d

    def count(x: torch.Tensor, weight: torch.Tensor, *args: object, **kwargs: object):
        nonlocal total
        y = original(x, weight, *args, **kwargs)  # pyright: ignore[reportArgumentType]
        if weight.shape[1] > 1:  # not the composition of kernels, which is done at export
            total += y.shape[2] * y.shape[3] * weight.numel()
        return y

    torch.nn.functional.conv2d = count  # pyright: ignore[reportAttributeAccessIssue]
    try:
        with torch.no_grad():
            net(torch.rand(1, 3, size, size))
    finally:
        torch.nn.functional.conv2d = original
    return total


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_the_cost_stated_is_the_cost_run(net: StyleNet):
    padded = 64 + 2 * net.margin
    stated = net.macs_per_pixel() * padded**2
    # Reflection makes the inner maps of Johnson's net no larger; the count is exact.
    assert counted_macs(net, 64) == pytest.approx(stated, rel=0.01)


def test_packing_is_undone():
    x = torch.rand(2, 3, 8, 12)
    assert pack(x, 4).shape == (2, 48, 2, 3)
    assert torch.equal(unpack(pack(x, 4), 4), x)


def test_packed_analysis_is_a_strided_convolution_with_smooth_kernels():
    layer = Analysis(3, 5, 4)
    kernel = layer.kernel()
    full = kernel.reshape(5, 4, 4, 3, 3, 3).permute(0, 3, 4, 1, 5, 2).reshape(5, 3, 12, 12)
    x = torch.rand(1, 3, 32, 40)
    wanted = torch.nn.functional.conv2d(x, full, layer.free.bias, stride=4, padding=4)
    assert torch.allclose(layer(pack(x, 4)), wanted, atol=1e-5)


@pytest.mark.parametrize("frequency", [0.25, 0.5])
def test_analysis_is_deaf_to_what_its_stride_would_fold_onto_the_mean(frequency: float):
    x = torch.cos(2 * torch.pi * frequency * torch.arange(64) + 0.3)
    waves = x.view(1, 1, 1, 64).expand(1, 3, 64, 64)
    flat = Analysis(3, 8, 4)(pack(waves, 4))[:, :, 2:-2, 2:-2]
    assert flat.std(dim=(2, 3)).max() < 1e-5


def test_synthesis_cannot_make_a_checkerboard():
    layer = Synthesis(8, 3, 2, pixels=True)
    flat = unpack(layer(torch.randn(1, 8, 1, 1).expand(1, 8, 12, 12)), 2)
    inner = flat[:, :, 4:-4, 4:-4]
    assert inner.std(dim=(2, 3)).max() < 1e-5


def test_synthesis_makes_a_ramp_of_a_ramp():
    """Else slow changes, around a shape, would show the grid."""
    layer = Synthesis(8, 3, 2, pixels=True)
    ramp = torch.randn(1, 8, 1, 1) * torch.arange(12.0)
    shown = unpack(layer(ramp.expand(1, 8, 12, 12)), 2)[:, :, 4:-4, 4:-4]
    assert shown.diff(dim=3).std(dim=(2, 3)).max() < 1e-5


def test_features_may_come_packed():
    """The same kernels, of features that lie unpacked and of the same ones packed."""
    plain, packed = Synthesis(4, 3, 2, pixels=True), Synthesis(4, 3, 2, packed=2, pixels=True)
    packed.load_state_dict(plain.state_dict())
    x = torch.randn(1, 4, 8, 12)
    cells = torch.nn.functional.pixel_unshuffle(x, 2)
    assert torch.allclose(unpack(packed(cells), 4), unpack(plain(x), 2), atol=1e-5)


def test_what_leads_back_from_beyond_white_is_learned():
    net = FastNet()
    with torch.no_grad():
        net.tail.free.bias.fill_(3.0)  # type: ignore[union-attr]
    net(torch.rand(1, 3, 32, 32)).mean().backward()
    assert net.tail.free.bias.grad.abs().max() > 0  # type: ignore[union-attr]
    net.zero_grad()
    (-net(torch.rand(1, 3, 32, 32)).mean()).backward()
    assert net.tail.free.bias.grad.abs().max() == 0  # type: ignore[union-attr]


def test_padding_reflects_and_then_holds():
    assert padded_index(torch.arange(5), 3, 4).tolist() == [3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1, 0]
    assert padded_index(torch.arange(1), 2, 4).tolist() == [0] * 8
    assert set(padded_index(torch.arange(2), 8, 4).tolist()) == {0, 1}


# ---- data ----


def test_a_crop_depends_on_seed_and_number_alone(tmp_path: Path):
    photos = list_photos(write_photos(tmp_path / "p", 5))
    a, b = Crops(photos, 64, 10, seed=1), Crops(photos, 64, 10, seed=1)
    assert all(torch.equal(a[i], b[i]) for i in (7, 0, 3))
    assert not torch.equal(a[0], Crops(photos, 64, 10, seed=2)[0])
    assert a[0].shape == (3, 64, 64)
    assert a[0].dtype == torch.uint8


def test_a_broken_photograph_is_passed_over(tmp_path: Path):
    folder = write_photos(tmp_path / "p", 2)
    (folder / "000.png").write_bytes(b"broken")
    crops = Crops(list_photos(folder), 64, 6, seed=0)
    assert all(crop.shape == (3, 64, 64) for crop in (crops[i] for i in range(6)))


def test_a_folder_without_photographs_is_named(tmp_path: Path):
    with pytest.raises(TrainingError, match="no photographs"):
        list_photos(tmp_path)
    with pytest.raises(TrainingError, match="is not a folder"):
        list_photos(tmp_path / "none")


# ---- training ----


RECIPE = Recipe(steps=4, batch=2, crop=64, style_size=64, held_back=1)


def test_the_rate_rises_then_falls_to_nothing():
    rates = [one_cycle(step, 100, 1.0) for step in range(101)]
    assert rates.index(max(rates)) == 20
    assert rates[20] == pytest.approx(1.0)
    assert rates[100] == pytest.approx(0, abs=1e-9)
    assert rates[0] == pytest.approx(0.04)


def test_a_stopped_training_resumes_to_the_same_weights(tmp_path: Path, vgg: VGG19):
    photos = list_photos(write_photos(tmp_path / "p", 4))
    style = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    cpu = torch.device("cpu")
    loss = perceptual_loss(RECIPE, style, vgg, cpu)

    whole = begin(RECIPE, cpu)
    list(train(whole, loss, photos, workers=0))

    first = begin(RECIPE, cpu)
    steps = train(first, loss, photos, workers=0)
    next(steps), next(steps)
    steps.close()
    save_checkpoint(first, tmp_path / "c.pt")
    second = load_checkpoint(tmp_path / "c.pt", cpu)
    assert second.step == 2
    list(train(second, loss, photos, workers=0))

    assert second.step == whole.step == 4
    for a, b in zip(whole.net.parameters(), second.net.parameters(), strict=True):
        assert torch.equal(a, b)
    assert second.history == whole.history


@pytest.mark.parametrize("tier", ["fast", "recurrent"])
def test_training_for_steadiness_makes_the_net_steadier(tmp_path: Path, vgg: VGG19, tier: str):
    photos = list_photos(write_photos(tmp_path / "p", 4))
    style = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    cpu = torch.device("cpu")

    def unsteadiness_after(weight: float) -> float:
        recipe = RECIPE.model_copy(
            update={"tier": tier, "steps": 40, "steady_weight": weight, "style_weight": 1.0}
        )
        training = begin(recipe, cpu)
        loss = perceptual_loss(recipe, style, vgg, cpu)
        list(train(training, loss, photos, workers=0))
        picture = torch.from_numpy(np.stack([read_rgb(p) for p in photos]))  # pyright: ignore
        content = picture.permute(0, 3, 1, 2)[:, :, :96, :96].float() / 255
        motion = FakeMotion(4, 96, 96, 5, cpu)
        with torch.no_grad():
            result = training.net.eval()(content)
            return next_unsteadiness(training.net, content, result, motion).item()

    assert unsteadiness_after(30.0) < 0.7 * unsteadiness_after(0.0)


def test_a_recurrent_net_is_trained_on_what_it_is_told(tmp_path: Path, vgg: VGG19):
    """Weights that see nothing but the memory get no gradient from a net that is told nothing."""
    photos = list_photos(write_photos(tmp_path / "p", 4))
    style = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    recipe = RECIPE.model_copy(update={"tier": "recurrent"})
    cpu = torch.device("cpu")
    training, fresh = begin(recipe, cpu), begin(recipe, cpu).net
    list(train(training, perceptual_loss(recipe, style, vgg, cpu), photos, workers=0))
    assert isinstance(training.net, RecurrentNet) and isinstance(fresh, RecurrentNet)
    for name in ("before", "trust"):
        now, then = (getattr(net, name).free.weight for net in (training.net, fresh))
        assert (now - then).abs().max() > 1e-4


def test_a_training_can_begin_from_a_checkpoint(tmp_path: Path):
    cpu = torch.device("cpu")
    first = begin(RECIPE, cpu)
    save_checkpoint(first, tmp_path / "base.pt")
    other = RECIPE.model_copy(update={"seed": RECIPE.seed + 1, "steps": 7})
    second = begin(other, cpu, tmp_path / "base.pt")
    assert second.recipe == other and second.step == 0
    for a, b in zip(first.net.parameters(), second.net.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(TrainingError, match="is a fast net; train with --tier fast"):
        begin(RECIPE.model_copy(update={"tier": "recurrent"}), cpu, tmp_path / "base.pt")


def test_a_quality_net_can_begin_where_a_fast_one_ended(tmp_path: Path):
    cpu = torch.device("cpu")
    fast = begin(RECIPE, cpu)
    save_checkpoint(fast, tmp_path / "fast.pt")
    wider = RECIPE.model_copy(update={"tier": "quality"})
    first = begin(wider, cpu, tmp_path / "fast.pt")
    second = begin(wider.model_copy(update={"seed": 9}), cpu, tmp_path / "fast.pt")
    picture = torch.rand(1, 3, 40, 52)
    with torch.no_grad():
        assert (first.net(picture) - fast.net(picture)).abs().max() < 1e-4
    for a, b in zip(first.net.parameters(), second.net.parameters(), strict=True):
        assert torch.equal(a, b)  # so that what is trained from both can be mixed
    assert first.family == second.family != fingerprint(fast.net)
    first.net(picture).square().mean().backward()
    added = first.net.body[3].body[4].weight.grad  # a block that answers nothing yet
    assert added is not None and added.abs().max() > 0


def test_unsteadiness_is_the_error_over_the_contrast():
    wanted = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2).expand(1, 3, 8, 2)
    seen = torch.ones(1, 1, 8, 2)
    seen[:, :, 4:] = 0
    result = wanted + 0.1
    result[:, :, 4:] = 9.0  # not seen, so not counted
    assert unsteadiness(result, wanted, seen).item() == pytest.approx(
        0.01 / wanted.var(dim=(2, 3)).mean().item(), rel=1e-4
    )


def test_fake_motion_moves_what_it_says_and_its_seed_alone_decides():
    cpu = torch.device("cpu")
    ramp = torch.linspace(0, 1, 64).view(1, 1, 1, 64).expand(1, 3, 64, 64)
    motion, same = FakeMotion(1, 64, 64, 3, cpu), FakeMotion(1, 64, 64, 3, cpu)
    assert torch.equal(motion.move(ramp), same.move(ramp))
    assert torch.equal(motion.next_frame(ramp), same.next_frame(ramp))
    assert not torch.equal(FakeMotion(1, 64, 64, 4, cpu).move(ramp), motion.move(ramp))
    # A ramp along x is moved by as much as its values change; by no more than a few pixels.
    moved = ((motion.move(ramp) - ramp) * 63)[:, :, 12:52, 12:52]
    assert 0.01 < moved.abs().max() < 12
    assert motion.seen.mean() > 0.8
    assert ((motion.holes() > 0) & (motion.seen == 0)).sum() == 0


def test_training_lowers_the_loss(tmp_path: Path, vgg: VGG19):
    photos = list_photos(write_photos(tmp_path / "p", 4))
    style = np.zeros((64, 64, 3), np.uint8)
    style[::8] = (255, 30, 30)
    recipe = RECIPE.model_copy(update={"steps": 25, "style_weight": 1.0, "content_weight": 0.1})
    training = begin(recipe, torch.device("cpu"))
    loss = perceptual_loss(recipe, style, vgg, torch.device("cpu"))
    before = evaluate(training, loss, photos, size=64)
    list(train(training, loss, photos, workers=0))
    after = evaluate(training, loss, photos, size=64)
    assert after.total < 0.5 * before.total


def test_a_checkpoint_is_data(tmp_path: Path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "pwned",))

    (tmp_path / "evil.pt").write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(TrainingError, match="checkpoint"):
        load_checkpoint(tmp_path / "evil.pt", torch.device("cpu"))
    torch.save({"net": Evil()}, tmp_path / "evil2.pt")
    with pytest.raises(TrainingError, match="not a checkpoint that can be resumed"):
        load_checkpoint(tmp_path / "evil2.pt", torch.device("cpu"))
    assert not (tmp_path / "pwned").exists()


def test_pictures_of_a_training_are_drawn(tmp_path: Path):
    from stylize_video.models.training.plots import loss_curves, sample_sheet

    photos = list_photos(write_photos(tmp_path / "p", 3))
    loss_curves([{"content": 1 / i, "style": 2 / i} for i in range(1, 60)], tmp_path / "l.png")
    sample_sheet(FastNet(), photos, tmp_path / "s.png")
    for name in ("l.png", "s.png"):
        picture = cv2.imread(str(tmp_path / name))
        assert picture is not None and picture.std() > 5

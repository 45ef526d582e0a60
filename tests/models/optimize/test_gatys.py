"""Painting by descent on pixels: the papers' losses, and what comes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
import torch
from stylize_video.models.nets.vgg19 import VGG19
from stylize_video.models.optimize import color as recolour
from stylize_video.models.optimize import deep_photo as deepphoto
from stylize_video.models.optimize import descent as pixels
from stylize_video.models.optimize import gatys, texture
from stylize_video.models.optimize.gatys import Describer, Style
from stylize_video.models.optimize.image import Painting, Subject
from stylize_video.models.optimize.temporal import long_term, temporal_loss
from stylize_video.models.recipe import PaintRecipe
from stylize_video.pipeline.core.errors import TrainingError
from stylize_video.pipeline.imaging.matting import matting_laplacian
from torch import Tensor

CPU = torch.device("cpu")


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def scene(height: int = 64, width: int = 80, seed: int = 0) -> Tensor:
    """A smooth picture with an edge, (1, 3, H, W), 0–255."""
    noise = random(1, 3, 6, 6, seed=seed, dtype=torch.float32)
    picture = pixels.resize(noise, (height, width)).clamp(0, 1)
    picture[..., width // 2 :] = 1 - picture[..., width // 2 :]
    return picture * 255


def checked(function: Callable[..., Tensor], *inputs: Tensor) -> None:
    """Gradients against finite differences, in float64."""
    assert torch.autograd.gradcheck(
        function, tuple(x.clone().requires_grad_() for x in inputs), eps=1e-6, atol=1e-6
    )


# ---- the losses against their formulas, and their gradients ----


def test_gram_is_the_sum_over_positions():
    f = random(1, 3, 4, 5)
    direct = torch.zeros(3, 3, dtype=torch.float64)
    for i in range(3):
        for j in range(3):
            direct[i, j] = sum(f[0, i, y, x] * f[0, j, y, x] for y in range(4) for x in range(5))
    torch.testing.assert_close(gatys.grams(f)[0], direct / 20)


def test_a_labels_gram_looks_at_its_positions_alone():
    f = random(1, 3, 4, 6)
    labels = torch.zeros(1, 2, 4, 6, dtype=torch.float64)
    labels[:, 0, :, :2] = 1
    labels[:, 1, :, 2:] = 1
    found = gatys.grams(f, labels)
    torch.testing.assert_close(found[0], gatys.grams(f[..., :2])[0])
    torch.testing.assert_close(found[1], gatys.grams(f[..., 2:])[0])


def test_style_loss_is_the_papers_for_pictures_of_one_size():
    f, a = random(1, 4, 5, 7), random(1, 4, 5, 7, seed=1)
    n, m = 4, 35
    g, wanted = (x.flatten(2)[0] @ x.flatten(2)[0].T for x in (f, a))
    direct = (g - wanted).square().sum() / (4 * n**2 * m**2)
    torch.testing.assert_close(gatys.layer_style_loss(gatys.grams(f), gatys.grams(a)), direct)


def test_content_loss_and_the_papers_gradient():
    f, p = random(1, 2, 3, 3).requires_grad_(), random(1, 2, 3, 3, seed=1)
    loss = gatys.content_loss(f, p)
    torch.testing.assert_close(loss, 0.5 * ((f - p) ** 2).sum())
    loss.backward()
    torch.testing.assert_close(f.grad, (f - p).detach())  # equation 2
    checked(lambda x: gatys.content_loss(x, p), f.detach())


def test_style_gradient_is_the_papers():
    f, a = random(1, 3, 4, 4).requires_grad_(), gatys.grams(random(1, 3, 4, 4, seed=1))
    gatys.layer_style_loss(gatys.grams(f), a).backward()
    flat = f.detach().flatten(2)[0]
    n, m = flat.shape
    direct = flat.T @ (flat @ flat.T - a[0] * m) / (n**2 * m**2)  # equation 6
    assert f.grad is not None
    torch.testing.assert_close(f.grad.flatten(2)[0], direct.T)
    checked(lambda x: gatys.layer_style_loss(gatys.grams(x), a), f.detach())


def test_masked_style_gradient():
    labels = random(1, 2, 4, 4, seed=3)
    a = gatys.grams(random(1, 3, 4, 4, seed=1), labels)
    shares = torch.tensor([0.3, 0.7], dtype=torch.float64)
    checked(lambda x: gatys.layer_style_loss(gatys.grams(x, labels), a, shares), random(1, 3, 4, 4))


def test_total_variation_is_isotropic():
    x = random(1, 2, 4, 5)
    direct = sum(
        ((x[0, c, i + 1, j] - x[0, c, i, j]) ** 2 + (x[0, c, i, j + 1] - x[0, c, i, j]) ** 2)
        .sqrt()
        .item()
        for c in range(2)
        for i in range(3)
        for j in range(4)
    )
    assert gatys.total_variation(x).item() == pytest.approx(direct)
    checked(gatys.total_variation, x)


def test_a_flat_picture_has_no_variation_and_no_slope():
    flat = torch.full((1, 3, 4, 4), 7.0, requires_grad=True)
    loss = gatys.total_variation(flat)
    loss.backward()
    assert flat.grad is not None
    assert loss.item() == 0
    assert flat.grad.abs().max() == 0


def test_temporal_loss_is_the_papers():
    x, wanted = random(1, 3, 4, 5), random(1, 3, 4, 5, seed=1)
    weights = random(1, 1, 4, 5, seed=2).abs()
    direct = sum(
        weights[0, 0, i, j] * (x[0, c, i, j] - wanted[0, c, i, j]) ** 2
        for c in range(3)
        for i in range(4)
        for j in range(5)
    )
    torch.testing.assert_close(temporal_loss(x, wanted, weights), direct / 60)
    checked(lambda x: temporal_loss(x, wanted, weights), x)


def test_each_pixel_is_held_by_the_nearest_painting_that_shows_it():
    near, middle, far = (
        torch.tensor([[[values]]]) for values in ([1.0, 0, 0.3], [1.0, 1, 0.3], [1.0] * 3)
    )
    found = long_term([near, middle, far])
    assert [x.flatten().tolist() for x in found] == [
        pytest.approx([1, 0, 0.3]),
        pytest.approx([0, 1, 0]),
        pytest.approx([0, 0, 0.4]),
    ]


def test_photorealism_is_the_quadratic_form():
    rgb = (random(5, 6, 3) * 255).numpy().astype(np.uint8)
    matrix = matting_laplacian(rgb)
    picture = 255 * random(1, 3, 5, 6, seed=2)
    v = (picture[0] / 255).flatten(1).numpy()
    direct = sum(float(v[c] @ matrix.toarray() @ v[c]) for c in range(3))
    sparse = deepphoto.as_torch(matrix).double()
    assert deepphoto.photorealism(picture, sparse).item() == pytest.approx(direct)
    checked(lambda x: deepphoto.photorealism(x, sparse), picture / 100)


def test_the_laplacian_against_its_formula():
    """Levin 2008, equation 12, by loops."""
    rgb = (random(4, 5, 3, seed=4) * 255).numpy().astype(np.uint8)
    colours = rgb.astype(np.float64) / 255
    direct = np.zeros((20, 20))
    for top in range(2):
        for left in range(3):
            places = [(top + i) * 5 + left + j for i in range(3) for j in range(3)]
            window = colours[top : top + 3, left : left + 3].reshape(9, 3)
            mean, cov = window.mean(0), np.cov(window.T, bias=True)
            inverse = np.linalg.inv(cov + 1e-7 / 9 * np.eye(3))
            for a, i in enumerate(places):
                for b, j in enumerate(places):
                    near = 1 + (window[a] - mean) @ inverse @ (window[b] - mean)
                    direct[i, j] += (i == j) - near / 9
    np.testing.assert_allclose(matting_laplacian(rgb).toarray(), direct, atol=1e-6)


def test_an_affine_change_of_colour_is_photorealistic():
    rgb = (random(12, 12, 3) * 255).numpy().astype(np.uint8)
    sparse = deepphoto.as_torch(matting_laplacian(rgb))
    content = torch.from_numpy(rgb).permute(2, 0, 1)[None].float()
    changed = torch.einsum("ij,njhw->nihw", random(3, 3, dtype=torch.float32), content) + 9
    strokes = 255 * random(1, 3, 12, 12, seed=5, dtype=torch.float32)
    temporal_term = deepphoto.photorealism(changed, sparse).item()
    assert temporal_term < 1e-3 * deepphoto.photorealism(strokes, sparse).item()


# ---- descriptions ----


def test_losses_do_not_hang_on_the_scale_of_the_weights(vgg_file: Path, tmp_path: Path):
    """Torchvision's weights answer on another scale than Oxford's: α/β must mean the same."""
    state = torch.load(vgg_file, weights_only=True)
    first = next(k for k in state if k.endswith(".weight")).removesuffix(".weight")
    scaled = {k: v * 3 if k.startswith(first) else v for k, v in state.items()}
    for name in (k for k in scaled if k.endswith(".bias") and not k.startswith(first)):
        scaled[name] = scaled[name] * 3
    torch.save(scaled, tmp_path / "scaled.pth")
    one, other = (Describer(VGG19(path)) for path in (vgg_file, tmp_path / "scaled.pth"))
    layers = ("conv1_1", "pool2", "conv4_2")
    found, again = one(scene(), layers), other(scene(), layers)
    for name in layers:
        torch.testing.assert_close(again[name], found[name], rtol=1e-3, atol=0.1)


def test_average_pooling_is_average_pooling(vgg_file: Path):
    average, most = VGG19(vgg_file, "average"), VGG19(vgg_file)
    rgb = scene() / 255
    before = average(rgb, ("relu1_2", "pool1"))
    expected = torch.nn.functional.avg_pool2d(before["relu1_2"], 2)
    torch.testing.assert_close(before["pool1"], expected)
    assert (most(rgb, ("pool1",))["pool1"] >= before["pool1"] - 1e-5).all()


def test_an_unknown_layer_is_one_line():
    with pytest.raises(ValueError, match="conv9_1"):
        PaintRecipe.model_validate({"style_layers": {"conv9_1": 1.0}})


def test_the_rim_of_a_picture_looks_like_its_middle(vgg: VGG19):
    """The zeros that VGG-19 pads with are a dark edge, which a painting answers with a frame."""
    found = Describer(vgg)(torch.full((1, 3, 32, 32), 90.0), ("conv1_1", "conv2_1"))
    for name, margin in (("conv1_1", 8), ("conv2_1", 4)):
        shown = found[name][..., margin:-margin, margin:-margin]
        assert shown.shape[-1] == 32 * margin // 8
        torch.testing.assert_close(shown, shown[..., :1, :1].expand_as(shown))


def test_without_a_margin_it_sees_what_the_paper_sees(vgg: VGG19):
    picture = scene()
    describe = Describer(vgg, margin=0)
    found, raw = describe(picture, ("conv2_1",)), vgg(picture / 255, ("relu2_1",))
    torch.testing.assert_close(found["conv2_1"], raw["relu2_1"] * gatys.unit_gains(vgg)["relu2_1"])


# ---- painting ----

QUICK = {"style_layers": {"conv1_1": 0.5, "conv2_1": 0.5}, "content_layers": ("conv2_2",)}


def painted(vgg: VGG19, subject: Subject, **settings: object) -> tuple[Tensor, pixels.Canvas]:
    recipe = PaintRecipe.model_validate({"iterations": 12, "tv_weight": 0, **QUICK, **settings})
    work = Painting(Describer(vgg), recipe, subject)
    canvas = work.begin()
    for _ in work.paint(canvas):
        pass
    return work.result(canvas), canvas


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam", "rmsprop", "momentum"])
def test_every_optimiser_comes_nearer(vgg: VGG19, optimizer: str):
    subject = Subject(scene(), [Style(scene(seed=1))])
    _, canvas = painted(vgg, subject, optimizer=optimizer, sizes=1, iterations=20)
    assert canvas.curves[-1]["total"] < 0.8 * canvas.curves[0]["total"]


def test_a_ratio_of_nothing_leaves_the_style_and_a_large_one_the_content(vgg: VGG19):
    subject = Subject(scene(), [Style(scene(seed=1))])
    start = {"start": "noise:3", "iterations": 60, "sizes": 1}
    free, _ = painted(vgg, subject, ratio=0, **start)
    temporal_term, _ = painted(vgg, subject, ratio=1e3, **start)
    off = [(x - subject.content).abs().mean().item() for x in (free, temporal_term)]
    assert off[1] < 0.7 * off[0]


def test_noise_has_a_seed(vgg: VGG19):
    subject = Subject(scene(), [Style(scene(seed=1))])
    a, b, c = (
        painted(vgg, subject, start=s, iterations=3)[0] for s in ("noise:1",) * 2 + ("noise:2",)
    )
    torch.testing.assert_close(a, b)
    assert (a - c).abs().mean() > 1


def test_it_begins_with_what_the_recipe_says(vgg: VGG19):
    subject = Subject(scene(), [Style(scene(seed=1))])
    begins = {
        start: Painting(
            Describer(vgg), PaintRecipe.model_validate({"start": start, "sizes": 1}), subject
        ).begin()
        for start in ("content", "style")
    }
    torch.testing.assert_close(begins["content"].picture, subject.content)
    torch.testing.assert_close(begins["style"].picture, subject.styles[0].rgb)


def test_coarse_to_fine_ends_at_the_contents_size():
    recipe = PaintRecipe.model_validate({"sizes": 3, "iterations": 10})
    assert pixels.sizes_of(401, 600, recipe) == [(100, 150), (200, 300), (401, 600)]
    assert pixels.sizes_of(100, 600, recipe) == [(100, 600)]


def test_a_stopped_painting_goes_on_where_it_was(vgg: VGG19, tmp_path: Path):
    subject = Subject(scene(), [Style(scene(seed=1))])
    recipe = PaintRecipe.model_validate({"iterations": 9, "optimizer": "adam", **QUICK})
    work = Painting(Describer(vgg), recipe, subject)
    canvas = work.begin()
    assert next(n for n in work.paint(canvas) if n == 6)
    pixels.save_canvas(canvas, tmp_path / "c.pt")
    again = pixels.load_canvas(tmp_path / "c.pt", CPU)
    assert list(work.paint(again)) == [7, 8, 9]
    assert [len(again.curves), again.picture.shape] == [9, subject.content.shape]


def test_masks_keep_the_styles_apart(vgg: VGG19):
    """Left takes over a dark style, right a bright one; swapped masks swap them."""
    content = torch.full((1, 3, 64, 64), 128.0)
    style = torch.cat([torch.full((1, 3, 64, 32), v) for v in (20.0, 235.0)], dim=3)
    halves = torch.zeros(1, 2, 64, 64)
    halves[:, 0, :, :32] = 1
    halves[:, 1, :, 32:] = 1
    for labels, brighter in ((halves, True), (halves.flip(1), False)):
        subject = Subject(content, [Style(style, 1.0, halves)], labels)
        result, _ = painted(vgg, subject, ratio=0, iterations=40, sizes=1)
        left, right = result[..., :28].mean(), result[..., 36:].mean()
        assert (right - left > 10) == brighter
        assert (left - right > 10) == (not brighter)


def test_a_label_that_the_style_lacks_goes_to_the_one_most_alike(vgg: VGG19):
    content = torch.zeros(1, 3, 64, 96)
    content[..., :32] = 240  # two bright labels and a dark one
    content[..., 32:64] = 225
    labels = torch.zeros(1, 3, 64, 96)
    for k in range(3):
        labels[:, k, :, 32 * k : 32 * k + 32] = 1
    theirs = torch.zeros(1, 3, 64, 64)
    theirs[:, 0, :, :32] = 1
    theirs[:, 2, :, 32:] = 1
    subject = Subject(content, [Style(content[..., :64], 1.0, theirs)], labels)
    kept = deepphoto.merged(Describer(vgg), subject)
    assert kept.labels is not None
    assert kept.labels.shape[1] == 2
    assert kept.labels[:, 0, :, :64].min() == 1
    assert kept.labels[:, 1, :, 64:].min() == 1


def test_colours_are_kept(vgg: VGG19):
    subject = Subject(scene(), [Style(scene(seed=1))])
    result, _ = painted(vgg, subject, palette="source")
    chroma = [x - recolour.luma(x) for x in (result, subject.content)]
    inside = ((result > 0) & (result < 255)).all(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    assert inside.float().mean() > 0.5  # what is clamped can't keep both
    torch.testing.assert_close(chroma[0][inside], chroma[1][inside], atol=1e-2, rtol=0)


def test_a_recoloured_style_has_the_contents_colours():
    content, style = scene(), scene(seed=1)
    found = recolour.matched(style, content).flatten(2)[0]
    wanted = content.flatten(2)[0]
    torch.testing.assert_close(found.mean(1), wanted.mean(1), atol=0.1, rtol=0)
    torch.testing.assert_close(torch.cov(found), torch.cov(wanted), rtol=0.02, atol=5)


def test_two_styles_are_one_between_them(vgg: VGG19):
    """The mean Gram matrix has the gradient of the weighted losses."""
    recipe = PaintRecipe.model_validate({**QUICK, "ratio": 0, "tv_weight": 0})
    describe = Describer(vgg)
    styles = [Style(scene(seed=1), 0.25), Style(scene(seed=2), 0.75)]
    picture = scene(seed=3)

    def slope(of: list[Style]) -> Tensor:
        x = picture.clone().requires_grad_()
        gatys.Gatys(describe, recipe, of, picture).at((64, 80))(x)["style"].backward()
        assert x.grad is not None
        return x.grad

    apart = torch.stack([s.weight * slope([Style(s.rgb)]) for s in styles]).sum(0)
    torch.testing.assert_close(
        slope(styles), apart, rtol=1e-3, atol=float(1e-2 * apart.abs().max())
    )


def test_a_loss_without_bounds_is_one_line(vgg: VGG19):
    subject = Subject(scene() * float("nan"), [Style(scene(seed=1))])
    with pytest.raises(TrainingError, match="--learning-rate"):
        painted(vgg, subject)


def test_a_texture_of_another_size_has_the_samples_colours(vgg: VGG19):
    recipe = PaintRecipe.model_validate(
        {"style_layers": {"conv1_1": 0.5, "pool1": 0.5}, "iterations": 20, "start": "noise:5"}
    )
    sample = scene(48, 64)
    work = texture.Texture(Describer(vgg), recipe, sample, (70, 90))
    canvas = work.begin()
    for _ in work.paint(canvas):
        pass
    found = work.result(canvas)
    assert found.shape == (1, 3, 70, 90)
    assert canvas.curves[-1]["total"] < canvas.curves[0]["total"]
    quantiles = torch.linspace(0.05, 0.95, 7)
    for c in range(3):
        torch.testing.assert_close(
            found[0, c].flatten().quantile(quantiles),
            sample[0, c].flatten().quantile(quantiles),
            atol=2.0,
            rtol=0,
        )


def test_deep_photo_is_held_to_the_contents_lines(vgg: VGG19):
    content = scene(64, 64)
    rgb = content[0].permute(1, 2, 0).byte().numpy()

    def laplacian(size: tuple[int, int]) -> scipy.sparse.csr_array:
        assert size == (64, 64)
        return matting_laplacian(rgb)

    subject = Subject(content, [Style(scene(64, 64, seed=1))])
    recipe = PaintRecipe.model_validate({**QUICK, "iterations": 24, "sizes": 1})
    work = deepphoto.DeepPhoto(Describer(vgg), recipe, subject, laplacian)
    canvas = work.begin()
    terms = [set(canvas.curves[-1]) for _ in work.paint(canvas)]
    assert "photo" not in terms[11]
    assert "photo" in terms[12]
    photo = [row["photo"] for row in canvas.curves[12:]]
    assert photo[-1] < 0.5 * photo[0]

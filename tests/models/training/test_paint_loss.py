from __future__ import annotations

import pytest
import torch
from stylize_video.models.nets.slim_vgg import SlimVGG
from stylize_video.models.nets.vgg19 import VGG19
from stylize_video.models.recipe import Recipe
from stylize_video.models.training.paint_loss import (
    FeatureNet,
    PaintLoss,
    StyleTerms,
    WholeVGG,
    moments,
    paint_loss,
    within,
)
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows


def clouds(n: int, side: int, cell: int, seed: int) -> torch.Tensor:
    """Smooth noise, (n, 3, side, side), 0..1: as unlike a photograph's noise as a photograph is."""
    coarse = torch.rand((n, 3, side // cell, side // cell), generator=torch.manual_seed(seed))
    return F.interpolate(coarse, side, mode="bilinear")


@pytest.fixture(params=["slim", "vgg"])
def net(request: pytest.FixtureRequest) -> SlimVGG | WholeVGG:
    if request.param == "slim":
        return SlimVGG()
    return WholeVGG(request.getfixturevalue("vgg"))


def test_moments_are_means_and_mean_products_with_their_gradients():
    x = torch.randn(2, 3, 9, 11, dtype=torch.float64, requires_grad=True)
    means, squares = moments(x.float(), 4)
    cut = x[:, :, :8, :8].float()
    plain = cut.reshape(2, 3, 4, 2, 4, 2).mean((3, 5)).reshape(2, 3, 16).transpose(1, 2)
    product = torch.einsum("nchw,ndhw->ncd", cut, cut) / 64
    assert torch.allclose(means, plain, atol=1e-6)
    assert torch.allclose(squares, product, atol=1e-6)
    a, b = torch.randn_like(plain), torch.randn_like(product)
    found, wanted = (
        torch.autograd.grad((m * a).sum() + (s * b).sum(), x)[0]
        for m, s in ((means, squares), (plain, product))
    )
    assert torch.allclose(found, wanted, atol=1e-6)


def test_within_windows_only_what_changes_inside_them_counts():
    steps = torch.zeros(1, 1, 8, 8)
    steps[..., 4:] = 9.0  # from window to window
    assert within(*moments(steps, 2)).abs().max() < 1e-4
    stripes = torch.zeros(1, 1, 8, 8)
    stripes[..., ::2] = 2.0
    assert within(*moments(stripes, 2)).item() == pytest.approx(1.0)


def test_the_style_itself_has_no_style_loss_and_the_content_no_content_loss(net: FeatureNet):
    style, content = clouds(1, 128, 4, 1), clouds(1, 128, 16, 2)
    loss = PaintLoss(net, style)
    assert loss(style, content).style.item() < 0.03  # places at random are compared
    assert loss(content, content).content.item() == pytest.approx(0, abs=1e-6)
    assert loss(content, content).style.item() > 0.1
    assert loss(style, content).content.item() > 0.1


def test_what_is_lost_counts_more_than_what_is_painted_on_a_wall(net: FeatureNet):
    texture = clouds(1, 128, 4, 1)
    wall = torch.full_like(texture, 0.5)
    left, right = slice(0, 64), slice(64, 128)
    content = torch.cat([wall[..., left], texture[..., right]], dim=-1)
    loss = PaintLoss(net, None)
    painted = loss(torch.cat([texture[..., left], texture[..., right]], dim=-1), content)
    lost = loss(wall, content)
    assert lost.content > 1.5 * painted.content


def test_pictures_of_a_batch_share_the_palette():
    """Half of the painting each is the painting together: no picture must have all colours."""
    style = clouds(1, 128, 4, 1)
    style[:, :, 64:] *= 0.2
    loss = PaintLoss(SlimVGG(), style, terms=StyleTerms(stroke_weight=0.0))
    halves = torch.cat([style[..., :64, :], style[..., 64:, :]])
    together = loss(halves, halves).style.item()
    assert together < 0.2 * loss(halves[:1], halves[:1]).style.item()


def test_weaker_strokes_of_the_same_shape_cost_nothing_down_to_the_floor():
    style = clouds(1, 128, 4, 1)

    def strokes(floor: float, contrast: float) -> float:
        loss = PaintLoss(SlimVGG(), style, terms=StyleTerms(stroke_floor=floor))
        found = loss.targets["relu1_1"].strokes
        assert found is not None
        return loss._shape_error(contrast * found[None], found).item()  # pyright: ignore[reportPrivateUsage]

    assert strokes(0.4, 0.5) == pytest.approx(0, abs=1e-6)
    assert strokes(0.8, 0.5) > 0.1
    assert strokes(0.4, 2.0) > 0.5


def test_a_plain_picture_is_plain_at_its_edge_too(net: SlimVGG | WholeVGG):
    """Where zeros begin at the edge, a grey rim costs least, and nets learn to paint one."""
    white = torch.ones(1, 3, 96, 96)
    loss = paint_loss(Recipe(), None, net, torch.device("cpu"))
    features = loss.net(white, ("relu1_1", "relu3_1", "relu4_1"))
    for found in features.values():
        spread = (found.float() - found.float().mean((2, 3), keepdim=True)).abs().max()
        assert spread < 0.02 * found.float().max()


def test_the_slim_nets_maps_keep_lengths(vgg: VGG19):
    net = SlimVGG()
    for layer in ("relu1_1", "relu4_2"):
        matrix, shift = net.map_to_vgg(layer)
        assert matrix.shape == (len(shift), len(shift) - 1)
    assert WholeVGG(vgg).map_to_vgg("relu4_2") is None

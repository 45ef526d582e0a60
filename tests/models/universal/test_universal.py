from __future__ import annotations

import pytest
import torch
from stylize_video.models.nets.autoencoder import first_maxima
from stylize_video.models.universal.base import interpolate
from stylize_video.models.universal.styleswap import StyleSwap, swap
from stylize_video.models.universal.wct import WCT
from stylize_video.models.universal.wct2 import WCT2
from stylize_video.models.universal.whitening import Affine, statistics

from ...helpers.universal_nets import noise_picture, tiny_coders, tiny_universal_nets

NAMES = ("wct", "photowct", "wct2-sum", "wct2-cat5")


def test_a_method_is_touched_where_it_is_told_to_be():
    pairs = {level: tiny_coders(level) for level in (3, 2, 1)}
    assert list(WCT(pairs, ["relu3", "relu1_1"]).layers) == ["relu3_1", "relu1_1"]
    x, only = noise_picture(1, 48, 64), WCT(pairs, ["relu2_1"])
    with torch.no_grad():
        features, skips = pairs[2][0](x)
        assert torch.equal(only.forward_pass(x, lambda layer, f: f), pairs[2][1](features, skips))
    assert list(WCT2(*tiny_coders(4, "sum"), ["encoder2", "skip1.LH"]).layers) == [
        "skip1.LH",
        "encoder2",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_site_gets_the_styles_statistics(name: str):
    net = tiny_universal_nets()[name]
    style, content = noise_picture(1), noise_picture(2, 96, 96)
    style_statistics = net.style_statistics(style)
    affine_maps = net.affine_maps(content, style_statistics)
    seen: list[str] = []

    def transform(layer: str, x: torch.Tensor) -> torch.Tensor:
        y = affine_maps[layer](x)
        found = statistics(y)
        wanted = style_statistics[layer]
        seen.append(layer)
        assert torch.allclose(found.mean, wanted.mean, rtol=1e-3, atol=1e-5)
        covariance = wanted.root @ wanted.root.transpose(1, 2)
        if int(torch.linalg.matrix_rank(statistics(x).covariance)) == x.shape[1]:
            assert (found.covariance - covariance).norm() < 0.02 * covariance.norm()
        return y

    with torch.no_grad():
        net.forward_pass(content, transform)
    assert seen == list(net.layers)


@pytest.mark.parametrize("name", NAMES)
def test_no_strength_is_the_plain_autoencoder(name: str):
    net = tiny_universal_nets()[name]
    content = noise_picture(2, 64, 64)
    with torch.no_grad():
        plain = net.forward_pass(content, lambda layer, x: x)
    affine_maps = net.affine_maps(content, net.style_statistics(noise_picture(1)), strength=0.0)
    assert torch.allclose(net.paint(content, affine_maps), plain, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(1, 1), (7, 40), (33, 65)])
def test_any_size_is_painted(name: str, size: tuple[int, int]):
    net = tiny_universal_nets()[name]
    result = net.stylize(noise_picture(2, *size), noise_picture(1))
    assert result.shape == (1, 3, *size) and result.isfinite().all()


def test_maps_of_several_frames_are_of_all_of_them():
    net = tiny_universal_nets()["wct"]
    one, other, style = (
        noise_picture(2, 64, 64),
        noise_picture(3, 64, 64),
        net.style_statistics(noise_picture(1)),
    )
    both = net.affine_maps(torch.cat([one, other]), style)
    swapped = net.affine_maps(torch.cat([other, one]), style)
    for layer in net.layers:
        assert torch.allclose(both[layer].matrix, swapped[layer].matrix, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(both["relu3_1"].matrix, net.affine_maps(one, style)["relu3_1"].matrix)


def test_labels_keep_two_styles_apart():
    net = WCT({1: tiny_coders(1)})
    content, style = noise_picture(2, 64, 64), noise_picture(1, 64, 64)
    style[..., 32:] = 1 - style[..., 32:]
    labels = torch.zeros(1, 2, 64, 64)
    labels[:, 0, :, :32] = 1
    labels[:, 1, :, 32:] = 1
    style_statistics = net.style_statistics(style, labels)
    affine_maps = net.affine_maps(content, style_statistics, labels)
    with torch.no_grad():
        x = net.encoders["1"](content)[0]
        y = affine_maps["relu1_1"](x, labels)
    left = statistics(y[..., :32])
    assert torch.allclose(left.mean[0], style_statistics["relu1_1"].mean[0], atol=1e-4)
    root = style_statistics["relu1_1"].root[0]
    assert (left.covariance[0] - root @ root.T).norm() < 0.02 * (root @ root.T).norm()


def test_a_label_that_the_style_lacks_changes_nothing():
    net = WCT({1: tiny_coders(1)})
    labels = torch.zeros(1, 2, 64, 64)
    labels[:, 0, :, :32] = 1
    labels[:, 1, :, 32:] = 1
    only = torch.zeros(1, 2, 64, 64)
    only[:, 0] = 1
    affine_maps = net.affine_maps(
        noise_picture(2, 64, 64), net.style_statistics(noise_picture(1, 64, 64), only), labels
    )
    matrix, shift = affine_maps["relu1_1"].matrix, affine_maps["relu1_1"].shift
    assert torch.equal(matrix[1], torch.eye(4).to(matrix)) and not shift[1].any()
    assert not torch.allclose(matrix[0], torch.eye(4).to(matrix), atol=1e-2)


def test_styles_are_mixed_between():
    net = WCT({1: tiny_coders(1)})
    content = noise_picture(2, 64, 64)
    one, other = net.style_statistics(noise_picture(1)), net.style_statistics(noise_picture(4))
    half = net.affine_maps(content, interpolate([one, other], [0.5, 0.5]))["relu1_1"]
    ends = [net.affine_maps(content, p)["relu1_1"] for p in (one, other)]
    assert torch.allclose(half.matrix, (ends[0].matrix + ends[1].matrix) / 2, atol=1e-5)
    assert torch.allclose(half.shift, (ends[0].shift + ends[1].shift) / 2, atol=1e-5)


def test_an_affine_map_of_one_label_is_that_of_none():
    x, made = torch.rand(2, 4, 5, 6), Affine(torch.rand(1, 4, 4), torch.rand(1, 4))
    assert torch.allclose(made(x), made(x, torch.ones(2, 1, 5, 6)), atol=1e-5)


def test_unpooling_puts_each_maximum_back():
    x = torch.rand(1, 3, 8, 8)
    small, places = torch.nn.functional.max_pool2d(x, 2, return_indices=True)
    wanted = torch.nn.functional.max_unpool2d(small, places, 2)
    again = torch.nn.functional.interpolate(small, scale_factor=2) * first_maxima(x, small)
    assert torch.equal(again, wanted)
    assert first_maxima(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2, 2)).sum() == 4


# ---- Style-Swap ----


def test_a_picture_swapped_with_itself_is_itself():
    x = torch.randn(1, 6, 9, 11)
    assert torch.allclose(swap(x, x), x, atol=1e-5)


def test_swapping_takes_the_nearest_patch_by_angle_and_averages():
    style = torch.randn(1, 5, 7, 8)
    content = 3 * style  # no length moves the maximum
    assert torch.allclose(swap(content, style), style, atol=1e-5)
    x = torch.randn(1, 5, 6, 6)
    found = swap(x, style)
    patches = [style[0, :, i : i + 3, j : j + 3] for i in range(5) for j in range(6)]
    total, count = torch.zeros(5, 6, 6), torch.zeros(1, 6, 6)
    for i in range(4):
        for j in range(4):
            own = x[0, :, i : i + 3, j : j + 3]
            best = max(patches, key=lambda p: float((own * p).sum() / p.norm()))
            total[:, i : i + 3, j : j + 3] += best
            count[:, i : i + 3, j : j + 3] += 1
    assert torch.allclose(found[0], total / count, atol=1e-5)


def test_styleswap_paints_any_size():
    net = StyleSwap(*tiny_coders(3))
    result = net.stylize(noise_picture(1, 33, 47), noise_picture(2, 40, 40))
    assert result.shape == (1, 3, 33, 47) and result.isfinite().all()

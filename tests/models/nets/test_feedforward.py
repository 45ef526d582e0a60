from __future__ import annotations

import pytest
import torch
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

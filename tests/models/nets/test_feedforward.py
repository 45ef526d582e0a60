from __future__ import annotations

import pytest
import torch
from stylize_video.models.nets.feedforward import FastNet, QualityNet, RecurrentNet, StyleNet
from stylize_video.models.nets.johnson import JohnsonNet
from stylize_video.models.nets.packed import read_back, written_out

NETS = [FastNet(), FastNet(canvas=4), QualityNet(), RecurrentNet(), JohnsonNet()]


@pytest.mark.parametrize("net", NETS, ids=lambda net: f"{net.name}-{net.canvas}")
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


def test_a_canvas_is_seen_and_may_be_left_out():
    torch.manual_seed(0)
    net = FastNet(canvas=2).eval()
    rgb = torch.full((1, 3, 33, 50), 0.5)
    bare, noise = torch.zeros(1, 2, 9, 13), torch.rand(1, 2, 9, 13) * 2 - 1
    with torch.no_grad():
        assert not torch.allclose(net(rgb, canvas=bare), net(rgb, canvas=noise), atol=1e-3)
        assert torch.equal(net(rgb), net(rgb))
        assert not torch.allclose(net(rgb), net(rgb, canvas=bare), atol=1e-3)


def test_a_net_with_a_canvas_is_written_as_one_convolution_and_read_back():
    torch.manual_seed(0)
    net, again = FastNet(canvas=3).eval(), FastNet(canvas=3).eval()
    plain = written_out(net)
    assert plain.head[0].weight.shape == (32, 51, 3, 3)  # pyright: ignore[reportAttributeAccessIssue]
    read_back(again, plain.state_dict())
    rgb, noise = torch.rand(1, 3, 40, 40), torch.rand(1, 3, 10, 10)
    with torch.no_grad():
        expected = net(rgb, canvas=noise)
        assert torch.allclose(plain(rgb, canvas=noise), expected, atol=1e-4)
        assert torch.allclose(again(rgb, canvas=noise), expected, atol=1e-4)


def test_the_first_checkpoints_with_a_canvas_are_read():
    net = FastNet(canvas=2)
    state = net.state_dict()
    state["ground.weight"] = state.pop("head.0.ground.weight") + 1
    net.load_state_dict(state)
    assert torch.equal(net.head[0].ground.weight, state["ground.weight"])  # type: ignore[union-attr]


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


@pytest.mark.parametrize("net", NETS, ids=lambda net: f"{net.name}-{net.canvas}")
def test_the_cost_stated_is_the_cost_run(net: StyleNet):
    padded = 64 + 2 * net.margin
    stated = net.macs_per_pixel() * padded**2
    # Reflection makes the inner maps of Johnson's net no larger; the count is exact.
    assert counted_macs(net, 64) == pytest.approx(stated, rel=0.01)


def test_what_leads_back_from_beyond_white_is_learned():
    net = FastNet()
    with torch.no_grad():
        net.tail.free.bias.fill_(3.0)  # type: ignore[union-attr]
    net(torch.rand(1, 3, 32, 32)).mean().backward()
    assert net.tail.free.bias.grad.abs().max() > 0  # type: ignore[union-attr]
    net.zero_grad()
    (-net(torch.rand(1, 3, 32, 32)).mean()).backward()
    assert net.tail.free.bias.grad.abs().max() == 0  # type: ignore[union-attr]

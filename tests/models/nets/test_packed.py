from __future__ import annotations

import numpy as np
import pytest
import torch
from stylize_video.models.nets.packed import (
    Analysis,
    Synthesis,
    pack,
    padded_cells,
    padded_index,
    unpack,
)
from stylize_video.pipeline.styles.compiled import Padding


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


def test_padding_reflects_and_then_holds():
    assert padded_index(torch.arange(5), 3, 4).tolist() == [3, 2, 1, 0, 1, 2, 3, 4, 3, 2, 1, 0]
    assert padded_index(torch.arange(1), 2, 4).tolist() == [0] * 8
    assert set(padded_index(torch.arange(2), 8, 4).tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("cells", "margin", "total", "expected"),
    [
        (7, 2, 12, [4, 2, 0, 1, 2, 3, 4, 5, 6, 4, 2, 0]),
        (4, 2, 9, [2, 2, 0, 1, 2, 3, 1, 1, 3]),
        (2, 3, 8, [0, 0, 0, 0, 1, 1, 1, 1]),
        (1, 4, 9, [0] * 9),
    ],
)
def test_around_its_edges_a_canvas_is_no_mirror(
    cells: int, margin: int, total: int, expected: list[int]
):
    assert padded_cells(torch.arange(cells), margin, total).tolist() == expected


@pytest.mark.parametrize(("height", "width"), [(4, 4), (9, 70), (180, 322)])
def test_the_player_pads_a_canvas_as_the_graphs_do(height: int, width: int):
    padding = Padding(height, width, 32, 4)
    cells = np.arange(-(-height // 4) * -(-width // 4)).reshape(-(-height // 4), -(-width // 4), 1)
    padded = padding.pad_canvas(cells.astype(np.uint8))
    for axis, size in enumerate((padding.size.height, padding.size.width)):
        picked = padded_cells(torch.arange(cells.shape[axis]), 8, size // 4)
        cells = cells.take(picked.numpy(), axis)
    assert np.array_equal(padded, cells.astype(np.uint8))

from __future__ import annotations

import math

import torch
from stylize_video.models.nets.wavelet import convolve_bands, even, haar_pool, haar_unpool


def test_nothing_is_lost_between_pooling_and_unpooling():
    x = torch.rand(2, 5, 12, 18)
    assert torch.allclose(haar_unpool(*haar_pool(x)), x, atol=1e-6)


def test_the_bands_are_the_papers_kernels():
    low, high = torch.tensor([1.0, 1.0]) / math.sqrt(2), torch.tensor([-1.0, 1.0]) / math.sqrt(2)
    x = torch.rand(1, 1, 8, 8)
    kernels = [torch.outer(a, b) for a, b in ((low, low), (low, high), (high, low), (high, high))]
    for band, kernel in zip(haar_pool(x), kernels, strict=True):
        wanted = torch.nn.functional.conv2d(x, kernel[None, None], stride=2)
        assert torch.allclose(band, wanted, atol=1e-6)


def test_a_flat_picture_has_only_one_band():
    low, *high = haar_pool(torch.full((1, 1, 4, 4), 0.5))
    assert torch.allclose(low, torch.full_like(low, 1.0))
    assert all(float(band.abs().max()) == 0 for band in high)


def test_odd_sizes_are_padded_to_a_multiple():
    assert even(torch.rand(1, 3, 9, 16), 8).shape == (1, 3, 16, 16)


def test_bands_are_convolved_as_if_they_were_spread():
    torch.manual_seed(0)
    bands = haar_pool(torch.randn(2, 3, 10, 14))
    weight = torch.randn(5, 12, 3, 3)
    none = torch.zeros_like(bands[0])
    parts = [
        haar_unpool(*(band if i == k else none for k in range(4))) for i, band in enumerate(bands)
    ]
    padded = torch.nn.functional.pad(torch.cat(parts, dim=1), (1, 1, 1, 1), mode="reflect")
    wanted = torch.nn.functional.conv2d(padded, weight)
    assert torch.allclose(convolve_bands(bands, weight), wanted, atol=1e-4)

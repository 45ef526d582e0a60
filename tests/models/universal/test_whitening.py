from __future__ import annotations

import pytest
import torch
from stylize_video.models.universal.whitening import (
    newton_schulz,
    roots,
    statistics,
    style_from,
    transfer,
)

METHODS = ("eigen", "newton", "cholesky")


def features(seed: int, channels: int = 24, rank: int | None = None) -> torch.Tensor:
    """Correlated features whose spreads differ by a hundred; of a lower rank if asked."""
    made = torch.Generator().manual_seed(seed)
    basis, _ = torch.linalg.qr(torch.randn(channels, rank or channels, generator=made))
    basis = basis * torch.logspace(0, -2, rank or channels)
    x = torch.randn(1, rank or channels, 30, 40, generator=made)
    return (
        torch.einsum("cr,nrhw->nchw", basis, x)
        + torch.randn(channels, generator=made)[None, :, None, None]
    )


def off(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("method", METHODS)
def test_features_get_the_styles_statistics(method: str):
    content, style = features(1), features(2)
    wanted = statistics(style)
    result = statistics(
        transfer(statistics(content), style_from(wanted, method), 1, method)(content)
    )  # pyright: ignore[reportArgumentType]
    assert off(result.covariance, wanted.covariance) < (0.001 if method == "eigen" else 0.02)
    assert off(result.mean, wanted.mean) < 1e-3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rank", [1, 5])
def test_flat_content_stays_finite_and_bounded(method: str, rank: int):
    content, style = features(1, rank=rank), features(2)
    result = transfer(statistics(content), style_from(statistics(style), method), 1, method)(
        content
    )  # pyright: ignore[reportArgumentType]
    assert result.isfinite().all()
    assert result.var() <= 1.05 * style.var() + result.mean().square()
    black = transfer(statistics(content * 0), style_from(statistics(style), method), 1, method)(
        content * 0
    )  # pyright: ignore[reportArgumentType]
    assert torch.allclose(black.mean(dim=(0, 2, 3)), style.mean(dim=(0, 2, 3)), atol=1e-3)


def test_a_tiny_style_is_enough():
    content, style = features(1), features(2)[:, :, :4, :4]  # 16 positions for 24 channels
    wanted = statistics(style)
    result = statistics(transfer(statistics(content), style_from(wanted))(content))
    assert off(result.covariance, wanted.covariance) < 0.001


def test_products_alone_find_the_roots():
    matrix = statistics(features(3)).covariance + 1e-4 * torch.eye(24)
    root, inverse = newton_schulz(matrix)
    assert off(root @ root, matrix) < 1e-4
    assert off(inverse @ matrix @ inverse, torch.eye(24).double()[None]) < 1e-3
    single, _ = newton_schulz(matrix.float())
    assert off(single.double(), root) < 1e-3


@pytest.mark.parametrize("method", METHODS)
def test_roots_are_roots(method: str):
    covariance = statistics(features(4)).covariance
    root, inverse = roots(covariance, method)  # pyright: ignore[reportArgumentType]
    assert off(root @ root.transpose(1, 2), covariance) < 1e-2
    assert off(inverse @ covariance @ inverse.transpose(1, 2), torch.eye(24).double()[None]) < 0.05


def test_a_mask_counts_only_what_it_shows():
    x = torch.cat([features(1), features(2)], dim=3)
    mask = torch.zeros(1, 1, *x.shape[2:])
    mask[..., :40] = 1
    found = statistics(x, mask)
    assert off(found.covariance, statistics(features(1)).covariance) < 1e-6
    assert found.weight.item() == 30 * 40

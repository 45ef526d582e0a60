from __future__ import annotations

import pytest
import torch
from stylize_video.models.training.losses import (
    feature_loss,
    gram,
    style_loss,
    total_variation,
    unsteadiness,
)


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


def test_unsteadiness_is_the_error_over_the_contrast():
    wanted = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2).expand(1, 3, 8, 2)
    seen = torch.ones(1, 1, 8, 2)
    seen[:, :, 4:] = 0
    result = wanted + 0.1
    result[:, :, 4:] = 9.0  # not seen, so not counted
    assert unsteadiness(result, wanted, seen).item() == pytest.approx(
        0.01 / wanted.var(dim=(2, 3)).mean().item(), rel=1e-4
    )

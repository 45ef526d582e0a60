from __future__ import annotations

import torch
from stylize_video.models.training.muon import Muon, orthogonal


def test_a_step_is_nearly_orthogonal_whatever_the_gradient():
    for shape in ((8, 30), (30, 8)):
        matrix = torch.randn(shape) @ torch.diag(torch.logspace(0, -2, shape[1]))
        singular = torch.linalg.svdvals(orthogonal(matrix))
        assert singular.min() > 0.5 and singular.max() < 1.3


def test_it_finds_a_minimum():
    target = torch.randn(6, 2, 3, 3, generator=torch.manual_seed(0))
    kernel = torch.nn.Parameter(torch.zeros_like(target))
    muon = Muon([kernel], lr=1.0)
    for step in range(300):
        muon.param_groups[0]["lr"] = 0.1 * (1 - step / 300)
        muon.zero_grad()
        (kernel - target).square().sum().backward()
        muon.step()
    assert (kernel - target).abs().max() < 0.1

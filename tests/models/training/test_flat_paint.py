from __future__ import annotations

import torch
from stylize_video.models.training.flat_paint import (
    Windows,
    deviations,
    flattest,
    sliced_distance,
)


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_flat_windows_of_a_photograph_are_found():
    photo = torch.full((1, 3, 64, 64), 0.5)
    photo[..., 32:] += torch.rand(1, 1, 64, 32, generator=random()) - 0.5
    chosen = flattest(photo, 4).chosen
    assert len(chosen) == 5 and set((chosen % 4).tolist()) <= {0, 1}


def test_deviations_are_from_the_windows_own_mean():
    steps = torch.zeros(1, 2, 8, 8)
    steps[..., 4:] = 9.0
    assert deviations(steps, Windows(torch.arange(4), 2), random()).abs().max() == 0


def test_edges_are_told_from_clouds_of_the_same_energy():
    """Covariance can't tell them apart: both have unit variance."""
    clouds = torch.randn(4000, 1, generator=random())
    edges = torch.randn(4000, 1, generator=random(1)).sign()
    other = torch.randn(4000, 1, generator=random(2)).sign()
    assert sliced_distance(edges, other, random()) < 0.1
    assert sliced_distance(clouds, other, random()) > 0.3


def test_weaker_paint_of_the_same_shape_is_no_fault_down_to_a_floor():
    points = torch.randn(2000, 3, generator=random())
    assert sliced_distance(0.5 * points, points, random()) < 1e-6
    assert sliced_distance(0.1 * points, points, random()) > 0.1

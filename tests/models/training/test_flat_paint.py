from __future__ import annotations

import torch
from stylize_video.models.training.flat_paint import (
    Windows,
    bareness,
    contrast,
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
    assert deviations(steps, Windows(torch.arange(4), 2)).abs().max() == 0


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


def test_bare_walls_are_found_though_others_are_busy():
    painting = 1 + 0.1 * torch.rand(30, generator=random())
    even, patchy = torch.full((10,), 1.0), torch.tensor([0.0] * 5 + [9.0] * 5)
    assert bareness(even, painting) < 0.01
    assert bareness(patchy, painting) > 0.4


def test_a_bare_painting_asks_for_no_paint():
    painting = torch.tensor([1e-3] * 20 + [1.0] * 10)
    assert bareness(torch.full((10,), 0.01), painting) == 0


def test_contrast_is_that_of_each_window():
    windows = torch.zeros(2, 50, 3)
    windows[1, ::2] = 2
    windows[1] -= windows[1].mean(0)
    assert contrast(windows)[0] < 1e-3 and abs(contrast(windows)[1] - 1) < 1e-3

"""How long a painting takes, from its first iterations."""

from __future__ import annotations

import pytest
from stylize_video.export.estimate import PaintingTimer, about, keyframes_estimate
from stylize_video.models.optimize.descent import Goal, Stage


def no_goal(size: tuple[int, int]) -> Goal:
    return lambda picture: {}


STAGES = [Stage((10, 10), 40, no_goal), Stage((20, 20), 100, no_goal)]


def seconds_until(iteration: int) -> float:
    """An iteration takes 1 s at 10x10, 4 s at 20x20; the first one a minute."""
    return 60 + min(iteration, 40) + 4 * max(0, iteration - 40)


@pytest.mark.parametrize(("begin", "left"), [(0, 280 - 6), (50, 240 - 16 * 4)])
def test_fine_iterations_are_estimated_from_coarse_ones(begin: int, left: int):
    estimates: list[tuple[float, float]] = []
    now = [0.0]
    timer = PaintingTimer(STAGES, lambda *seconds: estimates.append(seconds), lambda: now[0])
    for iteration in range(begin + 1, 101):
        now[0] = seconds_until(iteration)
        timer.tick(iteration)
        if iteration == begin + 6:
            assert len(estimates) == 1  # before most of the work
    ((whole, remaining),) = estimates
    assert whole == pytest.approx(280)
    assert remaining == pytest.approx(left)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.3, "about 5 s"),
        (31, "about 30 s"),
        (58, "about 1 min"),
        (250, "about 4 min"),
        (5360, "about 89 min"),
        (8000, "about 2 h"),
        (9000, "about 2.5 h"),
    ],
)
def test_an_estimate_is_in_round_numbers(seconds: float, text: str):
    assert about(seconds) == text


def test_later_key_frames_take_half():
    assert keyframes_estimate(240, 6, 0) == "about 4 min a key frame: about 24 min for all 6"
    assert keyframes_estimate(240, 1, 4).endswith(
        "half of that for the others: about 12 min for all 5"
    )
    assert keyframes_estimate(240, 1, 0) == "about 4 min for the key frame"

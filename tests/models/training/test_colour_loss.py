from __future__ import annotations

import torch
from stylize_video.models.training.colour_loss import colour_distance, opponent_colours


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def picture(accents: bool) -> torch.Tensor:
    """Greys; with accents, an eighth is red."""
    rgb = torch.rand(1, 1, 64, 64, generator=random(3)).repeat(1, 3, 1, 1)
    if accents:
        rgb[:, 1:, :, :8] = 0
    return rgb


def test_the_same_colours_elsewhere_are_near():
    colours = opponent_colours(picture(accents=True))
    turned = opponent_colours(picture(accents=True).flip(3))
    assert colour_distance(turned, colours, random()) < 0.05


def test_missing_accents_count():
    wanted = opponent_colours(picture(accents=True))
    dull, bright = (opponent_colours(picture(x)) for x in (False, True))
    near, far = (colour_distance(x, wanted, random()) for x in (bright, dull))
    assert far > 3 * near

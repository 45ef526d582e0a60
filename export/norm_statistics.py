"""The usual statistics at a net's norms, by which a flat shot is recognised."""

from __future__ import annotations

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..models.data import to_tensor
from ..models.nets.feedforward import StyleNet


@torch.no_grad()
def usual_deviations(net: StyleNet, pictures: list[NDArray]) -> list[list[float]]:
    """The standard deviation of the input of every norm, channel by channel, over photographs.

    Args:
        net: any net.
        pictures: (H, W, 3) uint8, 0–255, RGB.

    Returns:
        A row for every instance norm, in the order in which they run.
    """
    met: list[list[Tensor]] = []
    place = 0

    def note(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        nonlocal place
        if place == len(met):
            met.append([])
        met[place].append(given[0].var(dim=(0, 2, 3), unbiased=False))
        place += 1

    norms = [m for m in net.modules() if isinstance(m, nn.InstanceNorm2d)]
    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    try:
        for picture in pictures:
            place = 0
            net(to_tensor(picture))
    finally:
        for hook in hooks:
            hook.remove()
    return [torch.stack(rows).mean(dim=0).sqrt().tolist() for rows in met]

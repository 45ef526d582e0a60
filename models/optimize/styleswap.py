"""Style-Swap by optimisation: one picture made of the patches of another.

Chen & Schmidt 2016, *Fast Patch-based Style Transfer of Arbitrary Style*, section 4.1: what
``models.universal.styleswap`` does with a trained decoder, without one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ...pipeline.core.errors import TrainingError
from ..nets.autoencoder import Encoder
from ..nets.wavelet import even
from ..recipe import SwapRecipe
from ..training.losses import feature_loss, total_variation
from ..universal.styleswap import swap


def optimize_swap(
    encoder: Encoder,
    content: Tensor,
    style: Tensor,
    recipe: SwapRecipe,
    progress: Callable[[float], None] = lambda loss: None,
) -> Tensor:
    """The picture whose features are the swapped ones: section 4.1.

    min_I ‖Φ(I) − Φ^ss(C, S)‖² + λ ℓ_TV(I), the first relative to ‖Φ^ss‖², the second a mean over
    the pixels, so that one λ serves any size and any weights of Φ; by L-BFGS.

    Args:
        encoder: Φ, to relu3_1.
        content: C, (1, 3, H, W) float32, 0..1, RGB.
        style: S, (1, 3, h, w) float32, 0..1, RGB.
        recipe: iterations, λ, patches and start.
        progress: called with the loss of every iteration.

    Returns:
        (1, 3, H, W) float32, 0..1, RGB.

    Raises:
        TrainingError: the loss is no longer a finite number.
    """
    multiple, least = 2 ** (encoder.level - 1), max(2, recipe.patch)
    padded = even(content, multiple, least)
    with torch.no_grad():
        patches = encoder(even(style, multiple, least))[0]
        target = swap(encoder(padded)[0], patches, recipe.patch, recipe.stride)
    picture = _start(padded, recipe.seed).requires_grad_()
    lbfgs = torch.optim.LBFGS([picture], max_iter=1, tolerance_grad=0, tolerance_change=0)
    energy = target.square().mean().clamp(min=1e-8)

    def loss() -> Tensor:
        lbfgs.zero_grad()
        difference = feature_loss(encoder(picture)[0], target) / energy
        total = difference + recipe.tv_weight * total_variation(picture)
        total.backward()
        return total.detach()

    for number in range(recipe.iterations):
        value = float(lbfgs.step(loss))  # pyright: ignore[reportArgumentType] - a tensor is taken
        if not math.isfinite(value):
            raise TrainingError(f"the loss is not finite after iteration {number}")
        progress(value)
    return picture.detach()[..., : content.shape[2], : content.shape[3]].clamp(0, 1)


def _start(content: Tensor, seed: int | None) -> Tensor:
    """The content, or noise of the content's size, (1, 3, H, W), 0..1."""
    if seed is None:
        return content.clone()
    generator = torch.Generator(content.device).manual_seed(seed)
    return torch.rand(content.shape, generator=generator, device=content.device)

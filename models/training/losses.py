"""Perceptual losses after Johnson, Alahi, Fei-Fei 2016, and total variation.

Pictures are float (N, 3, H, W), RGB, 0..1; features are (N, C, H, W).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..nets.vgg19 import VGG19


def gram(features: Tensor) -> Tensor:
    """Gram matrices G = F Fᵀ / (C·H·W), (N, C, C), in float32: Johnson 2016, eq. 3."""
    n, c, h, w = features.shape
    f = features.float().reshape(n, c, h * w)
    return f @ f.transpose(1, 2) / (c * h * w)


def feature_loss(result: Tensor, target: Tensor) -> Tensor:
    """‖φ(ŷ) − φ(y)‖² / (C·H·W), averaged over the batch: Johnson 2016, equation 2."""
    return (result.float() - target.float()).square().mean()


def style_loss(result: Tensor, target: Tensor) -> Tensor:
    """‖G(ŷ) − G(y)‖²_F of two stacks of Gram matrices (N, C, C), averaged over N: equation 4."""
    return (result - target).square().sum(dim=(1, 2)).mean()


def total_variation(rgb: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels, both directions: Johnson 2016's ℓ_TV."""
    rows = (rgb[:, :, 1:] - rgb[:, :, :-1]).square().mean()
    columns = (rgb[:, :, :, 1:] - rgb[:, :, :, :-1]).square().mean()
    return rows + columns


def pixel_loss(result: Tensor, content: Tensor) -> Tensor:
    """Mean (ŷ − x)² over the variance of x: 0 where the picture is given back, 1 for a flat one."""
    contrast = content.var(dim=(2, 3)).mean().clamp(min=1e-4)
    return (result.float() - content).square().mean() / contrast


def unsteadiness(result: Tensor, expected: Tensor, seen: Tensor) -> Tensor:
    """Mean of seen · (ŷ − w)² over the variance of w: the warping error as a relative error.

    Relative, so that a net can't buy steadiness by a flat picture, and one weight serves any style.

    Args:
        result: the result of the next frame, (N, 3, H, W), 0..1.
        expected: the result of this frame, moved as the frame was, (N, 3, H, W).
        seen: (N, 1, H, W), 0..1: where both show the same thing.
    """
    with torch.no_grad():
        contrast = expected.var(dim=(2, 3)).mean()
    error = (seen * (result - expected).square()).sum() / (seen.sum() * result.shape[1])
    return error / contrast.clamp(min=1e-4)


@dataclass(frozen=True)
class Losses:
    """One step's losses, unweighted but for the layers' normalisation; scalars."""

    content: Tensor
    style: Tensor
    tv: Tensor
    pixel: Tensor


class PerceptualLoss:
    """The loss of a result against its content picture and one style picture, or none.

    Content is equation 2 divided by the mean square of the content's own features, style is the sum
    of equation 4 over the layers, each divided by ‖G(style)‖²_F. Both are then plain relative
    errors: no layer drowns another, and one pair of weights serves any painting. Raw Gram losses
    differ by orders of magnitude between relu1_1 and relu4_1 and between paintings.

    Args:
        vgg: the fixed describer.
        style: the style picture (1, 3, H, W); without one the style loss is 0.
        content_layer: where content is compared.
        style_layers: where style is compared.
    """

    def __init__(
        self, vgg: VGG19, style: Tensor | None, content_layer: str, style_layers: tuple[str, ...]
    ) -> None:
        self.vgg = vgg
        self.content_layer = content_layer
        self.targets: dict[str, Tensor] = {}
        if style is not None:
            with torch.no_grad():
                self.targets = {k: gram(f) for k, f in vgg(style, style_layers).items()}

    def __call__(self, result: Tensor, content: Tensor) -> Losses:
        """Losses of ``result`` against ``content``, both (N, 3, H, W)."""
        with torch.no_grad():
            expected = self.vgg(content, (self.content_layer,))[self.content_layer]
        features = self.vgg(result, (*self.targets, self.content_layer))
        energy = expected.float().square().mean()
        style = result.new_zeros(())
        for layer, target in self.targets.items():
            style = style + style_loss(gram(features[layer]), target) / target.square().sum()
        return Losses(
            content=feature_loss(features[self.content_layer], expected) / energy,
            style=style,
            tv=total_variation(result),
            pixel=pixel_loss(result, content),
        )

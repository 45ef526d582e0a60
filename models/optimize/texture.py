"""Texture synthesis (Gatys, Ecker, Bethge 2015): a picture of any size that looks like a sample.

The texture is the sample's Gram matrices alone; the picture is found from noise.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ..recipe import PaintRecipe
from .descent import Canvas, Goal, Stage, Terms, coarse_to_fine, new_canvas, noise, paint
from .gatys import Describer, Masks, Style, style_grams, style_loss, total_variation

LAYERS = {"conv1_1": 0.2, **{f"pool{n}": 0.2 for n in range(1, 5)}}
"""Layer → weight, as in the paper's figure 2."""


class Texture:
    """Synthesises one texture by one recipe; see ``descent.Descent``.

    Args:
        describe: VGG-19 with the recipe's pooling.
        recipe: layers, iterations and sizes; a texture has no content.
        sample: (1, 3, H, W) float32, 0–255, RGB.
        size: (height, width) of what is synthesised.
    """

    def __init__(
        self,
        describe: Describer,
        recipe: PaintRecipe,
        sample: Tensor,
        size: tuple[int, int],
    ) -> None:
        self._describe = describe
        self.recipe = recipe
        self._sample = sample
        self._size = size

    def begin(self) -> Canvas:
        """A canvas of noise, by the recipe's seed."""
        white = noise(*self._size, self.recipe.seed, self._sample.device)
        return new_canvas(white, self.recipe)

    def paint(self, canvas: Canvas) -> Iterator[int]:
        """Run the iterations that remain; see ``descent.paint``."""
        yield from paint(canvas, self.stages(), self.recipe)

    def stages(self) -> list[Stage]:
        """The stages, coarse to fine."""
        return coarse_to_fine(self._size, self.at, self.recipe)

    def result(self, canvas: Canvas) -> Tensor:
        """The texture, with the sample's histogram in each colour, as in the paper.

        Returns:
            (1, 3, H, W) float32, 0–255, RGB.
        """
        return same_histogram(canvas.picture.clamp(0, 255), self._sample)

    @torch.no_grad()
    def at(self, size: tuple[int, int]) -> Goal:
        """The goal of textures of (height, width); the sample is resized in proportion.

        It takes a texture (1, 3, height, width) float32, 0–255, RGB.
        """
        recipe, describe = self.recipe, self._describe
        by = recipe.style_scale * size[0] / self._size[0]
        height, width = (max(16, round(side * by)) for side in self._sample.shape[2:])
        target = style_grams(describe, Style(self._sample), (height, width), recipe)
        whole = Masks(None, size, describe.margin)

        def goal(picture: Tensor) -> Terms:
            responses = describe(picture, tuple(recipe.style_layers))
            terms = {"style": style_loss(responses, target, recipe.style_layers, whole)}
            if recipe.tv_weight:
                terms["tv"] = recipe.tv_weight * total_variation(picture)
            return terms

        return goal


def same_histogram(picture: Tensor, sample: Tensor) -> Tensor:
    """The picture with the sample's distribution of values in each channel.

    Args:
        picture: (1, 3, H, W) float32, 0–255, RGB.
        sample: (1, 3, h, w) float32, 0–255, RGB.

    Returns:
        (1, 3, H, W) float32, 0–255, RGB.
    """
    flat = picture.flatten(2)
    order = flat.argsort(dim=2)
    values = sample.flatten(2).sort(dim=2).values
    last = values.shape[2] - 1
    ranks = torch.linspace(0, last, flat.shape[2], device=flat.device, dtype=torch.float64)
    drawn = values.index_select(2, ranks.round().long().clamp(max=last))
    return torch.empty_like(flat).scatter_(2, order, drawn.to(flat)).reshape(picture.shape)

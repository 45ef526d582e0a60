"""Paint a picture by descent on its pixels: start, colours, sizes and goal by one recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .gatys import Describer, Gatys, Style
from .pixels import (
    Canvas,
    Goal,
    GoalAt,
    Stretch,
    Terms,
    begun,
    coarse_to_fine,
    fitted,
    noise,
    paint,
)
from .recipe import PaintRecipe
from .recolour import matched, with_chroma, with_grey
from .vgg import VGG19

Term = Callable[[tuple[int, int]], Callable[[Tensor], Terms]]
"""(height, width) → something more that the picture is to keep: a goal beside Gatys's."""


@dataclass(frozen=True)
class Subject:
    """What is painted. Pictures are (1, 3, H, W), RGB, 0–255."""

    content: Tensor
    styles: Sequence[Style]
    labels: Tensor | None = None
    """(1, K, h, w), 0..1, of the content."""
    start: Tensor | None = None
    """To begin with, in place of the recipe's."""
    beside: Sequence[Term] = ()


class Painter:
    """Paints by one recipe.

    Args:
        vgg: with the recipe's pooling.
        recipe: how.
        bf16: see ``Describer``.
    """

    def __init__(self, vgg: VGG19, recipe: PaintRecipe, bf16: bool = False) -> None:
        self.recipe = recipe
        self._describe = Describer(vgg, bf16)

    def begin(self, subject: Subject) -> Canvas:
        """The canvas that ``paint`` takes."""
        kept = self._recoloured(subject)
        return begun(_start(kept, self.recipe), self.recipe)

    def paint(self, subject: Subject, canvas: Canvas) -> Iterator[int]:
        """Run the iterations that remain; see ``pixels.paint``."""
        stretches = self.stretches(self._recoloured(subject))
        yield from paint(canvas, stretches, self.recipe)

    def stretches(self, subject: Subject) -> list[Stretch]:
        """What is done, in order."""
        return coarse_to_fine(size_of(subject.content), self.goal(subject), self.recipe)

    def finished(self, subject: Subject, canvas: Canvas) -> Tensor:
        """The painting, (1, 3, H, W), 0–255, with the content's colours if they are kept."""
        picture = fitted(canvas.picture, size_of(subject.content)).clamp(0, 255)
        if self.recipe.preserve_color == "luma":
            picture = with_chroma(picture, subject.content)
        return picture

    def goal(self, subject: Subject) -> GoalAt:
        """Gatys's goal and those beside it."""
        gatys = Gatys(self._describe, self.recipe, subject.styles, subject.content, subject.labels)

        def goal_at(size: tuple[int, int]) -> Goal:
            goals = [gatys.at(size), *(term(size) for term in subject.beside)]
            return lambda picture: {k: v for goal in goals for k, v in goal(picture).items()}

        return goal_at

    def _recoloured(self, subject: Subject) -> Subject:
        """Content and styles as the recipe's ``preserve_color`` has them."""
        kind, content = self.recipe.preserve_color, subject.content
        if kind == "no":
            return subject
        if kind == "match":
            styles = [replace(s, rgb=matched(s.rgb, content)) for s in subject.styles]
            return replace(subject, styles=styles)
        grey = with_grey(content)
        styles = [replace(s, rgb=matched(with_grey(s.rgb), grey)) for s in subject.styles]
        start = None if subject.start is None else with_grey(subject.start)
        return replace(subject, content=grey, styles=styles, start=start)


def size_of(picture: Tensor) -> tuple[int, int]:
    """(height, width)."""
    return picture.shape[2], picture.shape[3]


def _start(subject: Subject, recipe: PaintRecipe) -> Tensor:
    height, width = subject.content.shape[2:]
    if subject.start is not None:
        return fitted(subject.start, (height, width))
    if recipe.start == "content":
        return subject.content
    if recipe.start == "style":
        return fitted(subject.styles[0].rgb, (height, width))
    return noise(height, width, recipe.seed, subject.content.device)


def quick_in_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is quicker there than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()

"""Paint a picture by descent on its pixels: start, colours, sizes and goal by one recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from ..recipe import PaintRecipe
from .color import matched, with_chroma, with_grey
from .descent import (
    Canvas,
    Goal,
    GoalAt,
    Stage,
    Terms,
    coarse_to_fine,
    new_canvas,
    noise,
    paint,
    resize,
)
from .gatys import Describer, Gatys, Style

Term = Callable[[tuple[int, int]], Callable[[Tensor], Terms]]
"""(height, width) → a goal that is added to Gatys's."""


@dataclass(frozen=True)
class Subject:
    """What is painted."""

    content: Tensor
    """(1, 3, H, W) float32, 0–255, RGB."""
    styles: Sequence[Style]
    labels: Tensor | None = None
    """Of the content, (1, K, h, w) float32, 0..1; ``None``: one label everywhere."""
    start: Tensor | None = None
    """(1, 3, h, w) float32, 0–255, RGB; replaces the recipe's start."""
    extra_terms: Sequence[Term] = ()


class Painting:
    """A subject, painted by one recipe; see ``descent.Descent``.

    Args:
        describe: VGG-19 with the recipe's pooling.
        recipe: layers, weights and iterations.
        subject: what is painted.
    """

    def __init__(self, describe: Describer, recipe: PaintRecipe, subject: Subject) -> None:
        self.recipe = recipe
        self._describe = describe
        self._original = subject
        self._subject = _recoloured(subject, recipe)

    def begin(self) -> Canvas:
        """The canvas that ``paint`` takes."""
        return new_canvas(_start(self._subject, self.recipe), self.recipe)

    def paint(self, canvas: Canvas) -> Iterator[int]:
        """Run the iterations that remain; see ``descent.paint``."""
        yield from paint(canvas, self.stages(), self.recipe)

    def stages(self) -> list[Stage]:
        """The stages of the painting, in order."""
        goal_at = self.goal(self._subject.extra_terms)
        return coarse_to_fine(size_of(self._subject.content), goal_at, self.recipe)

    def result(self, canvas: Canvas) -> Tensor:
        """The painting, (1, 3, H, W) float32, 0–255, RGB.

        It has the content's colours where the recipe's ``palette`` is ``source``.
        """
        content = self._original.content
        picture = resize(canvas.picture, size_of(content)).clamp(0, 255)
        return with_chroma(picture, content) if self.recipe.palette == "source" else picture

    def goal(self, extra_terms: Sequence[Term]) -> GoalAt:
        """Gatys's goal plus ``extra_terms``, of pictures (1, 3, H, W) float32, 0–255, RGB."""
        subject = self._subject
        gatys = Gatys(self._describe, self.recipe, subject.styles, subject.content, subject.labels)

        def goal_at(size: tuple[int, int]) -> Goal:
            goals = [gatys.at(size), *(term(size) for term in extra_terms)]
            return lambda picture: {k: v for goal in goals for k, v in goal(picture).items()}

        return goal_at


def _recoloured(subject: Subject, recipe: PaintRecipe) -> Subject:
    """Content and styles as the recipe's ``palette`` has them."""
    kind, content = recipe.palette, subject.content
    if kind == "none":
        return subject
    if kind == "match":
        styles = [replace(s, rgb=matched(s.rgb, content)) for s in subject.styles]
        return replace(subject, styles=styles)
    grey = with_grey(content)
    styles = [replace(s, rgb=matched(with_grey(s.rgb), grey)) for s in subject.styles]
    start = None if subject.start is None else with_grey(subject.start)
    return replace(subject, content=grey, styles=styles, start=start)


def size_of(picture: Tensor) -> tuple[int, int]:
    """(height, width) of a picture (N, C, H, W), of any range."""
    return picture.shape[2], picture.shape[3]


def _start(subject: Subject, recipe: PaintRecipe) -> Tensor:
    height, width = subject.content.shape[2:]
    if subject.start is not None:
        return resize(subject.start, (height, width))
    if recipe.start == "content":
        return subject.content
    if recipe.start == "style":
        return resize(subject.styles[0].rgb, (height, width))
    return noise(height, width, recipe.seed, subject.content.device)

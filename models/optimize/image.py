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
    extra_terms: Sequence[Term] = ()


class Painting:
    """A subject, painted by one recipe; see ``pixels.Descent``.

    Args:
        describe: with the recipe's pooling.
        recipe: how.
        subject: what.
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
        """Run the iterations that remain; see ``pixels.paint``."""
        yield from paint(canvas, self.stages(), self.recipe)

    def stages(self) -> list[Stage]:
        """What is done, in order."""
        goal_at = self.goal(self._subject.extra_terms)
        return coarse_to_fine(size_of(self._subject.content), goal_at, self.recipe)

    def result(self, canvas: Canvas) -> Tensor:
        """The painting, (1, 3, H, W), 0–255, with the content's colours if they are kept."""
        content = self._original.content
        picture = resize(canvas.picture, size_of(content)).clamp(0, 255)
        return with_chroma(picture, content) if self.recipe.preserve_color == "luma" else picture

    def goal(self, extra_terms: Sequence[Term]) -> GoalAt:
        """Gatys's goal and those beside it."""
        subject = self._subject
        gatys = Gatys(self._describe, self.recipe, subject.styles, subject.content, subject.labels)

        def goal_at(size: tuple[int, int]) -> Goal:
            goals = [gatys.at(size), *(term(size) for term in extra_terms)]
            return lambda picture: {k: v for goal in goals for k, v in goal(picture).items()}

        return goal_at


def _recoloured(subject: Subject, recipe: PaintRecipe) -> Subject:
    """Content and styles as the recipe's ``preserve_color`` has them."""
    kind, content = recipe.preserve_color, subject.content
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
        return resize(subject.start, (height, width))
    if recipe.start == "content":
        return subject.content
    if recipe.start == "style":
        return resize(subject.styles[0].rgb, (height, width))
    return noise(height, width, recipe.seed, subject.content.device)

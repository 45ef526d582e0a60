"""Descent on the pixels of a picture, coarse to fine, to a given goal.

What Gatys 2016, its texture synthesis, Deep Photo Style Transfer and the keyframes of a video
share. A goal gives the losses of a picture as a few named terms; their sum is minimised. Pictures
are (1, 3, H, W) float32, 0–255, RGB: the papers' weights and learning rates are for that range.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

from ...pipeline.core.errors import TrainingError
from .. import checkpoint
from ..recipe import PaintRecipe

Terms = dict[str, Tensor]
"""Name → weighted part of a picture's loss, a scalar."""

Goal = Callable[[Tensor], Terms]
"""A picture, (1, 3, H, W) float32, 0–255, RGB → its terms."""

GoalAt = Callable[[tuple[int, int]], Goal]
"""(height, width) → the goal of pictures of that size."""


class Descent(Protocol):
    """A picture to paint: what ``Painting``, ``DeepPhoto`` and ``Texture`` have in common."""

    recipe: PaintRecipe

    def begin(self) -> Canvas:
        """The canvas that ``paint`` takes."""
        ...

    def paint(self, canvas: Canvas) -> Iterator[int]:
        """Run the iterations that remain; see ``paint``."""
        ...

    def stages(self) -> list[Stage]:
        """The iterations, stage by stage."""
        ...

    def result(self, canvas: Canvas) -> Tensor:
        """The picture, (1, 3, H, W) float32, 0–255, RGB."""
        ...


_RATES = {"lbfgs": 1.0, "adam": 6.0, "rmsprop": 3.0, "momentum": 1.0}

_HISTORY = 20  # pairs that L-BFGS remembers: each is two pictures
_LEAST = 64  # px, of a short side at which a painting may begin


@dataclass
class Canvas:
    """An unfinished painting: all that a checkpoint holds.

    L-BFGS's memory is not in it: it is twenty times the picture, and is rebuilt in as many steps.
    """

    picture: Tensor
    """(1, 3, H, W) float32, RGB, about 0–255, not clamped."""
    iteration: int = 0
    curves: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    """Each iteration's terms, and ``total``."""
    unit: float = 0.0
    """What the gradients of this stage are divided by; 0 before its first iteration."""


def sizes_of(height: int, width: int, recipe: PaintRecipe) -> list[tuple[int, int]]:
    """(height, width) to paint at, from coarse to fine; the last is the picture's.

    Args:
        height: of the picture, px.
        width: of the picture, px.
        recipe: how many sizes at most; those with a short side below 64 px are left out.
    """
    sizes: list[tuple[int, int]] = []
    for halvings in reversed(range(recipe.sizes)):
        size = (max(1, height >> halvings), max(1, width >> halvings))
        if halvings == 0 or min(size) >= _LEAST:
            sizes.append(size)
    return sizes


def new_canvas(start: Tensor, recipe: PaintRecipe) -> Canvas:
    """A canvas at the recipe's coarsest size, of a start (1, 3, H, W) float32, 0–255, RGB."""
    first = sizes_of(start.shape[2], start.shape[3], recipe)[0]
    return Canvas(resize(start, first))


def noise(height: int, width: int, seed: int, device: torch.device) -> Tensor:
    """White noise, the same for a seed on any device.

    Args:
        height: px.
        width: px.
        seed: of the noise.
        device: where the result is.

    Returns:
        (1, 3, H, W) float32, 0–255, RGB.
    """
    seeded = torch.Generator().manual_seed(seed)
    return (torch.rand((1, 3, height, width), generator=seeded) * 255).to(device)


def resize(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """A picture at another size; anti-aliased bilinear down, cubic up.

    Args:
        picture: (N, C, H, W) float32, any range.
        size: (height, width).

    Returns:
        (N, C, height, width) float32; cubic values may lie a little outside the range.
    """
    if picture.shape[2:] == size:
        return picture
    if size[0] < picture.shape[2] or size[1] < picture.shape[3]:
        return F.interpolate(picture, size, mode="bilinear", antialias=True, align_corners=False)
    return F.interpolate(picture, size, mode="bicubic", align_corners=False)


@dataclass(frozen=True)
class Stage:
    """Iterations at one size with one goal."""

    size: tuple[int, int]
    """(height, width)."""
    end: int
    """The iteration before which it ends, counted from the painting's first."""
    goal_at: GoalAt


def coarse_to_fine(size: tuple[int, int], goal_at: GoalAt, recipe: PaintRecipe) -> list[Stage]:
    """The recipe's iterations, at each of its sizes twice as many as at the one before.

    Args:
        size: (height, width) of the last stage.
        goal_at: the goal at each size.
        recipe: iterations and number of sizes.
    """
    sizes = sizes_of(*size, recipe)
    whole = 2 ** len(sizes) - 1
    ends = (recipe.iterations * (2 ** (n + 1) - 1) // whole for n in range(len(sizes)))
    return [Stage(here, end, goal_at) for here, end in zip(sizes, ends, strict=True)]


def paint(canvas: Canvas, stages: Sequence[Stage], recipe: PaintRecipe) -> Iterator[int]:
    """Run the iterations that remain, in the canvas; yields how many are done after each.

    Args:
        canvas: the painting; it is changed.
        stages: in order.
        recipe: the optimiser and its learning rate.

    Raises:
        TrainingError: the loss is no longer a number.
    """
    begin = 0
    for stage in stages:
        if canvas.iteration < stage.end:
            canvas.unit = canvas.unit if canvas.iteration > begin else 0.0
            canvas.picture = resize(canvas.picture, stage.size).contiguous()
            yield from _descend(canvas, stage.goal_at(stage.size), stage.end, recipe)
        begin = stage.end


def _descend(canvas: Canvas, goal: Goal, end: int, recipe: PaintRecipe) -> Iterator[int]:
    picture = canvas.picture.detach().clone().requires_grad_()
    optimizer = _optimizer(picture, recipe)
    latest: Terms = {}

    def loss() -> Tensor:
        optimizer.zero_grad()
        terms = goal(picture)
        total = torch.stack(list(terms.values())).sum()
        total.backward()
        latest.update({name: value.detach() for name, value in terms.items()})
        assert picture.grad is not None
        # Losses of any size get gradients of one size: an optimiser's bounds are absolute.
        canvas.unit = canvas.unit or max(float(picture.grad.abs().mean()), 1e-30)
        picture.grad.div_(canvas.unit)
        return total.detach() / canvas.unit

    while canvas.iteration < end:
        optimizer.step(loss)  # pyright: ignore[reportCallIssue, reportArgumentType]
        total = sum(map(float, latest.values()))
        if recipe.optimizer == "lbfgs":
            optimizer.param_groups[0]["lr"] = _rate(recipe)
        if not math.isfinite(total):
            raise TrainingError(
                f"the loss left all bounds at iteration {canvas.iteration}; "
                "try a smaller --learning-rate"
            )
        canvas.iteration += 1
        canvas.curves.append({name: float(value) for name, value in latest.items()})
        canvas.curves[-1]["total"] = total
        canvas.picture = picture.detach()
        yield canvas.iteration


def _optimizer(picture: Tensor, recipe: PaintRecipe) -> torch.optim.Optimizer:
    rate = _rate(recipe)
    if recipe.optimizer == "lbfgs":
        # PyTorch divides the first step, when no curvature is known, by the sum of the gradient's
        # sizes, which is the number of values here. Undone, it moves a pixel by one grey level;
        # else by less than float32 can tell.
        first = float(picture.numel())
        return torch.optim.LBFGS(
            [picture],
            lr=first,
            max_iter=1,
            history_size=_HISTORY,
            tolerance_grad=0,
            tolerance_change=0,
        )
    if recipe.optimizer == "adam":
        return torch.optim.Adam([picture], lr=rate)
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop([picture], lr=rate)
    return torch.optim.SGD([picture], lr=rate, momentum=0.9)


def _rate(recipe: PaintRecipe) -> float:
    return recipe.learning_rate or _RATES[recipe.optimizer]


def save_canvas(canvas: Canvas, path: Path) -> None:
    """Write a checkpoint, whole or not at all."""
    checkpoint.write(asdict(canvas), path)


def load_canvas(path: Path, device: torch.device) -> Canvas | None:
    """What ``save_canvas`` wrote; ``None`` where there is no checkpoint."""
    return checkpoint.resumed(
        path, device, lambda state: Canvas(**state), "the painting begins anew"
    )

"""Learning a style: a feed-forward net against perceptual losses (after Johnson 2016).

``train`` is an iterator of steps: the caller shows them, and may stop after any. The same code runs
on a GPU and on a CPU (bfloat16 where it is quick, channels last).

What is kept is the running average of the weights. The weight of the content loss is steered, so
that one recipe keeps equally much of the photograph whatever the painting is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from ...pipeline.core.errors import TrainingError
from ..data import Crops, read_rgb, resized, to_rgb, to_tensor
from ..device import mixed_precision
from ..nets.canvas import noise_canvas
from ..nets.feedforward import StyleNet
from ..recipe import DecoderRecipe, Recipe
from .losses import unsteadiness
from .paint_loss import Losses, PaintLoss
from .state import LossValues, Training
from .synthetic_motion import FakeMotion

# Where losses are compared after training; a short side, px.
EVALUATION_SIZE = 512


def one_cycle(step: int, steps: int, peak: float, warmup: float = 0.2) -> float:
    """Learning rate of ``step``: a cosine up over ``warmup`` of the steps, a cosine down to zero.

    A function of the step alone, so a resumed training needs no scheduler state (Smith 2018).

    Args:
        step: from 0.
        steps: in all.
        peak: the highest rate.
        warmup: 0..1, the fraction of the steps before the peak.
    """
    x = step / max(1, steps)
    if x < warmup:
        return peak * (0.04 + 0.96 * (0.5 - 0.5 * math.cos(math.pi * x / warmup)))
    return peak * (0.5 + 0.5 * math.cos(math.pi * (x - warmup) / (1 - warmup)))


_WARM_UP = 150
"""Steps in which the rate rises."""
_LEAST_RATE = 0.05
"""Of the peak, where the cosine ends; a finish by VGG-19 begins there and falls to zero."""


def rate_at(step: int, recipe: Recipe) -> float:
    """Learning rate of ``step``: a rise, a cosine down, a finish.

    A function of the step alone, so a resumed training needs no scheduler state.

    Args:
        step: from 0.
        recipe: steps and peak rate.
    """
    main = recipe.steps - recipe.finish_steps
    if step >= main:
        return recipe.learning_rate * _LEAST_RATE * _cosine((step - main) / recipe.finish_steps)
    rise = min(1.0, (step + 1) / min(_WARM_UP, max(1, main // 3)))
    return recipe.learning_rate * rise * (_LEAST_RATE + (1 - _LEAST_RATE) * _cosine(step / main))


def _cosine(x: float) -> float:
    return 0.5 + 0.5 * math.cos(math.pi * x)


def train(
    training: Training,
    judges: Callable[[Literal["slim", "vgg"]], PaintLoss],
    photos: list[Path],
    workers: int = 1,
) -> Iterator[LossValues]:
    """Run the remaining steps; each yields its losses. ``training`` is up to date at every yield.

    Args:
        training: it is changed.
        judges: gives the loss against the style picture, by what compares pictures.
        photos: files of the content pictures.
        workers: processes that load them.

    Raises:
        TrainingError: the losses are no longer numbers.
    """
    recipe = training.recipe
    device = next(training.net.parameters()).device
    training.net.train()
    judge, loss = training.judge, judges(training.judge)
    for crops in batches(recipe, photos, training.step, workers):
        content = crops.to(device, non_blocking=True).contiguous(memory_format=torch.channels_last)
        for optimizer in training.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate_at(training.step, recipe)
        if training.judge != judge:
            judge, loss = training.judge, judges(training.judge)
            training.content_weight = recipe.content_weight
        values = _step(training, loss, content.float() / 255)
        if not math.isfinite(values.total):
            raise TrainingError(
                f"the losses left all bounds at step {training.step}; "
                f"try a lower --learning-rate than {recipe.learning_rate}"
            )
        _steer(training, values.content)
        _follow(training)
        training.history.append(values)
        yield values


def _steer(training: Training, content: float) -> None:
    """Bring the content loss to its target, by its weight."""
    judge = training.judge
    target = training.recipe.target_of(judge)
    if not target or (judge == "slim" and training.step < _UNSTEERED):
        return
    off = max(-1.0, min(1.0, content / target - 1))
    weight = training.content_weight * math.exp(_STEERING[judge] * off)
    training.content_weight = max(_CONTENT_WEIGHTS[0], min(_CONTENT_WEIGHTS[1], weight))


_UNSTEERED = 100
"""Steps before the content weight is steered: at first nothing is like the photograph."""
_STEERING = {"slim": 0.01, "vgg": 0.03}
_CONTENT_WEIGHTS = (0.5, 8.0)


@torch.no_grad()
def _follow(training: Training) -> None:
    """Take the weights of a step into the running average."""
    decay = min(0.99, (1 + training.step) / (10 + training.step))
    pairs = zip(training.average.parameters(), training.net.parameters(), strict=True)
    for mean, now in pairs:
        mean.lerp_(now, 1 - decay)


def batches(
    recipe: Recipe | DecoderRecipe, photos: list[Path], done: int, workers: int
) -> Iterator[Tensor]:
    """The crops of every remaining step, (N, 3, S, S) uint8, 0–255, RGB.

    Args:
        recipe: size, batch, steps and seed.
        photos: files of the content pictures.
        done: steps done.
        workers: processes that load the photographs.
    """
    span = (recipe.crop_min, recipe.crop_max) if isinstance(recipe, Recipe) else (0.5, 1.0)
    crops = Crops(photos, recipe.crop, recipe.steps * recipe.batch, recipe.seed, span)
    rest = Subset(crops, range(done * recipe.batch, len(crops)))
    yield from DataLoader(rest, recipe.batch, num_workers=workers, persistent_workers=workers > 0)


STEADY_EVERY = 2
"""Of so many steps one trains steadiness, with so many times its weight."""


def _step(training: Training, loss: PaintLoss, content: Tensor) -> LossValues:
    recipe = training.recipe
    shoot = _shoot_still if not training.net.recurrent else _shoot_sequence
    with mixed_precision(content.device):
        pictures, result, steady = shoot(training, content)
    losses = loss(result, pictures, training.step)
    total = _total(recipe, losses, training.content_weight) + recipe.steady_weight * steady
    for optimizer in training.optimizers:
        optimizer.zero_grad(set_to_none=True)
    total.backward()
    for optimizer in training.optimizers:
        optimizer.step()
    parts = [losses.content, losses.style, losses.tv, total, steady, losses.pixel]
    return LossValues(*torch.stack(parts).detach().tolist())


def _motion(training: Training, content: Tensor, number: int = 0) -> FakeMotion:
    n, _, height, width = content.shape
    seed = (training.recipe.seed * 1_000_003 + training.step) * 10 + number
    return FakeMotion(n, height, width, seed, content.device)


def _shoot_still(training: Training, content: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(contents, results, unsteadiness) of single pictures, some with a fake next frame.

    The result of the next frame is compared with the moved result: compound regularisation, Wang
    2020. Contents and results are (N, 3, H, W) float32, 0..1, RGB; unsteadiness is a scalar.
    """
    canvas = _canvas(training, content)
    result = training.net(content, canvas=canvas).float()
    if training.recipe.steady_weight == 0 or training.step % STEADY_EVERY:
        return content, result, content.new_zeros(())
    motion = _motion(training, content)
    steady = next_unsteadiness(training.net, content, result, motion, canvas)
    return content, result, STEADY_EVERY * steady


def _canvas(training: Training, content: Tensor) -> Tensor | None:
    """A fresh canvas of the step for each picture; ``None`` for a net without one."""
    if not training.net.canvas:
        return None
    seed = training.recipe.seed * 1_000_003 + training.step
    generator = torch.Generator().manual_seed(seed)
    n, _, height, width = content.shape
    size = (-(-height // 4), -(-width // 4))
    return noise_canvas(n, training.net.canvas, *size, generator).to(content.device)


def next_unsteadiness(
    net: StyleNet,
    content: Tensor,
    result: Tensor,
    motion: FakeMotion,
    canvas: Tensor | None = None,
) -> Tensor:
    """The relative warping error of a net's result for the next frame; see ``unsteadiness``.

    A recurrent net takes the moved result as its memory; a canvas moves with the picture.

    Args:
        net: any net.
        content: pictures, (N, 3, H, W) float32, 0..1, RGB.
        result: the net's results for them, of the same shape and range.
        motion: of the pictures.
        canvas: what the results were painted on, (N, C, ⌈H/4⌉, ⌈W/4⌉) float32.

    Returns:
        A scalar.
    """
    warped = motion.move(result)
    memory = (warped.clamp(0, 1), motion.seen) if net.recurrent else None
    carried = None if canvas is None else motion.move_canvas(canvas)
    moved = net(motion.next_frame(content), memory, canvas=carried).float()
    return unsteadiness(moved, warped, motion.seen)


FRAMES = 3
"""Length of the fake shots that a recurrent net trains on, so that it reads its own results."""


def _shoot_sequence(training: Training, content: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(contents, results, unsteadiness) of fake shots, for a recurrent net.

    Each result is warped to the next frame, as the net's memory (Ruder 2018, section 5.2). The
    perceptual losses use one frame of each shot: they cost as much as one frame, and over the steps
    every frame is used. Shapes and ranges are those of ``_shoot_still``.
    """
    contents = [content]
    results = [training.net(content).float()]
    steady = content.new_zeros(())
    for number in range(1, FRAMES):
        motion = _motion(training, content, number)
        warped, trusted = motion.move(results[-1]), motion.holes()
        frame = motion.next_frame(contents[-1])
        result = training.net(frame, (warped.detach().clamp(0, 1), trusted)).float()
        steady = steady + unsteadiness(result, warped.detach(), trusted) / (FRAMES - 1)
        contents.append(motion.move(contents[-1]).clamp(0, 1))
        results.append(result)
    moment = [(i + training.step) % FRAMES for i in range(len(content))]
    picked = [torch.stack([at[m][i] for i, m in enumerate(moment)]) for at in (contents, results)]
    return picked[0], picked[1], steady


def _total(recipe: Recipe, losses: Losses, content_weight: float) -> Tensor:
    likeness = content_weight * losses.content + recipe.style_weight * losses.style
    likeness = likeness + recipe.pixel_weight * losses.pixel
    return likeness + recipe.tv_weight * losses.tv


@torch.no_grad()
def evaluate(
    training: Training, loss: PaintLoss, photos: list[Path], size: int = EVALUATION_SIZE
) -> LossValues:
    """Mean losses over photographs, in float32, of results rounded to 8 bits.

    Args:
        training: its net is measured.
        loss: against the style picture.
        photos: files; those that can't be decoded are left out.
        size: short side to which the photographs are resized, px.

    Raises:
        TrainingError: none of the photographs can be decoded.
    """
    net = training.average.eval()
    device = next(net.parameters()).device
    rows: list[list[Tensor]] = []
    for path in photos:
        rgb = read_rgb(path)
        if rgb is None:
            continue
        photo = to_tensor(resized(rgb, size)).to(device)
        result = to_tensor(to_rgb(net(photo))).to(device)
        losses = loss(result, photo)
        motion = FakeMotion(1, *photo.shape[2:], seed=len(rows), device=device)
        steady = next_unsteadiness(net, photo, result, motion)
        total = _total(training.recipe, losses, training.recipe.content_weight)
        total = total + training.recipe.steady_weight * steady
        rows.append([losses.content, losses.style, losses.tv, total, steady, losses.pixel])
    if not rows:
        raise TrainingError("none of the validation photographs can be decoded")
    return LossValues(*np.mean(torch.tensor(rows).numpy(), axis=0).tolist())

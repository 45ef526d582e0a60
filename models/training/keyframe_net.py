"""A net that learns to paint from a few painted frames (Texler 2020, few-shot patch-based).

It trains on pairs of patches, of a frame and of its painting, and takes minutes on a CPU. The net
reads one frame alone: it paints frames in any order, without drift.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...pipeline.core.errors import TrainingError
from .. import checkpoint
from ..data import read_rgb, to_tensor
from ..device import mixed_precision
from ..nets.feedforward import FastNet
from ..nets.vgg19 import VGG19
from ..recipe import DistilRecipe
from .feedforward import next_unsteadiness, one_cycle
from .losses import feature_loss, gram, pixel_loss, style_loss
from .synthetic_motion import FakeMotion

_LAYERS = ("relu1_2", "relu2_2", "relu3_1", "relu4_1")

Pair = tuple[Path, Path]
"""A frame and its painting, of one size."""

_CACHED = 32  # pictures in memory


class Patches:
    """Random patches of pairs, mirrored half of the time; patch i depends on the seed and i alone.

    Args:
        pairs: the frames and paintings.
        recipe: size and seed; a frame that is smaller gives smaller patches.
    """

    def __init__(self, pairs: Sequence[Pair], recipe: DistilRecipe) -> None:
        self._pairs = pairs
        self._recipe = recipe
        self._read = lru_cache(_CACHED)(_picture)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Patches of frames and of their paintings, each (N, 3, S, S) float32, 0..1, RGB."""
        first = step * self._recipe.batch
        both = [self._cut(first + i) for i in range(self._recipe.batch)]
        return torch.cat([a for a, _ in both]), torch.cat([b for _, b in both])

    def _cut(self, number: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self._recipe.seed, number))
        pair = [self._read(path) for path in self._pairs[int(rng.integers(len(self._pairs)))]]
        height, width = pair[0].shape[:2]
        side = min(self._recipe.crop, height, width)
        top, left = (int(rng.integers(n - side + 1)) for n in (height, width))
        mirrored = slice(None, None, -1 if rng.random() < 0.5 else 1)
        rows, columns = slice(top, top + side), slice(left, left + side)
        frame, painting = (to_tensor(x[rows, columns][:, mirrored]) for x in pair)
        return frame, painting


def _picture(path: Path) -> NDArray[np.uint8]:
    rgb = read_rgb(path)
    if rgb is None:
        raise TrainingError(f"the key frame {path} can't be read")
    return rgb


@dataclass
class Lesson:
    """An unfinished training: all that a checkpoint holds."""

    net: FastNet
    optimizer: torch.optim.Adam
    step: int = 0


def begin(base: FastNet, recipe: DistilRecipe, device: torch.device) -> Lesson:
    """A training that starts from the weights of ``base``.

    Args:
        base: it is copied.
        recipe: the learning rate.
        device: where to train.
    """
    net = copy.deepcopy(base).to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return Lesson(net, torch.optim.Adam(net.parameters(), lr=recipe.learning_rate))


def save_lesson(lesson: Lesson, path: Path) -> None:
    """Write a checkpoint, whole or not at all."""
    parts = {"net": lesson.net.state_dict(), "optimizer": lesson.optimizer.state_dict()}
    checkpoint.write({**parts, "step": lesson.step}, path)


def load_lesson(path: Path, recipe: DistilRecipe, device: torch.device) -> Lesson | None:
    """What ``save_lesson`` wrote; ``None`` where there is no checkpoint.

    Args:
        path: the file.
        recipe: the learning rate.
        device: where to train.
    """

    def made(state: dict[str, Any]) -> Lesson:
        lesson = begin(FastNet(), recipe, device)
        lesson.net.load_state_dict(state["net"])
        lesson.optimizer.load_state_dict(state["optimizer"])
        return replace(lesson, step=state["step"])

    return checkpoint.resumed(path, device, made, "the net learns anew")


def distil(
    lesson: Lesson, vgg: VGG19, pairs: Sequence[Pair], recipe: DistilRecipe
) -> Iterator[float]:
    """Train on the pairs, by the steps that remain; each yields its loss.

    Args:
        lesson: the training; it is changed.
        vgg: VGG-19.
        pairs: frames and their paintings.
        recipe: steps, weights and learning rate.

    Raises:
        TrainingError: the loss is no longer a number.
    """
    net, optimizer = lesson.net, lesson.optimizer
    device = next(net.parameters()).device
    patches = Patches(pairs, recipe)
    net.train()
    for step in range(lesson.step, recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = one_cycle(step, recipe.steps, recipe.learning_rate)
        frame, painting = (
            x.to(device).contiguous(memory_format=torch.channels_last) for x in patches.batch(step)
        )
        with mixed_precision(device):
            loss = _loss(net, vgg, frame, painting, recipe, step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if not math.isfinite(float(loss.detach())):
            raise TrainingError(f"the loss left all bounds at step {step}")
        lesson.step = step + 1
        yield float(loss.detach())
    net.eval()


def _loss(
    net: FastNet, vgg: VGG19, frame: Tensor, painting: Tensor, recipe: DistilRecipe, step: int
) -> Tensor:
    """Relative differences of colours, responses and Gram matrices, and the unsteadiness."""
    result = net(frame).float()
    with torch.no_grad():
        target = vgg(painting, _LAYERS)
    features = vgg(result, _LAYERS)
    total = recipe.pixel_weight * pixel_loss(result, painting)
    for name in _LAYERS:
        energy = target[name].float().square().mean()
        total = total + recipe.feature_weight * feature_loss(features[name], target[name]) / energy
        g = gram(target[name])
        texture = style_loss(gram(features[name]), g) / g.square().sum(dim=(1, 2)).mean()
        total = total + recipe.texture_weight * texture
    if recipe.steady_weight:
        n, _, height, width = frame.shape
        motion = FakeMotion(n, height, width, recipe.seed * 1_000_003 + step, frame.device)
        unsteady = next_unsteadiness(net, frame, result, motion)
        total = total + recipe.steady_weight * unsteady
    return total

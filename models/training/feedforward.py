"""Learning a style: a feed-forward net against perceptual losses (Johnson 2016).

``train`` is an iterator of steps: the caller shows them, and may stop after any. The same code runs
on a GPU and on a CPU (bfloat16 under autocast, channels last).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from ...pipeline.core.errors import TrainingError, nearest, reason
from .. import checkpoint
from ..data import Crops, read_rgb, resized, to_rgb, to_tensor
from ..nets.feedforward import FastNet, QualityNet, RecurrentNet, StyleNet, widen
from ..nets.johnson import JohnsonNet
from ..nets.vgg19 import VGG19
from ..recipe import DecoderRecipe, Recipe, with_new_names
from .losses import Losses, PerceptualLoss, unsteadiness
from .synthetic_motion import FakeMotion

TIERS: dict[str, type[StyleNet]] = {
    net.name: net for net in (FastNet, QualityNet, RecurrentNet, JohnsonNet)
}

# Where losses are compared after training; a short side, px.
EVALUATION_SIZE = 512


@dataclass(frozen=True)
class LossValues:
    """Losses of one step. Only ``total`` has the recipe's weights."""

    content: float
    style: float
    tv: float
    total: float
    steady: float = 0.0
    """The warping error under fake motion, relative to the result's contrast."""
    pixel: float = 0.0
    """The difference to the photograph, relative to its contrast."""


@dataclass
class Training:
    """An unfinished training: all that a checkpoint holds."""

    recipe: Recipe
    net: StyleNet
    optimizer: torch.optim.Adam
    family: str = ""
    """Fingerprint of the first net in the chain of bases; nets of one family can be mixed."""
    history: list[LossValues] = field(default_factory=list[LossValues])

    @property
    def step(self) -> int:
        """Steps done."""
        return len(self.history)


def begin(recipe: Recipe, device: torch.device, base: Path | None = None) -> Training:
    """A fresh net with the recipe's seed, on ``device``; or with the weights of a checkpoint.

    A ``quality`` net can begin from a ``fast`` one: it is widened, with equal results at first.

    Args:
        recipe: tier, seed and learning rate.
        device: where to train.
        base: the checkpoint to begin from.

    Raises:
        TrainingError: ``base`` is no checkpoint, or one of a tier that can't be begun from.
    """
    torch.manual_seed(recipe.seed)
    net = TIERS[recipe.tier]()
    family = "" if base is None else _inherit(net, base)
    net.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    adam = torch.optim.Adam(net.parameters(), lr=recipe.learning_rate)
    return Training(recipe, net, adam, family)


def _inherit(net: StyleNet, base: Path) -> str:
    """Give ``net`` the weights of a checkpoint; its family."""
    given = load_checkpoint(base, torch.device("cpu"))
    family = given.family or fingerprint(given.net)
    if given.net.name == net.name:
        net.load_state_dict(given.net.state_dict())
        return family
    if isinstance(net, QualityNet) and type(given.net) is FastNet:
        # One fixed start for the added channels: widened nets of one family stay one family.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net.load_state_dict(QualityNet().state_dict())
        widen(given.net, net)
        return f"{family}-{net.name}"
    raise TrainingError(
        f"--base {base} is a {given.net.name} net; train with --tier {given.net.name}"
    )


def fingerprint(net: torch.nn.Module) -> str:
    """Twelve hexadecimal digits that name the weights of a net."""
    digest = hashlib.sha256()
    for _, tensor in sorted(net.state_dict().items()):
        digest.update(tensor.float().cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


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


def train(
    training: Training, loss: PerceptualLoss, photos: list[Path], workers: int = 1
) -> Iterator[LossValues]:
    """Run the remaining steps; each yields its losses. ``training`` is up to date at every yield.

    Args:
        training: it is changed.
        loss: against the style picture.
        photos: files of the content pictures.
        workers: processes that load them.

    Raises:
        TrainingError: the losses are no longer numbers.
    """
    recipe = training.recipe
    device = next(training.net.parameters()).device
    training.net.train()
    for crops in batches(recipe, photos, training.step, workers):
        content = crops.to(device, non_blocking=True).contiguous(memory_format=torch.channels_last)
        rate = one_cycle(training.step, recipe.steps, recipe.learning_rate)
        for group in training.optimizer.param_groups:
            group["lr"] = rate
        values = _step(training, loss, content.float() / 255)
        if not math.isfinite(values.total):
            raise TrainingError(
                f"the losses left all bounds at step {training.step}; "
                f"try a lower --learning-rate than {recipe.learning_rate}"
            )
        training.history.append(values)
        yield values


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
    crops = Crops(photos, recipe.crop, recipe.steps * recipe.batch, recipe.seed)
    rest = Subset(crops, range(done * recipe.batch, len(crops)))
    yield from DataLoader(rest, recipe.batch, num_workers=workers, persistent_workers=workers > 0)


def _step(training: Training, loss: PerceptualLoss, content: Tensor) -> LossValues:
    recipe = training.recipe
    shoot = _shoot_still if not training.net.recurrent else _shoot_sequence
    with torch.autocast(content.device.type, torch.bfloat16):
        pictures, result, steady = shoot(training, content)
        losses = loss(result, pictures)
    total = _total(recipe, losses, steady)
    training.optimizer.zero_grad(set_to_none=True)
    total.backward()
    training.optimizer.step()
    parts = [losses.content, losses.style, losses.tv, total, steady, losses.pixel]
    return LossValues(*torch.stack(parts).detach().tolist())


def _motion(training: Training, content: Tensor, number: int = 0) -> FakeMotion:
    n, _, height, width = content.shape
    seed = (training.recipe.seed * 1_000_003 + training.step) * 10 + number
    return FakeMotion(n, height, width, seed, content.device)


def _shoot_still(training: Training, content: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(contents, results, unsteadiness) of single pictures, each with a fake next frame.

    The result of the next frame is compared with the moved result: compound regularisation, Wang
    2020. Contents and results are (N, 3, H, W) float32, 0..1, RGB; unsteadiness is a scalar.
    """
    result = training.net(content).float()
    if training.recipe.steady_weight == 0:
        return content, result, content.new_zeros(())
    motion = _motion(training, content)
    return content, result, next_unsteadiness(training.net, content, result, motion)


def next_unsteadiness(net: StyleNet, content: Tensor, result: Tensor, motion: FakeMotion) -> Tensor:
    """The relative warping error of a net's result for the next frame; see ``unsteadiness``.

    A recurrent net takes the moved result as its memory.

    Args:
        net: any net.
        content: pictures, (N, 3, H, W) float32, 0..1, RGB.
        result: the net's results for them, of the same shape and range.
        motion: of the pictures.

    Returns:
        A scalar.
    """
    warped = motion.move(result)
    memory = (warped.clamp(0, 1), motion.seen) if net.recurrent else None
    moved = net(motion.next_frame(content), memory).float()
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


def _total(recipe: Recipe, losses: Losses, steady: Tensor) -> Tensor:
    likeness = recipe.content_weight * losses.content + recipe.style_weight * losses.style
    likeness = likeness + recipe.pixel_weight * losses.pixel
    return likeness + recipe.tv_weight * losses.tv + recipe.steady_weight * steady


def perceptual_loss(
    recipe: Recipe, style: NDArray[np.uint8] | None, vgg: VGG19, device: torch.device
) -> PerceptualLoss:
    """The recipe's loss against a style picture.

    Args:
        recipe: layers, and the size of the style picture.
        style: (H, W, 3) uint8, 0–255, RGB; ``None`` for a base, which has no style.
        vgg: VGG-19; it is moved to ``device``.
        device: where to compute.

    Raises:
        TrainingError: VGG-19 has no layer of a name in the recipe.
    """
    for layer in (recipe.content_layer, *recipe.style_layers):
        if layer not in vgg.places:
            raise TrainingError(f"VGG-19 has no layer '{layer}'{nearest(layer, vgg.places)}")
    vgg.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    picture = None
    if style is not None:
        picture = to_tensor(resized(style, recipe.style_size)).to(device)
    return PerceptualLoss(vgg, picture, recipe.content_layer, recipe.style_layers)


@torch.no_grad()
def evaluate(
    training: Training, loss: PerceptualLoss, photos: list[Path], size: int = EVALUATION_SIZE
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
    net = training.net.eval()
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
        total = _total(training.recipe, losses, steady)
        rows.append([losses.content, losses.style, losses.tv, total, steady, losses.pixel])
    if not rows:
        raise TrainingError("none of the validation photographs can be decoded")
    return LossValues(*np.mean(torch.tensor(rows).numpy(), axis=0).tolist())


def save_checkpoint(training: Training, path: Path) -> None:
    """Write ``training`` to ``path``, whole or not at all."""
    state = {
        "recipe": training.recipe.model_dump(mode="json"),
        "net": training.net.state_dict(),
        "optimizer": training.optimizer.state_dict(),
        "family": training.family,
        "history": [list(asdict(values).values()) for values in training.history],
    }
    checkpoint.write(state, path)


def load_checkpoint(path: Path, device: torch.device) -> Training:
    """The training that ``save_checkpoint`` wrote. The file is data: nothing in it is run.

    Raises:
        TrainingError: the file is no checkpoint of this program.
    """
    try:
        state = checkpoint.read(path, device)
        training = begin(
            Recipe.model_validate({"steady_weight": 0.0, **with_new_names(state["recipe"])}), device
        )
        training.net.load_state_dict(state["net"])
        training.optimizer.load_state_dict(state["optimizer"])
        training.family = state.get("family", "")
        training.history.extend(LossValues(*row) for row in state["history"])
    except OSError as error:
        raise TrainingError(f"{path} can't be read: {error.strerror}") from error
    except Exception as error:
        raise TrainingError(
            f"{path} is not a checkpoint that can be resumed: {reason(error)}"
        ) from error
    return training

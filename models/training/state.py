"""An unfinished training of a style: its net, its optimisers, and its checkpoint."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import torch

from ...pipeline.core.errors import TrainingError, reason
from .. import checkpoint
from ..nets.feedforward import FastNet, QualityNet, RecurrentNet, StyleNet, widen
from ..nets.johnson import JohnsonNet
from ..recipe import Recipe, with_new_names
from .muon import Muon

TIERS: dict[str, type[StyleNet]] = {
    net.name: net for net in (FastNet, QualityNet, RecurrentNet, JohnsonNet)
}


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
    average: StyleNet
    """The running average of ``net``: the result."""
    optimizers: tuple[torch.optim.Optimizer, ...]
    family: str = ""
    """Fingerprint of the first net in the chain of bases; nets of one family can be mixed."""
    content_weight: float = 0.0
    """As it is steered."""
    palette: str = ""
    """The painting's colours, as a style file holds them."""
    history: list[LossValues] = field(default_factory=list[LossValues])

    @property
    def step(self) -> int:
        """Steps done."""
        return len(self.history)

    @property
    def judge(self) -> Literal["slim", "vgg"]:
        """What compares the pictures of the next step."""
        begun = self.step >= self.recipe.steps - self.recipe.finish_steps
        return "vgg" if self.recipe.finish_steps and begun else self.recipe.judge


@dataclass(frozen=True)
class Base:
    """A trained net from which another training begins."""

    net: StyleNet
    family: str
    name: str
    """Of its file, for messages."""


def read_base(path: Path) -> Base:
    """The net of a checkpoint.

    Raises:
        TrainingError: the file is no checkpoint.
    """
    given = load_checkpoint(path, torch.device("cpu"))
    return Base(given.average, given.family or fingerprint(given.average), str(path))


def begin(recipe: Recipe, device: torch.device, base: Base | None = None) -> Training:
    """A fresh net with the recipe's seed, on ``device``; or with the weights of a base.

    A ``quality`` net can begin from a ``fast`` one: it is widened, with equal results at first.

    Args:
        recipe: tier, canvas, seed and learning rate.
        device: where to train.
        base: what to begin from.

    Raises:
        TrainingError: ``base`` is of a tier that can't be begun from.
    """
    torch.manual_seed(recipe.seed)
    net = _new_net(recipe)
    family = "" if base is None else _inherit(net, base)
    net.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    kernels = [p for p in net.parameters() if p.ndim == 4]
    others = [p for p in net.parameters() if p.ndim != 4]
    rate = recipe.learning_rate
    optimizers = (Muon(kernels, rate), torch.optim.Adam(others, rate))
    average = copy.deepcopy(net).requires_grad_(False)
    return Training(recipe, net, average, optimizers, family, recipe.content_weight)


def _new_net(recipe: Recipe) -> StyleNet:
    tier = TIERS[recipe.tier]
    if tier in (FastNet, QualityNet):
        return tier(canvas=recipe.canvas)
    return tier()


def _inherit(net: StyleNet, base: Base) -> str:
    """Give ``net`` the weights of a base; its family."""
    given = base.net
    widens = isinstance(net, QualityNet) and type(given) is FastNet
    if given.name != net.name and not widens:
        raise TrainingError(
            f"--base {base.name} is a {given.name} net; train with --tier {given.name}"
        )
    if given.canvas != net.canvas:
        raise TrainingError(
            f"--base {base.name} has a canvas of {given.canvas} channels, not {net.canvas}; "
            f"train with --canvas {given.canvas}"
        )
    if not widens:
        net.load_state_dict(given.state_dict())
        return base.family
    assert isinstance(net, FastNet)
    assert isinstance(given, FastNet)
    # One fixed start for the added channels: widened nets of one family stay one family.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net.load_state_dict(QualityNet(canvas=net.canvas).state_dict())
    widen(given, net)
    return f"{base.family}-{net.name}"


def fingerprint(net: torch.nn.Module) -> str:
    """Twelve hexadecimal digits that name the weights of a net."""
    digest = hashlib.sha256()
    for _, tensor in sorted(net.state_dict().items()):
        digest.update(tensor.float().cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


def save_checkpoint(training: Training, path: Path) -> None:
    """Write ``training`` to ``path``, whole or not at all."""
    state = {
        "recipe": training.recipe.model_dump(mode="json"),
        "net": training.net.state_dict(),
        "average": training.average.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in training.optimizers],
        "family": training.family,
        "content_weight": training.content_weight,
        "palette": training.palette,
        "history": [list(asdict(values).values()) for values in training.history],
    }
    checkpoint.write(state, path)


def load_checkpoint(path: Path, device: torch.device) -> Training:
    """The training that ``save_checkpoint`` wrote. The file is data: nothing in it is run.

    A checkpoint of before nets had a canvas can be exported and begun from, not resumed.

    Raises:
        TrainingError: the file is no checkpoint of this program.
    """
    try:
        state = checkpoint.read(path, device)
        older = {} if "average" in state else {"steady_weight": 0.0, "canvas": 0}
        recipe = Recipe.model_validate({**older, **with_new_names(state["recipe"])})
        training = begin(recipe, device)
        training.net.load_state_dict(state["net"])
        training.average.load_state_dict(state.get("average", state["net"]))
        for optimizer, kept in zip(training.optimizers, state.get("optimizers", ()), strict=False):
            optimizer.load_state_dict(kept)
        training.family = state.get("family", "")
        training.content_weight = state.get("content_weight", recipe.content_weight)
        training.palette = state.get("palette", "")
        training.history.extend(LossValues(*row) for row in state["history"])
    except OSError as error:
        raise TrainingError(f"{path} can't be read: {error.strerror}") from error
    except Exception as error:
        raise TrainingError(
            f"{path} is not a checkpoint that can be resumed: {reason(error)}"
        ) from error
    return training

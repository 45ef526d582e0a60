"""Learning to invert features: what every universal style needs, once.

First all stages of the deepest decoder at once, each alone: from relu{k}_1 back to relu{k-1}_1,
which the encoder has just said; a fifth of the work of the paper's way, and no gradient has to pass
a whole decoder. Then each level's decoder as one, by the paper's loss: ‖I_o − I_i‖² + λ ‖Φ(I_o) −
Φ(I_i)‖² (Li 2017, equation 3), both as relative errors.

A full-width encoder is VGG-19 and stays as it is. A slim one learns too: to say, through one 1×1
convolution a level, what VGG-19 says (collaborative distillation, Wang et al. 2020, section 3.2).
Its decoder goes on saying, stage by stage, what the encoder said: a style is heard there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..pipeline.errors import TrainingError, reason
from .autoencoder import FULL, SLIM, Conv, Decoder, Encoder, Skip, vgg_encoder
from .data import read_rgb, resized, to_tensor
from .losses import colour_loss, feature_loss, pixel_loss
from .recipe import DecoderRecipe, Universal
from .styleswap import LEVEL, swap
from .train import batches, one_cycle
from .vgg import VGG19

_LEVELS: dict[Universal, tuple[int, ...]] = {
    "wct": (1, 2, 3, 4, 5),
    "photowct": (1, 2, 3, 4),
    "wct2": (4,),
    "styleswap": (LEVEL,),
}


def levels(recipe: DecoderRecipe) -> tuple[int, ...]:
    """The depths that a method has decoders from; a slim net goes the way once."""
    return _LEVELS[recipe.method] if recipe.width == "full" else (len(SLIM),)


class Autoencoder(nn.Module):
    """Encoder, decoder, and a slim encoder's teacher's ear."""

    def __init__(self, recipe: DecoderRecipe, level: int, vgg: VGG19 | None = None) -> None:
        super().__init__()
        pooling = recipe.pooling
        self.slim = recipe.width == "slim"
        self.widths = SLIM if self.slim else FULL
        self.level = level
        if self.slim or vgg is None:
            self.encoder = Encoder(self.widths, level, pooling)
        else:
            self.encoder = vgg_encoder(vgg, level, pooling)
        self.decoder = Decoder(self.widths, level, pooling)
        self.ear = nn.ModuleList(
            nn.Conv2d(self.widths[k][0], FULL[k][0], 1) for k in range(level if self.slim else 0)
        )

    def forward(self, rgb: Tensor) -> Tensor:
        """What is left of pictures (N, 3, H, W), H and W multiples of 2^(level−1)."""
        return self.decoder(*self.encoder(rgb))


_GREY, _CONTRAST = 0.45, 0.25  # of a usual photograph
_STEEPEST = 1.0


@dataclass
class Learning:
    """One level's autoencoder on its way: all that a checkpoint holds."""

    recipe: DecoderRecipe
    level: int
    net: Autoencoder
    optimizer: torch.optim.Adam
    apart: bool
    """Whether each stage learns alone."""
    history: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    """Pixel and feature losses of each step."""

    @property
    def step(self) -> int:
        """Steps done."""
        return len(self.history)

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.recipe.apart if self.apart else self.recipe.steps


def begin(
    recipe: DecoderRecipe,
    level: int,
    vgg: VGG19 | None,
    device: torch.device,
    stages: Autoencoder | None = None,
) -> Learning:
    """A fresh autoencoder whose stages learn apart; given some that have, one that learns whole."""
    torch.manual_seed(recipe.seed + level)
    net = Autoencoder(recipe, level, vgg)
    if stages is not None:
        known = stages.state_dict()
        known["decoder.sizes"] = known["decoder.sizes"][: level + 1]
        net.load_state_dict({key: known[key] for key in net.state_dict()})
    net.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    learned = [p for p in net.parameters() if p.requires_grad]
    adam = torch.optim.Adam(learned, lr=recipe.learning_rate)
    return Learning(recipe, level, net, adam, stages is None)


def learn(
    learning: Learning, vgg: VGG19, photos: list[Path], workers: int = 1
) -> Iterator[tuple[float, float]]:
    """Run the remaining steps; each yields its pixel and feature losses.

    Raises:
        TrainingError: the losses are no longer numbers.
    """
    recipe = learning.recipe
    device = next(learning.net.parameters()).device
    losses = _apart if learning.apart else _whole
    teacher = vgg_encoder(vgg, learning.level, recipe.pooling).to(device)
    course = recipe.model_copy(update={"steps": learning.steps})
    for crops in batches(course, photos, learning.step, workers):
        rgb = crops.to(device).contiguous(memory_format=torch.channels_last).float() / 255
        for group in learning.optimizer.param_groups:
            group["lr"] = one_cycle(learning.step, learning.steps, recipe.learning_rate)
        if learning.apart and learning.step == 0:
            _begin_sized(learning.net, rgb)
        with torch.autocast(device.type, torch.bfloat16):
            pixel, feature = losses(learning, teacher, rgb)
        total = pixel + recipe.feature_weight * feature
        learning.optimizer.zero_grad(set_to_none=True)
        total.backward()
        # A chain of stages has now and then a gradient that would undo hours.
        nn.utils.clip_grad_norm_(learning.net.parameters(), _STEEPEST)
        learning.optimizer.step()
        if not math.isfinite(total.item()):
            raise TrainingError(f"the losses left all bounds at step {learning.step}")
        learning.history.append((pixel.item(), feature.item()))
        yield learning.history[-1]


@torch.no_grad()
def _begin_sized(net: Autoencoder, rgb: Tensor) -> None:
    """Tell the decoder the usual sizes; its stages answer as large as they are asked."""
    for conv in net.modules():
        if isinstance(conv, Conv) and conv.weight.requires_grad:
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)  # pyright: ignore[reportArgumentType] - made with a bias
    sizes = [1.0, *(float(x.square().mean().sqrt()) for x in _stages(net.encoder, rgb)[0])]
    net.decoder.sizes.copy_(torch.tensor(sizes))
    last = net.decoder.convolutions(1)[0]
    last.weight.mul_(_CONTRAST)
    nn.init.constant_(last.bias, _GREY)  # pyright: ignore[reportArgumentType]


def _apart(learning: Learning, teacher: Encoder, rgb: Tensor) -> tuple[Tensor, Tensor]:
    """How far each stage alone is from undoing the encoder's."""
    net = learning.net
    said, skips = _stages(net.encoder, rgb)
    results, feature = _stage_by_stage(net, said, skips)
    return _off(net, results, rgb), feature + _heard(net, teacher, said, rgb)


def _whole(learning: Learning, teacher: Encoder, rgb: Tensor) -> tuple[Tensor, Tensor]:
    """How far the picture is from what comes back, and the features of both."""
    net = learning.net
    said, skips = _stages(net.encoder, rgb)
    if net.slim:
        results, feature = _stage_by_stage(net, said, skips)
    else:
        results, feature = [net.decoder(said[-1], skips[1:])], rgb.new_zeros(())
    with torch.no_grad():
        wanted = said[-1] if not net.slim else _stages(teacher, rgb)[0][-1]
    feature = feature + _relative(_stages(teacher, results[-1])[0][-1], wanted)
    if learning.recipe.method == "styleswap":
        feature = feature + _swapped_loss(net, teacher, said[-1])
    return _off(net, results, rgb), feature + _heard(net, teacher, said, rgb)


def _stage_by_stage(
    net: Autoencoder, said: list[Tensor], skips: list[Skip]
) -> tuple[list[Tensor], Tensor]:
    """Pictures by stages that are told what the encoder said, and how far each is from undoing it.

    A slim decoder's stages are also told what the one before has said: a picture more.
    """
    sizes, loss = net.decoder.sizes, said[0].new_zeros(())
    found, told = said[-1], said[-1]
    for number in range(net.level, 1, -1):
        wanted = said[number - 2].detach() / sizes[number - 1]
        alone = net.decoder.stage(told, number, skips[number - 1])
        loss = loss + _relative(alone, wanted)
        if net.slim and number < net.level:
            found = net.decoder.stage(found, number, skips[number - 1])
            loss = loss + _relative(found, wanted)
        else:
            found = alone
        told = said[number - 2] / sizes[number - 1]
    alone = net.decoder.stage(told, 1)
    return [alone, net.decoder.stage(found, 1)] if net.slim else [alone], loss


def _off(net: Autoencoder, results: list[Tensor], rgb: Tensor) -> Tensor:
    loss = colour_loss if net.slim else pixel_loss
    return torch.stack([loss(result, rgb) for result in results]).sum()


def _heard(net: Autoencoder, teacher: Encoder, said: list[Tensor], rgb: Tensor) -> Tensor:
    """How far a slim encoder is from saying what VGG-19 says."""
    loss = rgb.new_zeros(())
    if net.slim:
        with torch.no_grad():
            meant, _ = _stages(teacher, rgb)
        for ear, own, wanted in zip(net.ear, said, meant, strict=True):
            loss = loss + _relative(ear(own), wanted)
    return loss


def _swapped_loss(net: Autoencoder, teacher: Encoder, features: Tensor) -> Tensor:
    """The decoder must also bear features that no picture has: Chen & Schmidt 2016, section 4.2."""
    with torch.no_grad():
        other = features.float().roll(1, dims=0)
        pairs = zip(features.float().split(1), other.split(1), strict=True)
        swapped = torch.cat([swap(a, b) for a, b in pairs])
    return _relative(_stages(teacher, net.decoder(swapped))[0][-1], swapped)


def _relative(found: Tensor, wanted: Tensor) -> Tensor:
    return feature_loss(found, wanted) / wanted.float().square().mean().clamp(min=1e-8)


def _stages(encoder: Encoder, x: Tensor) -> tuple[list[Tensor], list[Skip]]:
    """Features at every level, and what each stage's pooling tells."""
    found, skips = list[Tensor](), list[Skip]()
    for number in range(1, encoder.level + 1):
        x, skip = encoder.stage(x, number)
        found.append(x)
        skips.append(skip)
    return found, skips


@torch.no_grad()
def reconstruction(net: Autoencoder, photos: list[Path], size: int = 256) -> float:
    """Mean PSNR of what comes back, dB, on square middles of photographs; as 8 bits show it.

    Raises:
        TrainingError: none of the photographs can be read.
    """
    device = next(net.parameters()).device
    found: list[float] = []
    for path in photos:
        rgb = read_rgb(path)
        if rgb is None:
            continue
        picture = resized(rgb, size)
        top, left = (picture.shape[0] - size) // 2, (picture.shape[1] - size) // 2
        x = to_tensor(picture[top : top + size, left : left + size]).to(device)
        y = net(x).clamp(0, 1).mul(255).round() / 255
        found.append(-10 * math.log10(max((y - x).square().mean().item(), 1e-10)))
    if not found:
        raise TrainingError("none of the held-back photographs can be decoded")
    return sum(found) / len(found)


def save_learning(learning: Learning, path: Path) -> None:
    """Write it to ``path``, whole or not at all."""
    aside = path.with_name(path.name + ".part")
    state = {
        "recipe": learning.recipe.model_dump(mode="json"),
        "level": learning.level,
        "apart": learning.apart,
        "net": learning.net.state_dict(),
        "optimizer": learning.optimizer.state_dict(),
        "history": [list(row) for row in learning.history],
    }
    torch.save(state, aside)
    aside.replace(path)


def load_learning(path: Path, device: torch.device) -> Learning:
    """What ``save_learning`` wrote. The file is data: nothing in it is run.

    Raises:
        TrainingError: the file is no such checkpoint.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        recipe = DecoderRecipe.model_validate(state["recipe"])
        learning = begin(recipe, state["level"], None, device)
        learning.apart = state["apart"]
        learning.net.load_state_dict(state["net"])
        learning.net.encoder.requires_grad_(learning.net.slim)
        learned = [p for p in learning.net.parameters() if p.requires_grad]
        learning.optimizer = torch.optim.Adam(learned, lr=recipe.learning_rate)
        learning.optimizer.load_state_dict(state["optimizer"])
        learning.history.extend((a, b) for a, b in state["history"])
    except OSError as error:
        raise TrainingError(f"{path} can't be read: {error.strerror}") from error
    except Exception as error:
        raise TrainingError(f"{path} is no checkpoint of decoders: {reason(error)}") from error
    return learning

"""Learning to invert features: what every universal style needs, once.

First all stages of the deepest decoder at once, each alone: from relu{k}_1 back to relu{k-1}_1,
which the encoder has just said; a fifth of the work of the paper's way, and no gradient has to pass
a whole decoder. Then each level's decoder as one, by the paper's loss: ‖I_o − I_i‖² + λ ‖Φ(I_o) −
Φ(I_i)‖² (Li 2017, equation 3), both as relative errors; from the shallowest on, and each begins
with the stages of the one before.

A full-width encoder is VGG-19 and stays as it is. A slim one learns while the stages do: to say,
through one 1×1 convolution a level, what VGG-19 says (collaborative distillation, Wang et al. 2020,
section 3.2).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from ...pipeline.core.errors import TrainingError, reason
from .. import checkpoint
from ..data import read_rgb, resized, to_tensor
from ..nets.autoencoder import FULL, SLIM, Conv, Decoder, Encoder, Skip, vgg_encoder
from ..nets.vgg19 import VGG19
from ..recipe import DecoderRecipe, Universal, with_new_names
from ..universal.styleswap import LEVEL, swap
from .feedforward import batches, one_cycle
from .losses import feature_loss, pixel_loss

_LEVELS: dict[Universal, tuple[int, ...]] = {
    "wct": (1, 2, 3, 4, 5),
    "photowct": (1, 2, 3, 4),
    "wct2": (4,),
    "styleswap": (LEVEL,),
}


def levels(recipe: DecoderRecipe) -> tuple[int, ...]:
    """The depths that a method has decoders from."""
    deepest = len(SLIM if recipe.width == "slim" else FULL)
    return tuple(level for level in _LEVELS[recipe.method] if level <= deepest)


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
_FINER = 0.3  # a whole decoder's learning rate in that of its stages: it knows most already


@dataclass
class Learning:
    """One level's autoencoder on its way: all that a checkpoint holds."""

    recipe: DecoderRecipe
    level: int
    net: Autoencoder
    optimizer: torch.optim.Adam
    stages_alone: bool
    """Whether each stage learns alone."""
    history: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    """Pixel and feature losses of each step."""

    @property
    def step(self) -> int:
        """Steps done."""
        return len(self.history)

    @property
    def steps(self) -> int:
        """Steps in all: a shallower level costs half as much, and has more to be exact about."""
        if self.stages_alone:
            return self.recipe.stage_steps
        return self.recipe.steps << (max(levels(self.recipe)) - self.level)


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
    return Learning(recipe, level, net, _adam(net, stages is None), stages is None)


def _adam(net: Autoencoder, stages_alone: bool) -> torch.optim.Adam:
    """All levels share an encoder, so it is done when its stages are."""
    net.encoder.requires_grad_(net.slim and stages_alone)
    return torch.optim.Adam([p for p in net.parameters() if p.requires_grad])


def take_over(stages: Autoencoder, net: Autoencoder) -> None:
    """Let the stages of a deeper decoder be those of one that has learned as a whole."""
    known = net.state_dict()
    del known["decoder.sizes"]  # as before, and shorter
    stages.load_state_dict(known, strict=False)


def learn(
    learning: Learning, vgg: VGG19, photos: list[Path], workers: int = 1
) -> Iterator[tuple[float, float]]:
    """Run the remaining steps; each yields its pixel and feature losses.

    Raises:
        TrainingError: the losses are no longer numbers.
    """
    recipe = learning.recipe
    device = next(learning.net.parameters()).device
    losses = _stage_losses if learning.stages_alone else _whole
    peak = recipe.learning_rate * (1 if learning.stages_alone else _FINER)
    teacher = vgg_encoder(vgg, learning.level, recipe.pooling).to(device)
    course = recipe.model_copy(update={"steps": learning.steps})
    for crops in batches(course, photos, learning.step, workers):
        rgb = crops.to(device).contiguous(memory_format=torch.channels_last).float() / 255
        for group in learning.optimizer.param_groups:
            group["lr"] = one_cycle(learning.step, learning.steps, peak)
        if learning.stages_alone and learning.step == 0:
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


def _stage_losses(learning: Learning, teacher: Encoder, rgb: Tensor) -> tuple[Tensor, Tensor]:
    """How far each stage alone is from undoing the encoder's."""
    net, decoder = learning.net, learning.net.decoder
    said, skips = _stages(net.encoder, rgb)
    given, feature = said[-1], rgb.new_zeros(())
    for number in range(net.level, 1, -1):
        before, size = said[number - 2], decoder.sizes[number - 1]
        restored = decoder.stage(given, number, skips[number - 1])
        feature = feature + _relative(restored, before.detach() / size)
        given = before / size
    if net.slim:
        feature = feature + _unheard(net, teacher, said, rgb)
    return pixel_loss(decoder.stage(given, 1), rgb), feature


def _whole(learning: Learning, teacher: Encoder, rgb: Tensor) -> tuple[Tensor, Tensor]:
    """How far the picture is from what comes back, and VGG's features of both."""
    net = learning.net
    with torch.no_grad():
        features, skips = net.encoder(rgb)
        target = teacher(rgb)[0] if net.slim else features
    result = net.decoder(features, skips)
    feature = _relative(teacher(result)[0], target)
    if learning.recipe.method == "styleswap":
        feature = feature + _swapped_loss(net, teacher, features)
    return pixel_loss(result, rgb), feature


def _unheard(net: Autoencoder, teacher: Encoder, said: list[Tensor], rgb: Tensor) -> Tensor:
    """How far a slim encoder is from saying what VGG-19 says."""
    with torch.no_grad():
        meant, _ = _stages(teacher, rgb)
    pairs = zip(net.ear, said, meant, strict=True)
    return torch.stack([_relative(ear(own), target) for ear, own, target in pairs]).sum()


def _swapped_loss(net: Autoencoder, teacher: Encoder, features: Tensor) -> Tensor:
    """The decoder must also bear features that no picture has: Chen & Schmidt 2016, section 4.2."""
    with torch.no_grad():
        other = features.float().roll(1, dims=0)
        pairs = zip(features.float().split(1), other.split(1), strict=True)
        swapped = torch.cat([swap(a, b) for a, b in pairs])
    return _relative(teacher(net.decoder(swapped))[0], swapped)


def _relative(features: Tensor, target: Tensor) -> Tensor:
    return feature_loss(features, target) / target.float().square().mean().clamp(min=1e-8)


def _stages(encoder: Encoder, x: Tensor) -> tuple[list[Tensor], list[Skip]]:
    """Features at every level, and what each stage's pooling tells."""
    features, skips = list[Tensor](), list[Skip]()
    for number in range(1, encoder.level + 1):
        x, skip = encoder.stage(x, number)
        features.append(x)
        skips.append(skip)
    return features, skips


@torch.no_grad()
def reconstruction(net: Autoencoder, photos: list[Path], size: int = 256) -> float:
    """Mean PSNR of what comes back, dB, on square middles of photographs; as 8 bits show it.

    Raises:
        TrainingError: none of the photographs can be read.
    """
    device = next(net.parameters()).device
    decibels: list[float] = []
    for path in photos:
        rgb = read_rgb(path)
        if rgb is None:
            continue
        picture = resized(rgb, size)
        top, left = (picture.shape[0] - size) // 2, (picture.shape[1] - size) // 2
        x = to_tensor(picture[top : top + size, left : left + size]).to(device)
        y = net(x).clamp(0, 1).mul(255).round() / 255
        decibels.append(-10 * math.log10(max((y - x).square().mean().item(), 1e-10)))
    if not decibels:
        raise TrainingError("none of the validation photographs can be decoded")
    return sum(decibels) / len(decibels)


def save_learning(learning: Learning, path: Path) -> None:
    """Write it to ``path``, whole or not at all."""
    state = {
        "recipe": learning.recipe.model_dump(mode="json"),
        "level": learning.level,
        "apart": learning.stages_alone,
        "net": learning.net.state_dict(),
        "optimizer": learning.optimizer.state_dict(),
        "history": [list(row) for row in learning.history],
    }
    checkpoint.write(state, path)


def load_learning(path: Path, device: torch.device) -> Learning:
    """What ``save_learning`` wrote. The file is data: nothing in it is run.

    Raises:
        TrainingError: the file is no such checkpoint.
    """
    try:
        state = checkpoint.read(path, device)
        recipe = DecoderRecipe.model_validate(with_new_names(state["recipe"]))
        learning = begin(recipe, state["level"], None, device)
        learning.stages_alone = state["apart"]
        learning.net.load_state_dict(state["net"])
        learning.optimizer = _adam(learning.net, learning.stages_alone)
        learning.optimizer.load_state_dict(state["optimizer"])
        learning.history.extend((a, b) for a, b in state["history"])
    except OSError as error:
        raise TrainingError(f"{path} can't be read: {error.strerror}") from error
    except Exception as error:
        raise TrainingError(f"{path} is no checkpoint of decoders: {reason(error)}") from error
    return learning

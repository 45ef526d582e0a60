"""Learning to invert features: what every universal style needs, once.

First all stages of the deepest decoder train in the same steps, each alone: from relu{k}_1 back to
relu{k-1}_1 of the encoder. That is a fifth of the work of the paper's way, and no gradient has to
pass a whole decoder. Then each level's decoder trains as a whole, by the paper's loss ‖I_o − I_i‖²
+ λ ‖Φ(I_o) − Φ(I_i)‖² (Li 2017, equation 3), both as relative errors; the shallowest is first, and
each begins with the stages of the one before.

A full-width encoder is VGG-19 and is not trained. A slim one trains together with the stages: one
1×1 convolution a level maps its features to those of VGG-19 (collaborative distillation, Wang et
al. 2020, section 3.2).
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
from ..device import mixed_precision
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
    """The levels at which a method has decoders."""
    deepest = len(SLIM if recipe.width == "slim" else FULL)
    return tuple(level for level in _LEVELS[recipe.method] if level <= deepest)


class Autoencoder(nn.Module):
    """An encoder, its decoder, and for a slim encoder the maps to VGG-19's features.

    Args:
        recipe: width and pooling.
        level: 1 … 5.
        vgg: weights of a full-width encoder; ``None`` for a slim one, and before a checkpoint is
            loaded.
    """

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
        # Maps from a slim encoder's features to VGG-19's; checkpoints have them by this name.
        self.ear = nn.ModuleList(
            nn.Conv2d(self.widths[k][0], FULL[k][0], 1) for k in range(level if self.slim else 0)
        )

    def forward(self, rgb: Tensor) -> Tensor:
        """Pictures encoded and decoded.

        Args:
            rgb: (N, 3, H, W) float32, 0..1, RGB; H and W are multiples of 2^(level−1).

        Returns:
            (N, 3, H, W) float32, about 0..1, RGB; not clamped.
        """
        return self.decoder(*self.encoder(rgb))


_GREY, _CONTRAST = 0.45, 0.25  # of a usual photograph
_STEEPEST = 1.0
_FINER = 0.3  # times the stages' learning rate, for a whole decoder: its stages are trained


@dataclass
class Learning:
    """The unfinished training of one level's autoencoder: all that a checkpoint holds."""

    recipe: DecoderRecipe
    level: int
    net: Autoencoder
    optimizer: torch.optim.Adam
    stages_alone: bool
    """Whether each stage trains alone."""
    history: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    """Pixel and feature losses of each step."""

    @property
    def step(self) -> int:
        """Steps done."""
        return len(self.history)

    @property
    def steps(self) -> int:
        """Steps in all: each level has twice as many as the next deeper one, at half the cost."""
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
    """A new training: of the stages alone, or of a whole decoder from trained stages.

    Args:
        recipe: width, pooling, seed and learning rate.
        level: 1 … 5.
        vgg: weights of a full-width encoder.
        device: where to train.
        stages: the trained stages; ``None``: train the stages.
    """
    torch.manual_seed(recipe.seed + level)
    net = Autoencoder(recipe, level, vgg)
    if stages is not None:
        known = stages.state_dict()
        known["decoder.sizes"] = known["decoder.sizes"][: level + 1]
        net.load_state_dict({key: known[key] for key in net.state_dict()})
    net.to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return Learning(recipe, level, net, _adam(net, stages is None), stages is None)


def _adam(net: Autoencoder, stages_alone: bool) -> torch.optim.Adam:
    """The optimiser. All levels share an encoder, so it trains only together with the stages."""
    net.encoder.requires_grad_(net.slim and stages_alone)
    return torch.optim.Adam([p for p in net.parameters() if p.requires_grad])


def take_over(stages: Autoencoder, net: Autoencoder) -> None:
    """Give ``stages``, of a deeper decoder, the weights of ``net``, trained as a whole."""
    known = net.state_dict()
    del known["decoder.sizes"]  # as before, and shorter
    stages.load_state_dict(known, strict=False)


def learn(
    learning: Learning, vgg: VGG19, photos: list[Path], workers: int = 1
) -> Iterator[tuple[float, float]]:
    """Run the remaining steps; each yields its pixel and feature losses.

    Args:
        learning: the training; it is changed.
        vgg: VGG-19, the teacher.
        photos: files of the pictures.
        workers: processes that load them.

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
        with mixed_precision(device):
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
    """Initialise the weights, and set the decoder's ``sizes`` from the features of pictures."""
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
    """Pixel and feature losses of the stages, each alone, on (N, 3, H, W) float32, 0..1, RGB."""
    net, decoder = learning.net, learning.net.decoder
    features, skips = _stages(net.encoder, rgb)
    given, feature = features[-1], rgb.new_zeros(())
    for number in range(net.level, 1, -1):
        before, size = features[number - 2], decoder.sizes[number - 1]
        restored = decoder.stage(given, number, skips[number - 1])
        feature = feature + _relative(restored, before.detach() / size)
        given = before / size
    if net.slim:
        feature = feature + _distillation_loss(net, teacher, features, rgb)
    return pixel_loss(decoder.stage(given, 1), rgb), feature


def _whole(learning: Learning, teacher: Encoder, rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Pixel and feature losses of a whole decoder, on (N, 3, H, W) float32, 0..1, RGB."""
    net = learning.net
    with torch.no_grad():
        features, skips = net.encoder(rgb)
        target = teacher(rgb)[0] if net.slim else features
    result = net.decoder(features, skips)
    feature = _relative(teacher(result)[0], target)
    if learning.recipe.method == "styleswap":
        feature = feature + _swapped_loss(net, teacher, features)
    return pixel_loss(result, rgb), feature


def _distillation_loss(
    net: Autoencoder, teacher: Encoder, features: list[Tensor], rgb: Tensor
) -> Tensor:
    """Relative error of a slim encoder's features, mapped to VGG-19's, over all levels."""
    with torch.no_grad():
        targets, _ = _stages(teacher, rgb)
    pairs = zip(net.ear, features, targets, strict=True)
    return torch.stack([_relative(to_vgg(own), target) for to_vgg, own, target in pairs]).sum()


def _swapped_loss(net: Autoencoder, teacher: Encoder, features: Tensor) -> Tensor:
    """The loss on swapped features, which no picture has: Chen & Schmidt 2016, section 4.2."""
    with torch.no_grad():
        other = features.float().roll(1, dims=0)
        pairs = zip(features.float().split(1), other.split(1), strict=True)
        swapped = torch.cat([swap(a, b) for a, b in pairs])
        target = net.ear[-1](swapped) if net.slim else swapped
    return _relative(teacher(net.decoder(swapped))[0], target)


def _relative(features: Tensor, target: Tensor) -> Tensor:
    return feature_loss(features, target) / target.float().square().mean().clamp(min=1e-8)


def _stages(encoder: Encoder, x: Tensor) -> tuple[list[Tensor], list[Skip]]:
    """Features of pictures at every level, (N, C, h, w), and the skip of each stage."""
    features, skips = list[Tensor](), list[Skip]()
    for number in range(1, encoder.level + 1):
        x, skip = encoder.stage(x, number)
        features.append(x)
        skips.append(skip)
    return features, skips


@torch.no_grad()
def reconstruction(net: Autoencoder, photos: list[Path], size: int = 256) -> float:
    """Mean PSNR of decoded pictures, dB, on the square middles of photographs, in 8 bits.

    Args:
        net: the autoencoder.
        photos: files; those that can't be decoded are left out.
        size: side of the squares, px.

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
    """Write a training to ``path``, whole or not at all."""
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

"""Pictures to VGG features and back: the encoders and decoders of the universal styles.

An encoder is VGG-19 up to relu{level}_1, cut into stages: stage k leads from relu{k-1}_1 to
relu{k}_1, by the rest of block k−1, a pooling and conv{k}_1. A decoder is its mirror image, stage
by stage. So a decoder of level 4 is one of level 5 without its first stage, and every method says
what it does between the stages.

All of it pads by reflection and up-samples to the nearest: no dark rim, no checkerboard.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

from ..recipe import Pooling
from .vgg19 import MEAN, STD, VGG19
from .wavelet import convolve_bands, haar_pool, haar_unpool

Widths = tuple[tuple[int, ...], ...]
"""Channels of the convolutions of each block."""

FULL: Widths = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,))
"""VGG-19's."""
SLIM: Widths = ((16, 16), (32, 32), (64,) * 2, (96,))
"""Of nets made to be fast: thin, and with less between the poolings."""

Skip = tuple[Tensor, ...]
"""What a pooling tells its unpooling; nothing, places, or (LH, HL, HH, feature)."""


class Conv(nn.Conv2d):
    """3×3 with reflection padding."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out, 3)

    def forward(self, input: Tensor) -> Tensor:
        """(N, c_in, H, W) → (N, c_out, H, W)."""
        return super().forward(F.pad(input, (1, 1, 1, 1), mode="reflect"))


class Encoder(nn.Module):
    """VGG-19, or a thinner net of its form, to relu{level}_1.

    Args:
        widths: channels of its convolutions.
        level: 1 … 5.
        pooling: between the stages.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, widths: Widths, level: int, pooling: Pooling = "max") -> None:
        super().__init__()
        self.widths = widths
        self.level = level
        self.pooling: Pooling = pooling
        self.rests = nn.ModuleList()
        self.firsts = nn.ModuleList()
        channels = 3
        for block in range(level):
            rest = widths[block - 1] if block else ()
            self.rests.append(nn.ModuleList(Conv(channels, width) for width in rest[1:]))
            self.firsts.append(Conv(channels, widths[block][0]))
            channels = widths[block][0]
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))

    @property
    def channels(self) -> int:
        """Of its answer."""
        return self.widths[self.level - 1][0]

    @property
    def reach(self) -> int:
        """Pixels on each side that a pixel depends on, through it and its mirror image."""
        convolutions = sum(len(self.widths[k]) << k for k in range(self.level - 1))
        deepest = 1 << (self.level - 1)
        return 2 * (convolutions + deepest) + deepest  # and as far as a cell of the deepest is wide

    def stage(self, x: Tensor, number: int) -> tuple[Tensor, Skip]:
        """From relu{number-1}_1 (from the picture, 0..1, for 1) to relu{number}_1, and its skip."""
        skip: Skip = ()
        if number == 1:
            x = (x - self.mean) / self.std
        else:
            for conv in self._convs(self.rests[number - 1]):
                x = conv(x).relu()
            x, skip = pool(x, self.pooling)
        return self.firsts[number - 1](x).relu(), skip

    @staticmethod
    def _convs(group: nn.Module) -> Sequence[Conv]:
        return [conv for conv in group.children() if isinstance(conv, Conv)]

    def forward(self, rgb: Tensor) -> tuple[Tensor, list[Skip]]:
        """(N, 3, H, W), 0..1 → relu{level}_1 and the skips of the poolings, first to last."""
        x, skips = rgb, list[Skip]()
        for number in range(1, self.level + 1):
            x, skip = self.stage(x, number)
            skips.append(skip)
        return x, skips[1:]


class Decoder(nn.Module):
    """An encoder's mirror image: relu{level}_1 → picture.

    Features come in and are told by skips in VGG's sizes, which differ by a hundred from level to
    level; inside, they are in units of their usual size.

    Args:
        widths: of the encoder.
        level: likewise.
        pooling: likewise.
    """

    sizes: Tensor
    """(level + 1): root mean square of a picture, of relu1_1, … relu{level}_1."""

    def __init__(self, widths: Widths, level: int, pooling: Pooling = "max") -> None:
        super().__init__()
        self.level = level
        self.pooling: Pooling = pooling
        self.register_buffer("sizes", torch.ones(level + 1))
        self.lasts = nn.ModuleList()
        self.rests = nn.ModuleList()
        for block in range(level):
            before = widths[block - 1] if block else (3,)
            self.lasts.append(Conv(widths[block][0], before[-1]))
            inputs = [before[-1] * (5 if pooling == "cat5" else 1)] + [before[-1]] * len(before)
            rest = zip(inputs, reversed(before[:-1]), strict=False)
            self.rests.append(nn.ModuleList(Conv(a, b) for a, b in rest))

    def stage(self, x: Tensor, number: int, skip: Skip = ()) -> Tensor:
        """From relu{number}_1's place to relu{number-1}_1's; to the picture for 1, unclamped."""
        if number == self.level:
            x = x / self.sizes[number]
        x = self.lasts[number - 1](x)
        if number == 1:
            return x
        if self.pooling != "unpool":
            skip = tuple(part / self.sizes[number - 1] for part in skip)
        first, *others = self.convolutions(number)[1:]
        x = unpooled(x.relu(), self.pooling, skip, first).relu()
        for conv in others:
            x = conv(x).relu()
        return x

    def convolutions(self, number: int) -> list[Conv]:
        """Of a stage, in order."""
        group = (self.lasts[number - 1], *self.rests[number - 1].children())
        return [conv for conv in group if isinstance(conv, Conv)]

    def forward(self, features: Tensor, skips: Sequence[Skip] = ()) -> Tensor:
        """Features and the encoder's skips → (N, 3, H, W), about 0..1."""
        by_stage = [(), *skips] if skips else [()] * self.level
        x = features
        for number in range(self.level, 0, -1):
            x = self.stage(x, number, by_stage[number - 1])
        return x


def pool(x: Tensor, how: Pooling) -> tuple[Tensor, Skip]:
    """Half the size, and what an unpooling will want to know."""
    if how == "max":
        return F.max_pool2d(x, 2), ()
    if how == "unpool":
        small = F.max_pool2d(x, 2)
        return small, (first_maxima(x, small),)
    low, *high = haar_pool(x)
    return low, (*high, x)


def first_maxima(x: Tensor, small: Tensor) -> Tensor:
    """Where each maximum of a 2×2 cell was, as (N, C, H, W) of 0 and 1: the first of equals.

    Max-unpooling is up-sampling times this; an index would be of no use to a graph of any size.
    """
    rows, columns = (torch.arange(2, device=x.device).repeat(x.shape[i] // 2) for i in (2, 3))
    order = 4 - (2 * rows[:, None] + columns)  # 4, 3, 2, 1 in each cell
    score = (x == F.interpolate(small, scale_factor=2, mode="nearest")) * order.to(x)
    best = F.interpolate(F.max_pool2d(score, 2), scale_factor=2, mode="nearest")
    return (score == best).to(x)


def unpooled(x: Tensor, how: Pooling, skip: Skip, conv: Conv) -> Tensor:
    """Twice the size, and the convolution that sees it."""
    if how == "cat5":
        *bands, feature = skip
        of_bands, own = conv.weight.split([4 * x.shape[1], x.shape[1]], dim=1)
        padded = F.pad(feature, (1, 1, 1, 1), mode="reflect")
        return convolve_bands([x, *bands], of_bands) + F.conv2d(padded, own, conv.bias)
    if how == "sum":
        return conv(haar_unpool(x, *skip[:3]))
    large = F.interpolate(x, scale_factor=2, mode="nearest")
    return conv(large * skip[0] if how == "unpool" else large)


def vgg_encoder(vgg: VGG19, level: int, pooling: Pooling = "max") -> Encoder:
    """VGG-19's weights under reflection padding; never trained."""
    encoder = Encoder(FULL, level, pooling)
    for block in range(1, level + 1):
        layers = [encoder.firsts[block - 1]]
        if block < level:
            layers += encoder.rests[block].children()
        for number, layer in enumerate(layers, start=1):
            layer.load_state_dict(vgg.features[vgg.places[f"conv{block}_{number}"]].state_dict())
    return encoder.eval().requires_grad_(False)

"""Pictures to VGG features and back: the encoders and decoders of the universal styles.

An encoder is VGG-19 up to relu{level}_1, cut into stages: stage k leads from relu{k-1}_1 to
relu{k}_1, by the rest of block k−1, a pooling and conv{k}_1. A decoder is its mirror image, stage
by stage. So a decoder of level 4 is one of level 5 without its first stage, and every method
decides what it does between the stages.

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
"""Widths of VGG-19."""
SLIM: Widths = ((16, 16), (32, 32), (64,) * 2, (96,))
"""Widths of the fast nets: thinner, and with fewer convolutions between the poolings."""

Features = Tensor
"""Features of a picture at one layer, (N, C, H, W) float32, any range; ≥ 0 after a ReLU."""

Skip = tuple[Tensor, ...]
"""What an unpooling needs of its pooling, by the kind of pooling.

``max``: nothing. ``unpool``: the places of the maxima, (N, C, H, W), 0 or 1. ``sum`` and ``cat5``:
LH, HL and HH, each (N, C, H/2, W/2) float32, and the features before the pooling, (N, C, H, W).
"""


class Conv(nn.Conv2d):
    """A 3×3 convolution with reflection padding."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out, 3)

    def forward(self, input: Features) -> Features:
        """Features (N, c_in, H, W) float32 → (N, c_out, H, W) float32."""
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
        """Channels of its features."""
        return self.widths[self.level - 1][0]

    @property
    def reach(self) -> int:
        """Pixels on each side that a pixel depends on, through it and its mirror image."""
        convolutions = sum(len(self.widths[k]) << k for k in range(self.level - 1))
        deepest = 1 << (self.level - 1)
        return 2 * (convolutions + deepest) + deepest  # and as far as a cell of the deepest is wide

    def stage(self, x: Features, number: int) -> tuple[Features, Skip]:
        """One stage: from relu{number-1}_1 to relu{number}_1.

        Args:
            x: features (N, C, H, W) float32; for stage 1 the picture, (N, 3, H, W) float32, 0..1,
                RGB.
            number: 1 … ``level``.

        Returns:
            Features (N, C', H/2, W/2) float32, in stage 1 (N, C', H, W); and the pooling's skip.
        """
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

    def forward(self, rgb: Tensor) -> tuple[Features, list[Skip]]:
        """The features of pictures, and the skips of the poolings.

        Args:
            rgb: (N, 3, H, W) float32, 0..1, RGB.

        Returns:
            relu{level}_1, (N, C, h, w) float32, h = H/2^(level−1); and the skips, first to last.
        """
        x, skips = rgb, list[Skip]()
        for number in range(1, self.level + 1):
            x, skip = self.stage(x, number)
            skips.append(skip)
        return x, skips[1:]


class Decoder(nn.Module):
    """An encoder's mirror image: relu{level}_1 → picture.

    Its features and skips have VGG's magnitudes, which differ by a hundred from level to level.
    Inside, they are in units of their usual root mean square, ``sizes``.

    Args:
        widths: of the encoder.
        level: of the encoder.
        pooling: of the encoder.
    """

    sizes: Tensor
    """(level + 1,) float32: root mean square of a picture, of relu1_1, … relu{level}_1."""

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

    def stage(self, x: Features, number: int, skip: Skip = ()) -> Features:
        """One stage: from relu{number}_1 to relu{number-1}_1, from stage 1 to the picture.

        Args:
            x: features (N, C, H, W) float32, in VGG's units for the deepest stage, else in units of
                ``sizes``.
            number: ``level`` … 1.
            skip: of the encoder's pooling of this stage.

        Returns:
            Features (N, C', 2H, 2W) float32, in units of ``sizes``; from stage 1 the picture,
            (N, 3, H, W) float32, about 0..1, RGB, not clamped.
        """
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
        """The convolutions of a stage, in order."""
        group = (self.lasts[number - 1], *self.rests[number - 1].children())
        return [conv for conv in group if isinstance(conv, Conv)]

    def forward(self, features: Features, skips: Sequence[Skip] = ()) -> Tensor:
        """The picture of features.

        Args:
            features: relu{level}_1, (N, C, h, w) float32.
            skips: the encoder's.

        Returns:
            (N, 3, H, W) float32, about 0..1, RGB, not clamped; H = h·2^(level−1).
        """
        by_stage = [(), *skips] if skips else [()] * self.level
        x = features
        for number in range(self.level, 0, -1):
            x = self.stage(x, number, by_stage[number - 1])
        return x


def pool(x: Features, how: Pooling) -> tuple[Features, Skip]:
    """Features at half the size, and what the unpooling needs.

    Args:
        x: (N, C, H, W) float32, H and W even.
        how: the kind of pooling.

    Returns:
        (N, C, H/2, W/2) float32, and the skip.
    """
    if how == "max":
        return F.max_pool2d(x, 2), ()
    if how == "unpool":
        small = F.max_pool2d(x, 2)
        return small, (first_maxima(x, small),)
    low, *high = haar_pool(x)
    return low, (*high, x)


def first_maxima(x: Features, small: Features) -> Tensor:
    """Where each maximum of a 2×2 cell was; the first of equals.

    Max-unpooling is up-sampling times this; an index would be of no use to a graph of any size.

    Args:
        x: (N, C, H, W) float32, H and W even.
        small: its maxima, (N, C, H/2, W/2) float32.

    Returns:
        (N, C, H, W) float32, 0 or 1.
    """
    rows, columns = (torch.arange(2, device=x.device).repeat(x.shape[i] // 2) for i in (2, 3))
    order = 4 - (2 * rows[:, None] + columns)  # 4, 3, 2, 1 in each cell
    score = (x == F.interpolate(small, scale_factor=2, mode="nearest")) * order.to(x)
    best = F.interpolate(F.max_pool2d(score, 2), scale_factor=2, mode="nearest")
    return (score == best).to(x)


def unpooled(x: Features, how: Pooling, skip: Skip, conv: Conv) -> Features:
    """Features at twice the size, after the convolution that follows.

    Args:
        x: (N, C, h, w) float32.
        how: the kind of the pooling that is undone.
        skip: what that pooling returned.
        conv: the convolution that follows, from C channels, or 5·C for ``cat5``.

    Returns:
        (N, C', 2h, 2w) float32.
    """
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
    """An encoder with VGG-19's weights and reflection padding; it is not trained.

    Args:
        vgg: its weights.
        level: 1 … 5.
        pooling: between the stages.
    """
    encoder = Encoder(FULL, level, pooling)
    for block in range(1, level + 1):
        layers = [encoder.firsts[block - 1]]
        if block < level:
            layers += encoder.rests[block].children()
        for number, layer in enumerate(layers, start=1):
            layer.load_state_dict(vgg.features[vgg.places[f"conv{block}_{number}"]].state_dict())
    return encoder.eval().requires_grad_(False)

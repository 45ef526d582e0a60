"""Image style transfer by optimisation (Gatys, Ecker, Bethge 2016), in the paper's own terms.

A picture's content is its responses at a deep layer of VGG-19, its style the Gram matrices of
responses at several. The losses are sums over rectified responses on the scale of the weights that
the paper used, so that its ratios α/β hold. Pictures are (1, 3, H, W), RGB, 0–255.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

from ..nets.vgg19 import VGG19
from ..recipe import PaintRecipe
from .descent import Goal, Terms, resize

Grams = dict[str, Tensor]
"""Layer → (K, N, N), a Gram matrix for each label, over the number of its positions."""


_PAPER_AREA = 512 * 512
"""Equation 1 is a sum over positions and equation 4 a mean, so that a ratio α/β is of a size. The
paper's pictures are of this one; at others α is divided by the area, and a ratio means the same."""


@dataclass(frozen=True)
class Style:
    """A style picture and its weight in the painting."""

    rgb: Tensor
    """(1, 3, h, w), 0–255, RGB."""
    weight: float = 1.0
    """The weights of all styles sum to 1."""
    labels: Tensor | None = None
    """(1, K, h, w), 0..1, of any size; ``None``: all of it is one label."""


# ---- the paper's losses ----


def content_loss(result: Tensor, target: Tensor) -> Tensor:
    """½ Σ (F − P)²: equation 1; a scalar.

    Args:
        result: F, responses (1, N, H, W) float32.
        target: P, of the same shape.
    """
    return 0.5 * (result - target).square().sum()


def grams(features: Tensor, labels: Tensor | None = None) -> Tensor:
    """G = F Fᵀ / M of each label's positions: equation 3, over the number M of positions.

    The paper's picture and style are of one size, and its 1/(4N²M²) of equation 4 is this M.
    Divided here, pictures of any sizes can be compared. A label's responses are those times the
    square root of its weight at each position (Luan 2017, equation 7, for masks of 0 and 1).

    Args:
        features: (1, N, H, W) float32.
        labels: (1, K, H, W) float32, 0..1; ``None``: one label everywhere.

    Returns:
        (K, N, N) float32; zeros for a label that is nowhere.
    """
    flat = features.flatten(2)  # 1, N, M
    if labels is None:
        return flat @ flat.transpose(1, 2) / flat.shape[2]
    result = [
        (flat * weight) @ flat.transpose(1, 2) / weight.sum().clamp(min=1e-6)
        for weight in labels.flatten(2).transpose(0, 1)[:, :, None]
    ]
    return torch.cat(result)


def layer_style_loss(result: Tensor, target: Tensor, fractions: Tensor | None = None) -> Tensor:
    """E = 1/(4N²) Σ (G − A)² of Gram matrices over M: equation 4; a weighted sum over labels.

    Args:
        result: G, (K, N, N) float32, of ``grams``.
        target: A, (K, N, N) float32, of ``grams``.
        fractions: of the picture's area, (K,) float32, 0..1, sum 1; ``None``: equal ones.

    Returns:
        A scalar.
    """
    each = (result - target).square().sum(dim=(1, 2)) / (4 * result.shape[1] ** 2)
    return each.mean() if fractions is None else (each * fractions).sum()


def total_variation(picture: Tensor) -> Tensor:
    """Σ √((I[i+1,j] − I[i,j])² + (I[i,j+1] − I[i,j])²), isotropic, over pixels and channels.

    The root's slope is taken as 0 where its argument is 0.

    Args:
        picture: (1, 3, H, W) float32, 0–255, RGB.

    Returns:
        A scalar.
    """
    down = picture[:, :, 1:, :-1] - picture[:, :, :-1, :-1]
    right = picture[:, :, :-1, 1:] - picture[:, :, :-1, :-1]
    square = down.square() + right.square()
    flat = square == 0
    return torch.where(flat, square, square.masked_fill(flat, 1.0).sqrt()).sum()


# ---- VGG-19's responses ----


def rectified(layer: str) -> str:
    """The paper's ``conv4_2`` are its rectified responses; here ``relu4_2``."""
    return layer.replace("conv", "relu")


def _with_margin(picture: Tensor, margin: int) -> Tensor:
    """(N, C, H, W) with so many reflected pixels on every side."""
    return F.pad(picture, (margin,) * 4, mode="reflect")


class Describer:
    """VGG-19's rectified responses, on the scale of the paper's weights.

    Args:
        vgg: on any scale: torchvision's has another than Oxford's.
        margin: px of reflection around the picture. VGG-19 pads with zeros, which it reads as dark
            edges, so that a painting would get a frame. 0: as in the papers.
        bf16: compute in bfloat16; losses stay in float32.
    """

    def __init__(self, vgg: VGG19, margin: int = 8, bf16: bool = False) -> None:
        self.margin = margin
        self.vgg = vgg.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self._bf16 = bf16
        self._gains = unit_gains(vgg)

    def __call__(self, picture: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Responses of a picture.

        Args:
            picture: (N, 3, H, W), 0–255, RGB.
            layers: by the paper's names.

        Returns:
            Layer → (N, C_l, H_l, W_l), float32.
        """
        rgb = _with_margin(picture / 255, self.margin).contiguous(memory_format=torch.channels_last)
        with torch.autocast(picture.device.type, torch.bfloat16, enabled=self._bf16):
            result = self.vgg(rgb, tuple(map(rectified, layers)))
        return {x: result[rectified(x)].float() * self._gains[rectified(x)] for x in layers}


_SCALE = 500.0


@torch.no_grad()
def unit_gains(vgg: VGG19) -> dict[str, float]:
    """Rectified or pooled layer → what brings its mean response to ``_SCALE``.

    The paper scales its network so that every filter's mean response over ImageNet is one; here
    every layer's, to a picture of natural statistics. Then no layer drowns another, and a ratio α/β
    means the same for Oxford's weights and torchvision's: the loss of content grows with the square
    of the responses and that of style with their fourth power.
    """
    features = (_natural().to(vgg.mean) - vgg.mean) / vgg.std
    names = {place: name for name, place in vgg.places.items()}
    gains: dict[str, float] = {}
    for place, layer in enumerate(vgg.features):
        pools = not isinstance(layer, (nn.Conv2d, nn.ReLU))
        features = F.avg_pool2d(features, 2) if pools else layer(features)
        if not isinstance(layer, nn.Conv2d):
            gains[names[place]] = _SCALE / max(float(features.mean()), 1e-12)
    return gains


def _natural(side: int = 128) -> Tensor:
    """A picture with a photograph's statistics: 1/f noise, mostly grey; (1, 3, H, W), 0..1."""
    seeded = torch.Generator().manual_seed(0)
    white = torch.randn((3, side, side), generator=seeded)
    down, right = torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)
    distance = (down.square() + right.square()).sqrt()
    spectrum = torch.fft.rfft2(white) / distance.clamp(min=1 / side)
    spectrum[:, 0, 0] = 0
    noise = torch.fft.irfft2(spectrum, s=(side, side))
    mixed = 0.8 * noise.mean(0) / noise.mean(0).std() + 0.3 * noise / noise.std()
    return (0.45 + 0.25 * mixed / mixed.std()).clamp(0, 1)[None]


# ---- the goal ----


class Gatys:
    """Goals of pictures in one or several styles.

    Args:
        describe: VGG-19.
        recipe: layers and weights.
        styles: what the picture is to look like.
        content: what it is to show, (1, 3, H, W), 0–255, RGB.
        labels: (1, K, h, w), 0..1, of the content; each label gets the style of the same label.
    """

    def __init__(
        self,
        describe: Describer,
        recipe: PaintRecipe,
        styles: Sequence[Style],
        content: Tensor,
        labels: Tensor | None = None,
    ) -> None:
        self._describe = describe
        self._recipe = recipe
        self._styles = styles
        self._content = content
        self._labels = labels

    @torch.no_grad()
    def at(self, size: tuple[int, int]) -> Goal:
        """The goal of pictures of (height, width), (1, 3, height, width) float32, 0–255, RGB."""
        recipe, describe = self._recipe, self._describe
        weights = recipe.style_layers
        target = self._target(size)
        content: dict[str, Tensor] = {}
        if recipe.ratio:
            content = describe(resize(self._content, size), recipe.content_layers)
        layers = (*dict.fromkeys((*weights, *content)),)
        masks = Masks(self._labels, size, describe.margin)
        weight = _PAPER_AREA / (size[0] * size[1])
        alpha = recipe.ratio * weight

        def goal(picture: Tensor) -> Terms:
            result = describe(picture, layers)
            terms = {"style": style_loss(result, target, weights, masks)}
            if content:
                parts = [content_loss(result[x], p) for x, p in content.items()]
                terms["content"] = alpha * torch.stack(parts).sum()
            if recipe.tv_weight:
                terms["tv"] = recipe.tv_weight * weight * total_variation(picture)
            return terms

        return goal

    def _target(self, size: tuple[int, int]) -> Grams:
        """The weighted mean of the styles' Gram matrices: it minimises the sum of losses."""
        total: Grams = {}
        for style in self._styles:
            scaled = like(style.rgb, size, self._recipe.style_scale)
            for name, result in style_grams(self._describe, style, scaled, self._recipe).items():
                total[name] = total.get(name, 0) + style.weight * result
        return total


def style_grams(
    describe: Describer, style: Style, size: tuple[int, int], recipe: PaintRecipe
) -> Grams:
    """The Gram matrices of a style picture.

    Args:
        describe: VGG-19.
        style: the picture, (1, 3, h, w) float32, 0–255, RGB, with its labels.
        size: (height, width) to which the picture is resized first.
        recipe: names the layers.

    Returns:
        Layer → (K, N, N) float32.
    """
    masks = Masks(style.labels, size, describe.margin)
    features = describe(resize(style.rgb, size), tuple(recipe.style_layers))
    return {name: masks.grams(f) for name, f in features.items()}


def style_loss(
    result: Mapping[str, Tensor], target: Grams, weights: Mapping[str, float], masks: Masks
) -> Tensor:
    """Σ w E over the layers: equation 5; a scalar.

    Args:
        result: layer → responses (1, N, H, W) float32.
        target: layer → Gram matrices (K, N, N) float32.
        weights: layer → w.
        masks: of the picture.
    """
    parts = [
        weight * layer_style_loss(masks.grams(result[name]), target[name], masks.fractions)
        for name, weight in weights.items()
    ]
    return torch.stack(parts).sum()


class Masks:
    """Labels of one picture, resized to each layer that asks for them.

    Args:
        labels: (1, K, h, w), 0..1; ``None``: one label everywhere.
        size: (height, width) of the picture.
        margin: see ``Describer``.
    """

    def __init__(self, labels: Tensor | None, size: tuple[int, int], margin: int) -> None:
        self._labels = None if labels is None else resize(labels.float(), size).clamp(0, 1)
        self.fractions = None
        if self._labels is not None:
            self.fractions = self._labels.mean(dim=(0, 2, 3))
            self.fractions = self.fractions / self.fractions.sum()
            self._labels = _with_margin(self._labels, margin)

    def grams(self, features: Tensor) -> Tensor:
        """Features (1, N, h, w) float32 → each label's Gram matrix, (K, N, N) float32."""
        if self._labels is None:
            return grams(features)
        return grams(features, _labels_at(self._labels, features))

    def sums(self, features: Tensor) -> Tensor:
        """Features (1, N, h, w) float32 → their sum over each label, (K, N) float32."""
        assert self._labels is not None
        return torch.einsum("nchw,nkhw->kc", features, _labels_at(self._labels, features))


def _labels_at(labels: Tensor, features: Tensor) -> Tensor:
    """Labels (1, K, H, W) at the features' size: means over the pixels of each position."""
    height, width = features.shape[2:]
    return F.adaptive_avg_pool2d(labels, (height, width))


def like(picture: Tensor, size: tuple[int, int], scale: float = 1.0) -> tuple[int, int]:
    """(height, width) of a picture with the area of ``size`` times ``scale``² and its own shape.

    The paper resizes the style to the content's size; this keeps its strokes round.

    Args:
        picture: (1, 3, h, w), of any range; only its shape is read.
        size: (height, width) that gives the area.
        scale: of the sides.
    """
    height, width = picture.shape[2:]
    by = scale * (size[0] * size[1] / (height * width)) ** 0.5
    return max(16, round(height * by)), max(16, round(width * by))

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
from .descent import Goal, Terms, fitted

Grams = dict[str, Tensor]
"""Layer → (K, N, N), a Gram matrix for each label, over the number of its positions."""


_PAPER_AREA = 512 * 512
"""Equation 1 is a sum over positions and equation 4 a mean, so that a ratio α/β is of a size. The
paper's pictures are of this one; at others α is divided by the area, and a ratio means the same."""


@dataclass(frozen=True)
class Style:
    """A style picture and its part in the painting."""

    rgb: Tensor
    share: float = 1.0
    """Of all styles together, which sum to 1."""
    labels: Tensor | None = None
    """(1, K, h, w), 0..1, of any size; ``None``: all of it is one label."""


# ---- the paper's losses ----


def content_loss(found: Tensor, wanted: Tensor) -> Tensor:
    """½ Σ (F − P)²: equation 1."""
    return 0.5 * (found - wanted).square().sum()


def grams(features: Tensor, labels: Tensor | None = None) -> Tensor:
    """G = F Fᵀ / M of each label's positions: equation 3, over the number M of positions.

    The paper's picture and style are of one size, and its 1/(4N²M²) of equation 4 is this M.
    Divided here, pictures of any sizes can be compared. A label's responses are those times the
    square root of its share at each position (Luan 2017, equation 7, for masks of 0 and 1).

    Args:
        features: (1, N, H, W).
        labels: (1, K, H, W), 0..1; ``None``: one label everywhere.

    Returns:
        (K, N, N); zeros for a label that is nowhere.
    """
    flat = features.flatten(2)  # 1, N, M
    if labels is None:
        return flat @ flat.transpose(1, 2) / flat.shape[2]
    found = [
        (flat * share) @ flat.transpose(1, 2) / share.sum().clamp(min=1e-6)
        for share in labels.flatten(2).transpose(0, 1)[:, :, None]
    ]
    return torch.cat(found)


def layer_style_loss(found: Tensor, wanted: Tensor, shares: Tensor | None = None) -> Tensor:
    """E = 1/(4N²) Σ (G − A)² of Gram matrices over M: equation 4; of labels, by their shares.

    Args:
        found: (K, N, N), see ``grams``.
        wanted: likewise.
        shares: (K,), of the picture's area; ``None``: equal ones.
    """
    each = (found - wanted).square().sum(dim=(1, 2)) / (4 * found.shape[1] ** 2)
    return each.mean() if shares is None else (each * shares).sum()


def total_variation(picture: Tensor) -> Tensor:
    """Σ √((I[i+1,j] − I[i,j])² + (I[i,j+1] − I[i,j])²), isotropic, over pixels and channels.

    The root has a slope of 0 where its argument is 0.
    """
    down = picture[:, :, 1:, :-1] - picture[:, :, :-1, :-1]
    right = picture[:, :, :-1, 1:] - picture[:, :, :-1, :-1]
    square = down.square() + right.square()
    flat = square == 0
    return torch.where(flat, square, square.masked_fill(flat, 1.0).sqrt()).sum()


# ---- what describes a picture ----


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
        margin: px of reflection around what it sees. VGG-19 pads with zeros, which are dark edges
            to it, and a painting would answer them with a frame. 0: as in the papers.
        bf16: compute in bfloat16; losses stay in float32.
    """

    def __init__(self, vgg: VGG19, margin: int = 8, bf16: bool = False) -> None:
        self.margin = margin
        self.vgg = vgg.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self._bf16 = bf16
        self._gains = unit_gains(vgg)

    def __call__(self, picture: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
        """Responses at layers by the paper's names."""
        rgb = _with_margin(picture / 255, self.margin).contiguous(memory_format=torch.channels_last)
        with torch.autocast(picture.device.type, torch.bfloat16, enabled=self._bf16):
            found = self.vgg(rgb, tuple(map(rectified, layers)))
        return {x: found[rectified(x)].float() * self._gains[rectified(x)] for x in layers}


def quick_in_bf16(device: torch.device) -> bool:
    """Whether bfloat16 is quicker there than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


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
        describe: of pictures.
        recipe: layers and weights.
        styles: what the picture is to look like.
        content: what it is to show.
        labels: (1, K, h, w), 0..1, of the content; each takes over the style of its own label.
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
        """The goal of pictures of (height, width)."""
        recipe, describe = self._recipe, self._describe
        weights = recipe.style_layers
        wanted = self._wanted(size)
        content: dict[str, Tensor] = {}
        if recipe.ratio:
            content = describe(fitted(self._content, size), recipe.content_layers)
        layers = (*dict.fromkeys((*weights, *content)),)
        masks = Masks(self._labels, size, describe.margin)
        share = _PAPER_AREA / (size[0] * size[1])
        alpha = recipe.ratio * share

        def goal(picture: Tensor) -> Terms:
            found = describe(picture, layers)
            terms = {"style": style_loss(found, wanted, weights, masks)}
            if content:
                parts = [content_loss(found[x], p) for x, p in content.items()]
                terms["content"] = alpha * torch.stack(parts).sum()
            if recipe.tv_weight:
                terms["tv"] = recipe.tv_weight * share * total_variation(picture)
            return terms

        return goal

    def _wanted(self, size: tuple[int, int]) -> Grams:
        """The styles' Gram matrices, mixed: the sum of their losses has its minimum there."""
        total: Grams = {}
        for style in self._styles:
            scaled = like(style.rgb, size, self._recipe.style_scale)
            for name, found in portrait(self._describe, style, scaled, self._recipe).items():
                total[name] = total.get(name, 0) + style.share * found
        return total


def portrait(
    describe: Describer, style: Style, size: tuple[int, int], recipe: PaintRecipe
) -> Grams:
    """The Gram matrices of a style picture brought to (height, width)."""
    masks = Masks(style.labels, size, describe.margin)
    features = describe(fitted(style.rgb, size), tuple(recipe.style_layers))
    return {name: masks.grams(f) for name, f in features.items()}


def style_loss(
    found: Mapping[str, Tensor], wanted: Grams, weights: Mapping[str, float], masks: Masks
) -> Tensor:
    """Σ w E over the layers: equation 5."""
    parts = [
        weight * layer_style_loss(masks.grams(found[name]), wanted[name], masks.shares)
        for name, weight in weights.items()
    ]
    return torch.stack(parts).sum()


class Masks:
    """Labels of one picture, brought to the size of each layer as they are wanted.

    Args:
        labels: (1, K, h, w), 0..1; ``None``: one label everywhere.
        size: (height, width) of the picture.
        margin: see ``Describer``.
    """

    def __init__(self, labels: Tensor | None, size: tuple[int, int], margin: int) -> None:
        self._labels = None if labels is None else fitted(labels.float(), size).clamp(0, 1)
        self.shares = None
        if self._labels is not None:
            self.shares = self._labels.mean(dim=(0, 2, 3))
            self.shares = self.shares / self.shares.sum()
            self._labels = _with_margin(self._labels, margin)

    def grams(self, features: Tensor) -> Tensor:
        """See ``grams``."""
        if self._labels is None:
            return grams(features)
        return grams(features, _shares_at(self._labels, features))

    def sums(self, features: Tensor) -> Tensor:
        """The features of each label added up, (K, N)."""
        assert self._labels is not None
        return torch.einsum("nchw,nkhw->kc", features, _shares_at(self._labels, features))


def _shares_at(labels: Tensor, features: Tensor) -> Tensor:
    """Labels at the features' size: the mean over what each position stands for."""
    height, width = features.shape[2:]
    return F.adaptive_avg_pool2d(labels, (height, width))


def like(picture: Tensor, size: tuple[int, int], scale: float = 1.0) -> tuple[int, int]:
    """(height, width) of a picture with the area of ``size`` times ``scale``² and its own shape.

    The paper resizes the style to the content's size; this keeps its strokes round.
    """
    height, width = picture.shape[2:]
    by = scale * (size[0] * size[1] / (height * width)) ** 0.5
    return max(16, round(height * by)), max(16, round(width * by))

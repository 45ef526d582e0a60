"""The loss of a painting net: the painting's colours and strokes, the photograph's content.

The style loss compares covariances of features where Johnson 2016 compares Gram matrices, and pools
them over the whole batch. A loss of each crop alone asks a white wall for the painting's whole
palette, and the net answers with camouflage. Pooled, the content decides where the darks and the
lights go. The strokes are compared within windows, by shape only: how strong they are may differ
from crop to crop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

from ...pipeline.core.errors import TrainingError, nearest
from ..data import resized, to_tensor
from ..device import mixed_precision
from ..nets.slim_vgg import LAYERS, SlimVGG
from ..nets.vgg19 import VGG19
from ..recipe import Recipe
from .colour_loss import colour_distance, opponent_colours
from .flat_paint import Windows, bareness, contrast, deviations, flattest, sliced_distance, some
from .losses import pixel_loss, total_variation


class FeatureNet(Protocol):
    """What describes pictures: VGG-19, or a slim net with maps to its features."""

    def __call__(self, rgb: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """Pictures (N, 3, H, W) float32, 0..1, RGB → layer → features (N, C_l, H_l, W_l)."""
        ...

    def map_to_vgg(self, layer: str) -> tuple[Tensor, Tensor] | None:
        """The layer's map, (C', C_l) and (C',) float32; ``None``: its features are VGG-19's."""
        ...


_STRIDES = {"relu1_1": 1, "relu2_1": 2, "relu3_1": 4, "relu4_1": 8}
_FLAT_LAYERS = tuple(_STRIDES)
_AROUND = 5  # side of the places over which the content's weight is averaged


@dataclass(frozen=True)
class Losses:
    """One step's losses, unweighted; scalars."""

    content: Tensor
    """Relative error of the content layer."""
    style: Tensor
    """Sum of the layers' relative errors: colours, and strokes and flat paint by their weights."""
    tv: Tensor
    pixel: Tensor


@dataclass(frozen=True)
class Target:
    """The painting's statistics at one layer, mapped; all float32."""

    covariance: Tensor
    """(C, C)."""
    mean: Tensor
    """(C,), without the map's shift."""
    length: Tensor
    """‖mean + shift‖², a scalar."""
    strokes: Tensor | None
    """Mean covariance within windows, (C, C); ``None`` where a layer has too few places."""


@dataclass(frozen=True)
class StyleTerms:
    """What the style loss compares."""

    layers: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    window: int = 64
    """Side of the windows in which strokes are compared, px."""
    stroke_weight: float = 0.7
    stroke_floor: float = 0.7
    """Least strength of strokes, as a share of the painting's; 0..1."""
    flat_weight: float = 0.15
    """Weight of the edges of paint on flat parts of the photograph; see ``flat_paint``."""
    wall_weight: float = 1.0
    """Weight of the least contrast there."""
    colour_weight: float = 1.0
    """Weight of the palette; see ``colour_loss``."""


class PaintLoss:
    """The loss of results against their photographs and one painting, or none.

    Args:
        net: describes the pictures.
        painting: (1, 3, H, W) float32, 0..1, RGB; ``None``: the style loss is 0.
        content_layer: where content is compared.
        terms: of the style loss.
    """

    def __init__(
        self,
        net: FeatureNet,
        painting: Tensor | None,
        content_layer: str = "relu4_2",
        terms: StyleTerms | None = None,
    ) -> None:
        self.net = net
        self.content_layer = content_layer
        self.terms = terms or StyleTerms()
        self.targets: dict[str, Target] = {}
        self._random = torch.Generator().manual_seed(0)
        self._painted: dict[str, Tensor] = {}
        self._contrasts: dict[str, Tensor] = {}
        self._colours: Tensor | None = None
        if painting is not None:
            self._colours = opponent_colours(painting)
            with torch.no_grad():
                for layer, features in net(painting, self.terms.layers).items():
                    self.targets[layer] = self._target(layer, features, painting)
                    if layer in _FLAT_LAYERS and (self.terms.flat_weight or self.terms.wall_weight):
                        self._painted[layer] = self._everywhere(layer, features)
                        self._contrasts[layer] = contrast(self._painted[layer])

    def __call__(self, result: Tensor, content: Tensor, seed: int = 0) -> Losses:
        """Losses of ``result`` against ``content``, both (N, 3, H, W) float32, 0..1, RGB.

        Args:
            result: the paintings.
            content: the photographs.
            seed: of the places and directions in which flat paint is compared.
        """
        self._random.manual_seed(seed)
        layer = self.content_layer
        with torch.no_grad():
            expected = self.net(content, (layer,))[layer].float()
        features = self.net(result, tuple({*self.targets, layer}))
        style = result.new_zeros(())
        for name, target in self.targets.items():
            style = style + self._style(name, features[name], target, result.shape[2])
        if self._painted:
            style = style + self._flat(features, content)
        if self.terms.colour_weight and self._colours is not None:
            found = opponent_colours(result)
            distance = colour_distance(found, self._colours, self._random)
            style = style + self.terms.colour_weight * distance
        return Losses(
            content=self._content(features[layer].float(), expected),
            style=style,
            tv=total_variation(result),
            pixel=pixel_loss(result, content),
        )

    def _flat(self, features: dict[str, Tensor], content: Tensor) -> Tensor:
        """How far the paint on flat windows is from the painting's; a sum over the layers."""
        flat = flattest(content, max(1, content.shape[2] // self.terms.window))
        total = content.new_zeros(())
        for layer, painted in self._painted.items():
            found = deviations(features[layer], flat)
            wall = bareness(contrast(found), self._contrasts[layer])
            total = total + self.terms.wall_weight * wall
            pair = [some(x, self._random) for x in (found, painted)]
            mapping = self.net.map_to_vgg(layer)
            if mapping is not None:
                pair = [x @ mapping[0].T for x in pair]
            edges = sliced_distance(pair[0], pair[1], self._random)
            total = total + self.terms.flat_weight * edges
        return total

    def _everywhere(self, layer: str, painted: Tensor) -> Tensor:
        """The ``deviations`` in all windows of the painting."""
        along = max(1, min(painted.shape[2:]) // (self.terms.window // _STRIDES[layer]))
        return deviations(painted, Windows(torch.arange(along**2, device=painted.device), along))

    def _content(self, features: Tensor, expected: Tensor) -> Tensor:
        """Σ w‖F − F*‖² / Σ w‖F*‖², F and F* mapped: Johnson 2016, equation 2, as a relative error.

        The weight w of a place is the energy of F* around it: eyes and mouths count more than
        cheeks, and those more than a wall, which may be painted as the painting is.
        """
        error, wanted = features - expected, expected
        mapping = self.net.map_to_vgg(self.content_layer)
        if mapping is not None:
            matrix, shift = mapping
            error = torch.einsum("oc,nchw->nohw", matrix, error)
            wanted = torch.einsum("oc,nchw->nohw", matrix, expected) + shift[:, None, None]
        energy = wanted.square().sum(1, keepdim=True)
        weight = F.avg_pool2d(energy, _AROUND, 1, _AROUND // 2, count_include_pad=False)
        return (weight * error.square()).sum() / (weight * energy).sum()

    def _style(self, layer: str, features: Tensor, target: Target, side: int) -> Tensor:
        """Relative errors of covariance and mean over the batch, and of the strokes."""
        means, squares = moments(features, max(1, side // self.terms.window))
        mean = means.mean((0, 1))
        covariance = self._mapped(layer, squares.mean(0) - torch.outer(mean, mean))
        colours = (covariance - target.covariance).square().sum() / target.covariance.square().sum()
        colours = colours + (self._turned(layer, mean) - target.mean).square().sum() / target.length
        if target.strokes is None or not self.terms.stroke_weight:
            return colours
        found = self._mapped(layer, within(means, squares))
        return colours + self.terms.stroke_weight * self._shape_error(found, target.strokes)

    def _shape_error(self, found: Tensor, wanted: Tensor) -> Tensor:
        """‖c − gC‖² / ‖gC‖², g the best factor from ``stroke_floor`` to 1; mean over pictures.

        Args:
            found: c, (N, C, C).
            wanted: C, (C, C).
        """
        size = wanted.square().sum()
        best = (found * wanted).sum(dim=(1, 2)) / size
        g = best.detach().clamp(self.terms.stroke_floor, 1)
        error = (found - g[:, None, None] * wanted).square().sum(dim=(1, 2))
        return (error / (g.square() * size)).mean()

    def _target(self, layer: str, features: Tensor, painting: Tensor) -> Target:
        means, squares = moments(features)
        means, squares = means[0, 0], squares[0]
        covariance = self._mapped(layer, squares - torch.outer(means, means))
        mean = self._turned(layer, means)
        mapping = self.net.map_to_vgg(layer)
        length = (mean if mapping is None else mean + mapping[1]).square().sum()
        windows = min(painting.shape[2:]) // self.terms.window
        strokes = None
        # Deeper than relu4_1 a window has too few places for a covariance.
        if windows and layer != "relu5_1":
            strokes = self._mapped(layer, within(*moments(features, windows)))[0]
        return Target(covariance, mean, length, strokes)

    def _mapped(self, layer: str, covariance: Tensor) -> Tensor:
        """A covariance (…, C_l, C_l) of mapped features, (…, C, C)."""
        mapping = self.net.map_to_vgg(layer)
        return covariance if mapping is None else mapping[0] @ covariance @ mapping[0].T

    def _turned(self, layer: str, mean: Tensor) -> Tensor:
        """A mean (C_l,) mapped without the shift, (C,)."""
        mapping = self.net.map_to_vgg(layer)
        return mean if mapping is None else mapping[0] @ mean


def moments(features: Tensor, windows: int = 1) -> tuple[Tensor, Tensor]:
    """Means of features in k × k windows, and their mean products, of each picture.

    Args:
        features: (N, C, H, W), any float type; rows and columns that the division leaves over are
            not read.
        windows: k; a small picture has fewer.

    Returns:
        (N, k², C) and (N, C, C) float32.
    """
    k = min(windows, *features.shape[2:])
    return _Moments.apply(features, k)  # pyright: ignore[reportReturnType]


class _Moments(torch.autograd.Function):
    """``moments``. Autograd's own way takes four products more, and copies."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, k: int) -> tuple[Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        n, c, h, w = features.shape
        ctx.size = h, w
        ctx.cells = n, k, h // k, k, w // k, c
        cut = features[:, :, : h // k * k, : w // k * k].permute(0, 2, 3, 1).contiguous()
        ctx.save_for_backward(cut)
        full = cut.float()
        flat = full.reshape(n, -1, c)
        means = full.reshape(ctx.cells).mean((2, 4)).reshape(n, k * k, c)
        return means, flat.transpose(1, 2) @ flat / flat.shape[1]

    @staticmethod
    def backward(ctx: Any, by_mean: Tensor, by_square: Tensor) -> tuple[Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (cut,) = ctx.saved_tensors
        n, k, rows, _, columns, c = ctx.cells
        flat = cut.reshape(n, -1, c)
        both = (by_square + by_square.transpose(1, 2)) / flat.shape[1]
        grad = flat @ both.to(flat.dtype)
        even = (by_mean / (rows * columns)).to(flat.dtype).reshape(n, k, 1, k, 1, c)
        grad = grad.reshape(ctx.cells).add_(even).reshape(n, k * rows, k * columns, c)
        over = [size - k * cells for size, cells in zip(ctx.size, (rows, columns), strict=True)]
        if any(over):
            grad = F.pad(grad, (0, 0, 0, over[1], 0, over[0]))
        return grad.permute(0, 3, 1, 2), None


def within(means: Tensor, squares: Tensor) -> Tensor:
    """Mean covariance within windows, from their ``moments``: (N, C, C)."""
    return squares - means.transpose(1, 2) @ means / means.shape[1]


class WholeVGG(nn.Module):
    """VGG-19 as a ``FeatureNet``.

    Args:
        vgg: its weights.
    """

    def __init__(self, vgg: VGG19) -> None:
        super().__init__()
        self.vgg = vgg

    def forward(self, rgb: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """See ``FeatureNet``."""
        with mixed_precision(rgb.device):
            return self.vgg(rgb, layers)

    def map_to_vgg(self, layer: str) -> None:
        """See ``FeatureNet``: its features are VGG-19's."""


def _repeat_edges(net: nn.Module) -> None:
    """Outside a picture a loss net sees its edge again, not zeros.

    Zeros are a middle grey: where one begins at the picture's edge, a grey rim costs least, and
    nets learned to paint one.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.padding_mode = "replicate"


def paint_loss(
    recipe: Recipe,
    style: NDArray[np.uint8] | None,
    net: SlimVGG | WholeVGG,
    device: torch.device,
) -> PaintLoss:
    """The recipe's loss against a style picture.

    Args:
        recipe: layers, weights of the strokes, and the size of the style picture.
        style: (H, W, 3) uint8, 0–255, RGB; ``None`` for a base, which has no style.
        net: compares pictures; it is moved to ``device``.
        device: where to compute.

    Raises:
        TrainingError: the net has no layer of a name in the recipe.
    """
    known = LAYERS if isinstance(net, SlimVGG) else tuple(net.vgg.places)
    for layer in (recipe.content_layer, *recipe.style_layers):
        if layer not in known:
            raise TrainingError(f"there is no layer '{layer}' to compare{nearest(layer, known)}")
    _repeat_edges(net.to(device))
    painting = None
    if style is not None:
        painting = to_tensor(resized(style, recipe.style_size)).to(device)
    terms = StyleTerms(
        recipe.style_layers,
        recipe.stroke_window,
        recipe.stroke_weight,
        recipe.stroke_floor,
        recipe.flat_weight,
        recipe.wall_weight,
        recipe.colour_weight,
    )
    return PaintLoss(net, painting, recipe.content_layer, terms)

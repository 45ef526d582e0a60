"""What the methods that take any style picture have in common.

Such a method is a forward pass: a picture goes through encoders and decoders, and at named layers
its features are transformed. The pass is run three times, with another transform each time:

1. a style picture, to measure the statistics of its features; nothing is changed;
2. the first frames of a shot: their features are given the style's statistics, layer by layer,
   because a layer's features depend on what was changed before. This finds the affine maps of the
   shot;
3. every frame of the shot, with those maps.

Pictures are (N, 3, H, W), float, RGB, 0..1; labels (N, K, H, W), 0..1, with sum 1 at each pixel.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

from ..nets.wavelet import even
from .whitening import Affine, Method, Style, statistics, style_from, transfer

EVERYWHERE = ("",)
"""Beginnings of the names of layers: all layers."""

Transform = Callable[[str, Tensor], Tensor]
"""(layer, features (N, C, h, w) float32) → the features with which the pass continues."""

StyleStatistics = Mapping[str, Style]
"""Layer → mean and root of the covariance of a style picture's features there."""

AffineMaps = Mapping[str, Affine]
"""Layer → the map that changes the features of a shot there."""


class Universal(nn.Module):
    """A method for any style."""

    multiple: int
    """Height and width must be multiples of this; pictures are padded."""
    reach: int
    """Pixels on each side that a pixel of the result depends on, where the maps are given."""

    @abstractmethod
    def forward_pass(self, rgb: Tensor, transform: Transform) -> Tensor:
        """The method's pass, with the features of every layer transformed.

        Args:
            rgb: (N, 3, H, W), 0..1, RGB; H and W are multiples of ``multiple``.
            transform: called at every layer, in order.

        Returns:
            (N, 3, H, W), about 0..1, RGB; not clamped.
        """

    def style_pass(self, rgb: Tensor, transform: Transform) -> None:
        """The pass of a style picture, (1, 3, H, W), 0..1, RGB, through the same layers."""
        self.forward_pass(rgb, transform)

    @cached_property
    def layers(self) -> dict[str, tuple[int, int]]:
        """Layer → its channels, and how many times smaller than the picture; in order."""
        layers: dict[str, tuple[int, int]] = {}
        side = 4 * self.multiple

        def transform(layer: str, x: Tensor) -> Tensor:
            layers[layer] = x.shape[1], side // x.shape[2]
            return x

        with torch.no_grad():
            self.forward_pass(torch.zeros(1, 3, side, side), transform)
        return layers

    @torch.no_grad()
    def style_statistics(
        self, style: Tensor, labels: Tensor | None = None, method: Method = "eigen"
    ) -> StyleStatistics:
        """The statistics of a style picture's features at every layer.

        Args:
            style: (1, 3, H, W), 0..1, RGB.
            labels: (1, K, H, W), 0..1; ``None``: one label everywhere.
            method: see ``whitening``.

        Returns:
            Layer → means (K, C), roots (K, C, C) and weights (K,), float64; float32 for
            ``newton``.
        """
        measured: dict[str, Style] = {}
        labels = self._padded(labels)

        def transform(layer: str, x: Tensor) -> Tensor:
            own = statistics(x, self._at(labels, layer), _dtype(method))
            measured[layer] = style_from(own, method)
            return x

        self.style_pass(even(style, self.multiple), transform)
        return measured

    @torch.no_grad()
    def affine_maps(
        self,
        contents: Tensor,
        style: StyleStatistics,
        labels: Tensor | None = None,
        strength: Tensor | float = 1.0,
        method: Method = "eigen",
    ) -> AffineMaps:
        """The maps that give these frames the statistics of a style.

        Args:
            contents: frames of one shot, (N, 3, H, W), 0..1, RGB; measured together.
            style: what ``style_statistics`` returned, with as many labels.
            labels: of the frames, (N, K, H, W), 0..1; ``None``: one label everywhere.
            strength: 0..1, a scalar; 0 changes nothing.
            method: see ``whitening``.

        Returns:
            Layer → matrices (K, C, C) and shifts (K, C), float64; float32 for ``newton``.
        """
        by_layer: dict[str, Affine] = {}
        labels = self._padded(labels)

        def transform(layer: str, x: Tensor) -> Tensor:
            at = self._at(labels, layer)
            own = statistics(x, at, _dtype(method))
            by_layer[layer] = transfer(own, style[layer], strength, method)
            return by_layer[layer](x, at)

        self.forward_pass(even(contents, self.multiple), transform)
        return by_layer

    @torch.no_grad()
    def paint(self, rgb: Tensor, affine_maps: AffineMaps, labels: Tensor | None = None) -> Tensor:
        """Frames with the features changed by the maps of their shot.

        Args:
            rgb: (N, 3, H, W), 0..1, RGB, of any size.
            affine_maps: of ``affine_maps``.
            labels: (N, K, H, W), 0..1; ``None``: one label everywhere.

        Returns:
            (N, 3, H, W), about 0..1, RGB; not clamped.
        """
        height, width = rgb.shape[2:]
        labels = self._padded(labels)
        painted = self.forward_pass(
            even(rgb, self.multiple),
            lambda layer, x: affine_maps[layer](x, self._at(labels, layer)),
        )
        return painted[..., :height, :width]

    def stylize(
        self, content: Tensor, style: Tensor, strength: float = 1.0, method: Method = "eigen"
    ) -> Tensor:
        """One picture in the style of another.

        Args:
            content: (1, 3, H, W) float32, 0..1, RGB.
            style: (1, 3, h, w) float32, 0..1, RGB.
            strength: 0..1; 0 changes nothing.
            method: see ``whitening``.

        Returns:
            (1, 3, H, W) float32, 0..1, RGB, clamped.
        """
        style_statistics = self.style_statistics(style, None, method)
        affine_maps = self.affine_maps(content, style_statistics, None, strength, method)
        return self.paint(content, affine_maps).clamp(0, 1)

    def _padded(self, labels: Tensor | None) -> Tensor | None:
        return None if labels is None else even(labels, self.multiple)

    def _at(self, labels: Tensor | None, layer: str) -> Tensor | None:
        """The fraction of each label at each position of a layer, (N, K, h, w)."""
        return None if labels is None else F.avg_pool2d(labels, self.layers[layer][1])


def interpolate(styles: Sequence[StyleStatistics], weights: Sequence[float]) -> StyleStatistics:
    """A weighted mean of several styles (Li 2017, section 4).

    Args:
        styles: of the same layers and labels.
        weights: of each, with sum 1.
    """
    result: dict[str, Style] = {}
    for layer in styles[0]:
        parts = [style_statistics[layer] for style_statistics in styles]
        mean = torch.stack([s * p.mean for s, p in zip(weights, parts, strict=True)]).sum(dim=0)
        root = torch.stack([s * p.root for s, p in zip(weights, parts, strict=True)]).sum(dim=0)
        weight = torch.stack([p.weight for p in parts]).amin(dim=0)
        result[layer] = Style(mean, root, weight)
    return result


def _dtype(method: Method) -> torch.dtype:
    """float32 for ``newton``, as in the ONNX graphs; else float64."""
    return torch.float32 if method == "newton" else torch.float64

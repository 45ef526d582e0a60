"""What the methods that take any style picture have in common.

Such a method is a **walk**: a picture goes through encoders and decoders, and is *touched* at named
sites, where its features are changed. Who walks decides how:

- a style is walked to hear its statistics, and changed nowhere;
- a content, with a touch that gives its features the style's statistics, site by site, since each
  site's features depend on what was changed before. This finds the maps of a shot;
- every frame of the shot, with those maps.

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
from .whitening import Affine, Method, Style, statistics, styled, transfer

EVERYWHERE = ("",)
"""Places: sites, or what their names begin with."""

Touch = Callable[[str, Tensor], Tensor]
"""(site, features) → the features to go on with."""

Portrait = Mapping[str, Style]
"""A style picture: what colours the features at each site."""

Maps = Mapping[str, Affine]
"""What a shot's features are changed by at each site."""


class Universal(nn.Module):
    """A method for any style."""

    multiple: int
    """Height and width must be multiples of this; pictures are padded."""
    reach: int
    """Pixels on each side that a painted pixel depends on, the maps being given."""

    @abstractmethod
    def walk(self, rgb: Tensor, touch: Touch) -> Tensor:
        """From picture to picture, touched at every site. H and W: multiples of ``multiple``."""

    def listen(self, rgb: Tensor, touch: Touch) -> None:
        """A style's way past the same sites."""
        self.walk(rgb, touch)

    @cached_property
    def sites(self) -> dict[str, tuple[int, int]]:
        """In the order of the walk: channels, and how many times smaller the features are."""
        found: dict[str, tuple[int, int]] = {}
        side = 4 * self.multiple

        def touch(site: str, x: Tensor) -> Tensor:
            found[site] = x.shape[1], side // x.shape[2]
            return x

        with torch.no_grad():
            self.walk(torch.zeros(1, 3, side, side), touch)
        return found

    @torch.no_grad()
    def portrait(
        self, style: Tensor, labels: Tensor | None = None, method: Method = "eigen"
    ) -> Portrait:
        """A style picture (1, 3, H, W), as it is heard at every site."""
        heard: dict[str, Style] = {}
        labels = self._padded(labels)

        def touch(site: str, x: Tensor) -> Tensor:
            heard[site] = styled(statistics(x, self._at(labels, site), _dtype(method)), method)
            return x

        self.listen(even(style, self.multiple), touch)
        return heard

    @torch.no_grad()
    def maps(
        self,
        contents: Tensor,
        style: Portrait,
        labels: Tensor | None = None,
        strength: Tensor | float = 1.0,
        method: Method = "eigen",
    ) -> Maps:
        """What makes these frames look like the style.

        Args:
            contents: frames of one shot (N, 3, H, W); their statistics are taken together.
            style: its portrait, with as many labels.
            labels: of the frames.
            strength: 0..1.
            method: see ``whitening``.
        """
        found: dict[str, Affine] = {}
        labels = self._padded(labels)

        def touch(site: str, x: Tensor) -> Tensor:
            at = self._at(labels, site)
            own = statistics(x, at, _dtype(method))
            found[site] = transfer(own, style[site], strength, method)
            return found[site](x, at)

        self.walk(even(contents, self.multiple), touch)
        return found

    @torch.no_grad()
    def paint(self, rgb: Tensor, maps: Maps, labels: Tensor | None = None) -> Tensor:
        """Frames with the maps of their shot; unclamped."""
        height, width = rgb.shape[2:]
        labels = self._padded(labels)
        painted = self.walk(
            even(rgb, self.multiple), lambda site, x: maps[site](x, self._at(labels, site))
        )
        return painted[..., :height, :width]

    def stylize(
        self, content: Tensor, style: Tensor, strength: float = 1.0, method: Method = "eigen"
    ) -> Tensor:
        """One picture in the style of another, both (1, 3, H, W); 0..1."""
        portrait = self.portrait(style, None, method)
        maps = self.maps(content, portrait, None, strength, method)
        return self.paint(content, maps).clamp(0, 1)

    def _padded(self, labels: Tensor | None) -> Tensor | None:
        return None if labels is None else even(labels, self.multiple)

    def _at(self, labels: Tensor | None, site: str) -> Tensor | None:
        """How much of each label lies in each position of a site."""
        return None if labels is None else F.avg_pool2d(labels, self.sites[site][1])


def mixed(portraits: Sequence[Portrait], shares: Sequence[float]) -> Portrait:
    """Between several styles; shares sum to 1. Labels must be the same ones."""
    found: dict[str, Style] = {}
    for site in portraits[0]:
        parts = [portrait[site] for portrait in portraits]
        mean = torch.stack([s * p.mean for s, p in zip(shares, parts, strict=True)]).sum(dim=0)
        root = torch.stack([s * p.root for s, p in zip(shares, parts, strict=True)]).sum(dim=0)
        weight = torch.stack([p.weight for p in parts]).amin(dim=0)
        found[site] = Style(mean, root, weight)
    return found


def _dtype(method: Method) -> torch.dtype:
    """``newton`` is what graphs hold, in their numbers."""
    return torch.float32 if method == "newton" else torch.float64

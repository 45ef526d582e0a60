"""WCT: universal style transfer via feature transforms (Li, Fang, Yang, Wang, Lu, Yang 2017)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor, nn

from ..nets.autoencoder import Decoder, Encoder
from .base import EVERYWHERE, Transform, Universal


class WCT(Universal):
    """Figure 1(c): whitened and coloured at relu5_1, decoded; that again at relu4_1; … relu1_1.

    Each level works on the result of the deeper one: first the shapes of strokes, then their grain
    and colours.

    Args:
        levels: level → its encoder and decoder.
        places: names of layers, or their beginnings; levels without one are left out.
    """

    def __init__(
        self, levels: Mapping[int, tuple[Encoder, Decoder]], places: Collection[str] = EVERYWHERE
    ) -> None:
        super().__init__()
        used = (level for level in levels if f"relu{level}_1".startswith(tuple(places)))
        self.levels = sorted(used, reverse=True)
        self.encoders = nn.ModuleDict({str(level): levels[level][0] for level in self.levels})
        self.decoders = nn.ModuleDict({str(level): levels[level][1] for level in self.levels})
        self.multiple = 2 ** (max(self.levels, default=1) - 1)
        self.reach = sum(levels[level][0].reach for level in self.levels)

    def forward_pass(self, rgb: Tensor, transform: Transform) -> Tensor:
        """See ``Universal.forward_pass``; layers are relu5_1 … relu1_1."""
        for level in self.levels:
            features, skips = self.encoders[str(level)](rgb)
            rgb = self.decoders[str(level)](transform(f"relu{level}_1", features), skips)
        return rgb

    def style_pass(self, rgb: Tensor, transform: Transform) -> None:
        """Each level measures the style picture itself, not the result of a deeper level.

        Args:
            rgb: (1, 3, H, W) float32, 0..1, RGB.
            transform: called at every layer; its results are not used.
        """
        for level in self.levels:
            transform(f"relu{level}_1", self.encoders[str(level)](rgb)[0])


class PhotoWCT(WCT):
    """``WCT`` from relu4_1 to relu1_1, on autoencoders that unpool (figure 2)."""

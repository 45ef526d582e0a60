"""WCT: universal style transfer via feature transforms (Li, Fang, Yang, Wang, Lu, Yang 2017)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from .autoencoder import Decoder, Encoder
from .universal import Touch, Universal


class WCT(Universal):
    """Figure 1(c): whitened and coloured at relu5_1, decoded; that again at relu4_1; … relu1_1.

    Each level paints what the level above it has painted: shapes of strokes first, their grain and
    colours last.

    Args:
        levels: level → its encoder and decoder.
    """

    def __init__(self, levels: Mapping[int, tuple[Encoder, Decoder]]) -> None:
        super().__init__()
        self.levels = sorted(levels, reverse=True)
        self.encoders = nn.ModuleDict({str(level): levels[level][0] for level in levels})
        self.decoders = nn.ModuleDict({str(level): levels[level][1] for level in levels})
        self.multiple = 2 ** (self.levels[0] - 1)
        self.reach = sum(levels[level][0].reach for level in levels)

    def walk(self, rgb: Tensor, touch: Touch) -> Tensor:
        """See ``Universal.walk``; sites are relu5_1 … relu1_1."""
        for level in self.levels:
            features, skips = self.encoders[str(level)](rgb)
            rgb = self.decoders[str(level)](touch(f"relu{level}_1", features), skips)
        return rgb

    def listen(self, rgb: Tensor, touch: Touch) -> None:
        """A style is heard at each level as it is, not as the level above decodes it."""
        for level in self.levels:
            touch(f"relu{level}_1", self.encoders[str(level)](rgb)[0])

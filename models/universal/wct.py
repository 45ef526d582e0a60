"""WCT: universal style transfer via feature transforms (Li, Fang, Yang, Wang, Lu, Yang 2017)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor, nn

from ..nets.autoencoder import Decoder, Encoder
from .base import EVERYWHERE, Touch, Universal


class WCT(Universal):
    """Figure 1(c): whitened and coloured at relu5_1, decoded; that again at relu4_1; … relu1_1.

    Each level paints what the level above it has painted: shapes of strokes first, their grain and
    colours last.

    Args:
        levels: level → its encoder and decoder.
        places: of its sites, or what their names begin with; levels without one are left out.
    """

    def __init__(
        self, levels: Mapping[int, tuple[Encoder, Decoder]], places: Collection[str] = EVERYWHERE
    ) -> None:
        super().__init__()
        kept = (level for level in levels if f"relu{level}_1".startswith(tuple(places)))
        self.levels = sorted(kept, reverse=True)
        self.encoders = nn.ModuleDict({str(level): levels[level][0] for level in self.levels})
        self.decoders = nn.ModuleDict({str(level): levels[level][1] for level in self.levels})
        self.multiple = 2 ** (max(self.levels, default=1) - 1)
        self.reach = sum(levels[level][0].reach for level in self.levels)

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


class PhotoWCT(WCT):
    """``WCT`` from relu4_1 to relu1_1, on autoencoders that unpool (figure 2)."""

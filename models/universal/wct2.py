"""WCT²: photorealistic style transfer via wavelet transforms (Yoo, Uh, Chun, Kang, Ha 2019)."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor

from ..nets.autoencoder import Decoder, Encoder, Skip
from .base import EVERYWHERE, Touch, Universal

BANDS = ("LH", "HL", "HH")


class WCT2(Universal):
    """Figure 3: one pass, whitened and coloured on the way (progressive stylization, section 3.3).

    Sites are ``encoder1`` … ``encoder4`` (relu1_1 … relu4_1), the bands that pooling leaves out
    (``skip1.LH`` …), and ``decoder3`` … ``decoder1`` (after an unpooling's convolutions).

    Args:
        encoder: with Haar pooling.
        decoder: its mirror image.
        places: where it is touched: sites, or what their names begin with. ``skip`` and ``decoder``
            are stronger and slower.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        places: Collection[str] = EVERYWHERE,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.places = tuple(places)
        self.multiple = 2 ** (encoder.level - 1)
        self.reach = encoder.reach

    def walk(self, rgb: Tensor, touch: Touch) -> Tensor:
        """See ``Universal.walk``."""
        x, skips = rgb, list[Skip]()
        for number in range(1, self.encoder.level + 1):
            x, skip = self.encoder.stage(x, number)
            skips.append(self._bands(skip, number - 1, touch))
            x = self._touched(x, f"encoder{number}", touch)
        for number in range(self.encoder.level, 0, -1):
            x = self.decoder.stage(x, number, skips[number - 1])
            if number > 1:
                x = self._touched(x, f"decoder{number - 1}", touch)
        return x

    def _touched(self, x: Tensor, site: str, touch: Touch) -> Tensor:
        return touch(site, x) if site.startswith(self.places) else x

    def _bands(self, skip: Skip, number: int, touch: Touch) -> Skip:
        """The three that pooling leaves out, each a site of its own."""
        if len(skip) <= len(BANDS):
            return skip
        bands = zip(BANDS, skip, strict=False)
        touched = (self._touched(x, f"skip{number}.{name}", touch) for name, x in bands)
        return (*touched, skip[3])

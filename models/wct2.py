"""WCT²: photorealistic style transfer via wavelet transforms (Yoo, Uh, Chun, Kang, Ha 2019)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from torch import Tensor

from .autoencoder import Decoder, Encoder, Skip
from .universal import Touch, Universal

Place = Literal["encoder", "skip", "decoder"]

BANDS = ("LH", "HL", "HH")


class WCT2(Universal):
    """Figure 3: one pass, whitened and coloured on the way (progressive stylization, section 3.3).

    Sites are ``encoder1`` … ``encoder4`` (relu1_1 … relu4_1), the bands that pooling leaves out
    (``skip1.LH`` …), and ``decoder3`` … ``decoder1`` (after an unpooling's convolutions).

    Args:
        encoder: with Haar pooling.
        decoder: its mirror image.
        places: where it is touched; ``skip`` and ``decoder`` are stronger and slower.
    """

    def __init__(
        self,
        encoder: Encoder,
        decoder: Decoder,
        places: Collection[Place] = ("encoder", "skip", "decoder"),
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.places = frozenset(places)
        self.multiple = 2 ** (encoder.level - 1)

    def walk(self, rgb: Tensor, touch: Touch) -> Tensor:
        """See ``Universal.walk``."""
        x, skips = rgb, list[Skip]()
        for number in range(1, self.encoder.level + 1):
            x, skip = self.encoder.stage(x, number)
            skips.append(self._touched(skip, number - 1, touch))
            if "encoder" in self.places:
                x = touch(f"encoder{number}", x)
        for number in range(self.encoder.level, 0, -1):
            x = self.decoder.stage(x, number, skips[number - 1])
            if number > 1 and "decoder" in self.places:
                x = touch(f"decoder{number - 1}", x)
        return x

    def _touched(self, skip: Skip, number: int, touch: Touch) -> Skip:
        if not skip or "skip" not in self.places:
            return skip
        bands = zip(BANDS, skip[:3], strict=True)
        return (*(touch(f"skip{number}.{name}", band) for name, band in bands), skip[3])

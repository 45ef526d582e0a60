"""WCT²: photorealistic style transfer via wavelet transforms (Yoo, Uh, Chun, Kang, Ha 2019)."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor

from ..nets.autoencoder import Decoder, Encoder, Skip
from .base import EVERYWHERE, Transform, Universal

BANDS = ("LH", "HL", "HH")


class WCT2(Universal):
    """Figure 3: one pass, whitened and coloured on the way (progressive stylization, section 3.3).

    Layers are ``encoder1`` … ``encoder4`` (relu1_1 … relu4_1), the bands that pooling leaves out
    (``skip1.LH`` …), and ``decoder3`` … ``decoder1`` (after an unpooling's convolutions).

    Args:
        encoder: with Haar pooling.
        decoder: its mirror image.
        places: the layers that are transformed, or the beginnings of their names. ``skip`` and
            ``decoder`` are stronger and slower.
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

    def forward_pass(self, rgb: Tensor, transform: Transform) -> Tensor:
        """See ``Universal.forward_pass``."""
        x, skips = rgb, list[Skip]()
        for number in range(1, self.encoder.level + 1):
            x, skip = self.encoder.stage(x, number)
            skips.append(self._bands(skip, number - 1, transform))
            x = self._transformed(x, f"encoder{number}", transform)
        for number in range(self.encoder.level, 0, -1):
            x = self.decoder.stage(x, number, skips[number - 1])
            if number > 1:
                x = self._transformed(x, f"decoder{number - 1}", transform)
        return x

    def _transformed(self, x: Tensor, layer: str, transform: Transform) -> Tensor:
        return transform(layer, x) if layer.startswith(self.places) else x

    def _bands(self, skip: Skip, number: int, transform: Transform) -> Skip:
        """A skip with its bands LH, HL and HH transformed, each as a layer of its own."""
        if len(skip) <= len(BANDS):
            return skip
        bands = zip(BANDS, skip, strict=False)
        transformed = (self._transformed(x, f"skip{number}.{name}", transform) for name, x in bands)
        return (*transformed, skip[3])

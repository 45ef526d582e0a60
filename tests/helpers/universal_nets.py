"""The nets of any picture's style, a few channels wide."""

from __future__ import annotations

import torch
from stylize_video.models.nets.autoencoder import Decoder, Encoder, Pooling, Widths
from stylize_video.models.universal.base import Universal
from stylize_video.models.universal.wct import WCT, PhotoWCT
from stylize_video.models.universal.wct2 import WCT2

TINY_WIDTHS: Widths = ((4, 4), (6, 6), (8,) * 4, (10,))


def tiny_coders(level: int, pooling: Pooling = "max") -> tuple[Encoder, Decoder]:
    torch.manual_seed(level)
    return Encoder(TINY_WIDTHS, level, pooling).eval(), Decoder(TINY_WIDTHS, level, pooling).eval()


def tiny_universal_nets() -> dict[str, Universal]:
    return {
        "wct": WCT({level: tiny_coders(level) for level in (3, 2, 1)}),
        "photowct": PhotoWCT({level: tiny_coders(level, "unpool") for level in (3, 2, 1)}),
        "wct2-sum": WCT2(*tiny_coders(4, "sum")),
        "wct2-cat5": WCT2(*tiny_coders(4, "cat5")),
    }


def noise_picture(seed: int, height: int = 45, width: int = 62) -> torch.Tensor:
    noise = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, (height, width), mode="bilinear")

"""A slim net that describes pictures as VGG-19 does, at a twentieth of the work.

It has VGG-19's form with a quarter of the channels. An affine map of each layer estimates VGG-19's
features from the slim ones. It was distilled from VGG-19 (see ``training.slim_vgg``), and ships:
a training with it needs no download.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

from ..device import quick_dtype

WIDTHS = ((16, 16), (32, 32), (64,) * 4, (128,) * 4, (128,))
"""Channels of the convolutions of each block."""
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1")
"""The layers with a map."""

_FILE = "slim-vgg.safetensors"
_CPU = torch.device("cpu")


class SlimVGG(nn.Module):
    """Slim features of pictures at named layers, and the maps to VGG-19's.

    A map's rows were rotated and cut to as many as matter, one more than the slim channels: lengths
    and angles of mapped features are those of the estimates of VGG-19's.

    Args:
        state: its weights; ``None``: those that ship.
        device: where it computes, in ``quick_dtype``.
    """

    def __init__(
        self,
        state: dict[str, Tensor] | None = None,
        device: torch.device = _CPU,
    ) -> None:
        super().__init__()
        # A picture's affine map to what the first convolution reads.
        self.input = nn.Conv2d(3, 3, 1)
        self.convs = nn.ModuleDict()
        self.maps = nn.ModuleDict()
        channels = 3
        for block, widths in enumerate(WIDTHS, start=1):
            for number, width in enumerate(widths, start=1):
                name = f"relu{block}_{number}"
                self.convs[name] = nn.Conv2d(channels, width, 3, padding=1)
                channels = width
                if name in LAYERS:
                    self.maps[name] = nn.Linear(width, width + 1)
        self.load_state_dict(state if state is not None else _shipped())
        self.eval().requires_grad_(False)
        self.convs.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.to(device)
        self.convs.to(quick_dtype(device))

    def forward(self, rgb: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """Slim features of pictures.

        Args:
            rgb: (N, 3, H, W) float32, 0..1, RGB.
            layers: names, such as ``relu4_1``.

        Returns:
            Name → (N, C_l, H_l, W_l) in ``quick_dtype``, ≥ 0.
        """
        with torch.autocast(rgb.device.type, enabled=False):
            return self.describe(rgb, layers)

    def describe(self, rgb: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """The same, with gradients for its weights, and in their precision."""
        features: dict[str, Tensor] = {}
        x = self.input(rgb)
        for name, conv in self.convs.items():
            if name.endswith("_1") and name != "relu1_1":
                x = F.max_pool2d(x, 2)
            x = conv(x.to(conv.weight.dtype)).relu()  # pyright: ignore[reportArgumentType]
            if name in layers:
                features[name] = x
            if len(features) == len(layers):
                break
        return features

    def map_to_vgg(self, layer: str) -> tuple[Tensor, Tensor]:
        """The map of a layer: matrix (C_l + 1, C_l) and shift (C_l + 1,), float32."""
        linear = self.maps[layer]
        assert isinstance(linear, nn.Linear)
        return linear.weight, linear.bias


def _shipped() -> dict[str, Tensor]:
    data = (Path(__file__).parent / _FILE).read_bytes()
    return {name: tensor.float() for name, tensor in load(data).items()}

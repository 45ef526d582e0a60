"""VGG-19 as a fixed describer of pictures (Simonyan & Zisserman 2014), conv1_1 … conv5_1.

The layers keep torchvision's numbering (``vgg19().features`` 0…28), so torchvision's own weight
file and a file of this project's setting load alike. Nothing here is ever trained.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from ...pipeline.core.errors import TrainingError, reason
from ..environment import VGG_SETTING
from .weights import Published, is_cached, read_weights

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

# Channels of the convolutions of each block; a 2×2 pooling stands between blocks.
_BLOCKS = ((64, 64), (128, 128), (256, 256, 256, 256), (512, 512, 512, 512), (512,))


def _layers(pooling: type[nn.Module]) -> tuple[nn.Sequential, dict[str, int]]:
    """The feature stack, and the place of each name (``conv4_2``, ``pool4``) in it."""
    modules: list[nn.Module] = []
    places: dict[str, int] = {}
    channels = 3
    for block, widths in enumerate(_BLOCKS, start=1):
        for number, width in enumerate(widths, start=1):
            places[f"conv{block}_{number}"] = len(modules)
            modules.append(nn.Conv2d(channels, width, 3, padding=1))
            places[f"relu{block}_{number}"] = len(modules)
            modules.append(nn.ReLU())
            channels = width
        if block < len(_BLOCKS):
            places[f"pool{block}"] = len(modules)
            modules.append(pooling(2))
    return nn.Sequential(*modules), places


class VGG19(nn.Module):
    """Features of pictures at named layers.

    Args:
        weights: a ``.safetensors`` or ``.pth`` file with torchvision's keys; ``None`` downloads
            torchvision's ``VGG19_Weights.IMAGENET1K_V1`` (548 MB, once) into torch's cache.
        pooling: ``max``, as it was trained, or ``average``, which paints smoother pictures
            (Gatys 2016, section 2).

    Raises:
        FileNotFoundError: ``weights`` is named but not there.
        ValueError: the file does not hold VGG-19.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, weights: Path | None = None, pooling: Literal["max", "average"] = "max"
    ) -> None:
        super().__init__()
        self.features, self.places = _layers(nn.AvgPool2d if pooling == "average" else nn.MaxPool2d)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        expected = self.features.state_dict()
        self.features.load_state_dict(
            read_weights(weights, _published, expected, "VGG-19", "features.")
        )
        self.eval().requires_grad_(False)

    def forward(self, rgb: Tensor, layers: tuple[str, ...]) -> dict[str, Tensor]:
        """Responses to pictures.

        Args:
            rgb: (N, 3, H, W) float32, 0..1, RGB.
            layers: names, such as ``relu4_1``.

        Returns:
            Name → (N, C_l, H_l, W_l) float32; ≥ 0 after a ReLU or a pooling.
        """
        by_place = {self.places[name]: name for name in layers}
        responses: dict[str, Tensor] = {}
        x = (rgb - self.mean) / self.std
        for place, layer in enumerate(self.features):
            x = layer(x)
            if place in by_place:
                responses[by_place[place]] = x
            if len(responses) == len(by_place):
                break
        return responses


def _published() -> Published:
    from torchvision.models import VGG19_Weights

    return VGG19_Weights.IMAGENET1K_V1


def vgg19_is_cached() -> bool:
    """Whether ``open_vgg19(None)`` needs no download."""
    return is_cached("vgg19-*.pth")


def open_vgg19(weights: Path | None, pooling: Literal["max", "average"] = "max") -> VGG19:
    """VGG-19 from a file, or downloaded.

    Args:
        weights: see ``VGG19``.
        pooling: see ``VGG19``.

    Raises:
        TrainingError: the file is missing or broken, or the download failed.
    """
    try:
        return VGG19(weights, pooling)
    except FileNotFoundError as error:
        raise TrainingError(f"--vgg {weights} does not exist") from error
    except OSError as error:
        raise TrainingError(
            f"VGG-19's weights could not be downloaded ({error}); "
            f"give a file by --vgg or {VGG_SETTING}"
        ) from error
    # Each format of weights has its own errors for a broken file.
    except Exception as error:
        raise TrainingError(f"--vgg {weights} can't be used: {reason(error)}") from error

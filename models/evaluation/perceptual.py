"""How different two pictures look, by the features of a network.

``LpipsDistance`` is the published metric LPIPS, by the package of its authors. ``VggDistance`` is
made in the same way, with VGG-19 and without learned weights: its figures are not LPIPS figures, so
compare them with each other only.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch user knows

from ...pipeline.core.errors import TrainingError, reason
from ..data import to_tensor
from ..environment import LPIPS_SETTING
from ..nets.vgg19 import VGG19
from ..nets.weights import Published, is_cached, read_weights

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
"""Where ``VggDistance`` compares pictures: the first layer of each block."""

VGG_MIN_SIDE = 16
"""px: VGG-19 halves a picture four times."""

LPIPS_MIN_SIDE = 31
"""px: AlexNet's second pooling has nothing left of a smaller picture."""


# ---- LPIPS ----


class LpipsDistance:
    """LPIPS, version 0.1, with AlexNet (Zhang, Isola, Efros, Shechtman, Wang 2018, equation 1).

    d = Σ_l 1/(H_l W_l) Σ_hw ‖w_l ⊙ (ŷ_hw − ŷ0_hw)‖², with features of unit length over the channels
    and weights w learned from what people find alike.

    Args:
        backbone: AlexNet's weights with torchvision's keys (``.safetensors`` or ``.pth``); ``None``
            downloads torchvision's ``AlexNet_Weights.IMAGENET1K_V1`` (233 MB, once).
        device: where to compute.

    Raises:
        OSError: there is no such file, no download, or a package is missing.
        ValueError: the file does not hold AlexNet.
    """

    def __init__(self, backbone: Path | None = None, device: torch.device | None = None) -> None:
        self._net = _lpips()
        # The package spreads AlexNet's ``features`` over five parts, which keep their numbers.
        parts = [
            part
            for part in self._net.get_submodule("net").children()
            if isinstance(part, nn.Sequential)
        ]
        expected = {key: value for part in parts for key, value in part.state_dict().items()}
        state = read_weights(backbone, _alexnet, expected, "AlexNet", "features.")
        for part in parts:
            part.load_state_dict({key: state[key] for key in part.state_dict()})
        self._device = device or torch.device("cpu")
        self._net.to(self._device).eval().requires_grad_(False)

    @torch.inference_mode()
    def __call__(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
        """The distance of two pictures; 0 is equal.

        Args:
            first: (H, W, 3) uint8, 0–255, RGB, at least ``LPIPS_MIN_SIDE`` px a side.
            second: of the same shape and range.
        """
        pair = (to_tensor(rgb).to(self._device) for rgb in (first, second))
        return float(self._net(*pair, normalize=True))


def _lpips() -> nn.Module:
    """The package's net: an untrained AlexNet, and the learned weights of its channels."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it calls torchvision by an older name
            from lpips import LPIPS

            return LPIPS(net="alex", pnet_rand=True, verbose=False)
    except (ImportError, RuntimeError) as error:  # missing, or built for another PyTorch
        raise OSError(f"lpips can't be imported: {reason(error)}") from error


def _alexnet() -> Published:
    from torchvision.models import AlexNet_Weights

    return AlexNet_Weights.IMAGENET1K_V1


def lpips_is_cached() -> bool:
    """Whether ``open_lpips(None)`` needs no download."""
    return is_cached("alexnet-*.pth")


def open_lpips(backbone: Path | None) -> LpipsDistance:
    """LPIPS with AlexNet's weights from a file, or downloaded.

    Args:
        backbone: see ``LpipsDistance``.

    Raises:
        TrainingError: the file is missing or broken, the download failed, or lpips is missing.
    """
    try:
        return LpipsDistance(backbone)
    except FileNotFoundError as error:
        raise TrainingError(f"AlexNet's weights {backbone} do not exist") from error
    except OSError as error:
        raise TrainingError(
            f"LPIPS can't be had ({error}); give AlexNet's weights by {LPIPS_SETTING}, "
            "or use --perceptual vgg or ssim"
        ) from error
    # Each format of weights has its own errors for a broken file.
    except Exception as error:
        raise TrainingError(f"{LPIPS_SETTING} {backbone} can't be used: {reason(error)}") from error


# ---- VGG distance ----


def feature_distance(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> Tensor:
    """Σ_l 1/(H_l W_l) Σ_hw ‖ŷ_hw − ŷ0_hw‖², ŷ of unit length over the channels.

    Zhang 2018, equation 1, with w = 1.

    Args:
        ours: layer → features (N, C_l, H_l, W_l) float32, ≥ 0.
        theirs: layer → features of the same shape.

    Returns:
        (N,) float32; 0 is equal, and each layer gives at most 2, since no feature is negative.
    """
    parts = [
        (F.normalize(features, dim=1) - F.normalize(theirs[layer], dim=1))
        .square()
        .sum(dim=1)
        .mean(dim=(1, 2))
        for layer, features in ours.items()
    ]
    return torch.stack(parts).sum(dim=0)


class VggDistance:
    """The distance of two pictures by VGG-19's features; see ``feature_distance``.

    Pictures are not resized: a distance at another size is another distance. At 720p a picture
    takes some seconds on a CPU, so of a clip a few frames are compared. The features of the last
    first picture are cached: one picture is often compared with several.

    Args:
        vgg: VGG-19.
    """

    def __init__(self, vgg: VGG19) -> None:
        self._vgg = vgg
        self._device = vgg.mean.device
        self._first: NDArray[np.uint8] | None = None
        self._features: dict[str, Tensor] = {}

    @torch.inference_mode()
    def __call__(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
        """The distance of two pictures; 0 is equal.

        Args:
            first: (H, W, 3) uint8, 0–255, RGB, at least ``VGG_MIN_SIDE`` px a side.
            second: of the same shape and range.
        """
        if first is not self._first:
            self._first, self._features = first, self._describe(first)
        return float(feature_distance(self._describe(second), self._features))

    def _describe(self, rgb: NDArray[np.uint8]) -> dict[str, Tensor]:
        """(H, W, 3) uint8 → layer → (1, C_l, H_l, W_l)."""
        return self._vgg(to_tensor(rgb).to(self._device), LAYERS)

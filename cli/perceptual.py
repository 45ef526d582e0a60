"""The distance by which ``evaluate`` compares how pictures look: LPIPS, VGG-19's, or 1 − SSIM."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..pipeline.core.errors import SettingsError
from .torch_backend import need_torch

if TYPE_CHECKING:
    from ..pipeline.evaluation.metrics import Distance

KINDS = ("auto", "lpips", "vgg", "ssim")

TITLES = {"lpips": "LPIPS", "vgg distance": "VGG distance", "ssim": "1 − SSIM"}
"""Name of a distance, as ``--json`` gives it → its title in the table."""


def open_distance(
    kind: str, vgg: Path | None, backbone: Path | None, side: int
) -> tuple[str, Distance | None]:
    """The distance, by name; ``None`` is the pipeline's own, 1 − SSIM.

    Args:
        kind: one of ``KINDS``; ``auto`` prefers what the user named, then what needs no download.
        vgg: the file of VGG-19's weights; ``None`` downloads them.
        backbone: the file of AlexNet's weights, for LPIPS; ``None`` downloads them.
        side: of the smallest frame, px.

    Raises:
        SettingsError: the frames are too small for ``kind``.
        TrainingError: weights can't be loaded.
    """
    if kind == "auto":
        kind = _best(vgg, backbone, side)
    if kind == "ssim":
        return "ssim", None
    need_torch(f"evaluate --perceptual {kind}")
    from ..models.evaluation.perceptual import LPIPS_MIN_SIDE, VGG_MIN_SIDE, VggDistance, open_lpips
    from ..models.nets.vgg19 import open_vgg19

    smallest = LPIPS_MIN_SIDE if kind == "lpips" else VGG_MIN_SIDE
    if side < smallest:
        raise SettingsError(f"--perceptual {kind} takes frames of {smallest} px or more")
    if kind == "lpips":
        return "lpips", open_lpips(backbone)
    return "vgg distance", VggDistance(open_vgg19(vgg))


def _best(vgg: Path | None, backbone: Path | None, side: int) -> str:
    """LPIPS or VGG-19's, where their weights are named or cached and the frames large enough."""
    if find_spec("torch") is None:
        return "ssim"
    from ..models.evaluation.perceptual import LPIPS_MIN_SIDE, VGG_MIN_SIDE, lpips_is_cached
    from ..models.nets.vgg19 import vgg19_is_cached

    lpips_fits = side >= LPIPS_MIN_SIDE and find_spec("lpips") is not None
    vgg_fits = side >= VGG_MIN_SIDE
    if lpips_fits and backbone is not None:
        return "lpips"
    if vgg_fits and vgg is not None:
        return "vgg"
    if lpips_fits and lpips_is_cached():
        return "lpips"
    return "vgg" if vgg_fits and vgg19_is_cached() else "ssim"

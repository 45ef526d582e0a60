"""Paint a picture by optimisation: arrays in, an array out.

The rest of the program calls this module. It reads no files and knows no video. Pictures are
(H, W, 3), uint8 (0–255) or uint16 (0–65535), RGB. Labels are (H, W, K), uint8, a plane for each
label: 255 where the label is, 0 elsewhere.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...pipeline.core.errors import SettingsError
from ..device import quick_dtype
from ..nets.autoencoder import vgg_encoder
from ..nets.vgg19 import VGG19
from ..recipe import PaintRecipe, SwapRecipe
from ..universal.styleswap import LEVEL
from .color import with_grey
from .deep_photo import DeepPhoto, Laplacian, merged
from .descent import Canvas, Descent
from .gatys import Describer, Style
from .image import Painting, Subject
from .styleswap import optimize_swap
from .temporal import WarpedPicture, begin_with, temporal_term

Method = Literal["gatys", "deepphoto"]
"""What a ``PictureOptimizer`` paints by: Gatys 2016, or Luan 2017, which keeps a photograph."""

Picture = NDArray[np.uint8] | NDArray[np.uint16]
"""(H, W, 3), RGB, over the whole range of its type."""

Labels = NDArray[np.uint8]
"""(H, W, K), 0–255: a plane for each label."""

Progress = Callable[[Canvas], None]
"""Called after every iteration with the canvas as it is then."""

_MIN_SIDE = 16  # px: VGG-19 halves it four times
_BYTES_PER_PIXEL = 2500  # VGG-19's responses, and the history of L-BFGS
_MAX_LAPLACIAN_PIXELS = 4_000_000  # 81 weights a pixel while it is made


@dataclass(frozen=True)
class StylePicture:
    """A style, with its weight among the styles and its labels."""

    rgb: Picture
    weight: float = 1.0
    labels: Labels | None = None
    """(H, W, K) uint8, 0–255, of any size; ``None``: one label everywhere."""


@dataclass(frozen=True)
class WarpedPainting:
    """An earlier painting of the same shot, warped to the picture that is painted now."""

    rgb: Picture
    confidence: NDArray[np.float32]
    """(H, W), 0..1: 0 where the earlier picture did not show the same."""


@dataclass(frozen=True)
class ContentPicture:
    """The picture to paint, with what goes with it."""

    rgb: Picture
    labels: Labels | None = None
    """(H, W, K) uint8, 0–255, of any size; ``None``: one label everywhere."""
    laplacian: Laplacian | None = None
    """The picture's matting Laplacian at any size; ``deepphoto`` needs it."""
    start: Picture | None = None
    """Begin with this picture instead of the recipe's start."""
    earlier: Sequence[WarpedPainting] = ()
    """Earlier paintings for the temporal loss, the nearest in time first."""


class PictureOptimizer:
    """A method, a recipe and styles, ready to paint any picture.

    Args:
        method: Gatys 2016 or Luan 2017.
        recipe: layers, weights and iterations.
        styles: at least one; either all have labels or none has.
        describe: VGG-19 with the recipe's pooling and margin.
    """

    def __init__(
        self,
        method: Method,
        recipe: PaintRecipe,
        styles: Sequence[StylePicture],
        describe: Describer,
    ) -> None:
        self.method: Method = method
        self.recipe = recipe
        self.describe = describe
        self.device = describe.vgg.mean.device
        self.styles = [
            Style(to_tensor(style.rgb, self.device), style.weight, self._labels(style.labels))
            for style in styles
        ]

    def descent(self, content: ContentPicture, recipe: PaintRecipe | None = None) -> Descent:
        """The painting of ``content``, not begun; by the given recipe or the optimizer's own.

        Raises:
            SettingsError: the picture is too small, or too large for the machine.
        """
        height, width = content.rgb.shape[:2]
        check_size(height, width, self.device)
        recipe = recipe or self.recipe
        if self.method == "gatys":
            return Painting(self.describe, recipe, self._subject(content))
        if height * width > _MAX_LAPLACIAN_PIXELS:
            raise SettingsError(
                f"{width}x{height} is too large for deepphoto's Laplacian; give a smaller --size"
            )
        assert content.laplacian is not None, "deepphoto needs the content's Laplacian"
        return DeepPhoto(self.describe, recipe, self._subject(content), content.laplacian)

    def _subject(self, content: ContentPicture) -> Subject:
        labels = self._labels(content.labels)
        subject = Subject(to_tensor(content.rgb, self.device), self.styles, labels)
        if labels is not None:
            subject = merged(self.describe, subject)
        own = None if content.start is None else to_tensor(content.start, self.device)
        if not content.earlier:
            return replace(subject, start=own)
        warped = [self._warped(painting) for painting in content.earlier]
        start = begin_with(warped[0], subject.content if own is None else own)
        if own is not None:
            start = (start + own) / 2
        return replace(
            subject, start=start, extra_terms=(temporal_term(warped, self.recipe.temporal_weight),)
        )

    def _warped(self, painting: WarpedPainting) -> WarpedPicture:
        confidence = torch.from_numpy(painting.confidence)[None, None].to(self.device)
        picture = to_tensor(painting.rgb, self.device)
        if self.recipe.palette == "source":  # as what is painted then
            picture = with_grey(picture)
        return WarpedPicture(picture, confidence)

    def _labels(self, labels: Labels | None) -> Tensor | None:
        """(H, W, K), 0–255 → (1, K, H, W), 0..1."""
        if labels is None:
            return None
        planes = labels.transpose(2, 0, 1)[None]
        return torch.from_numpy(planes.astype(np.float32) / 255).to(self.device)


def open_describer(vgg: VGG19, margin: int, device: torch.device) -> Describer:
    """VGG-19 on a device, in bfloat16 where that is quicker.

    Args:
        vgg: with the recipe's pooling; it is moved to ``device``.
        margin: px of reflection around the picture; see ``Describer``.
        device: where to compute.
    """
    return Describer(vgg.to(device), margin, quick_dtype(device) == torch.bfloat16)


def optimize(
    descent: Descent, canvas: Canvas, dtype: Any, progress: Progress = lambda canvas: None
) -> Picture:
    """Run the iterations of a painting that remain.

    Args:
        descent: the painting.
        canvas: its state; changed in place.
        dtype: uint8 or uint16, of the result.
        progress: called after every iteration; what it raises stops the painting.

    Returns:
        (H, W, 3), RGB, over the whole range of ``dtype``.
    """
    for _ in descent.paint(canvas):
        progress(canvas)
    return to_picture(descent.result(canvas), dtype)


def swap_patches(
    content: Picture,
    style: Picture,
    recipe: SwapRecipe,
    vgg: VGG19,
    device: torch.device,
    progress: Callable[[float], None] = lambda loss: None,
) -> Picture:
    """Make a picture of the patches of another, by optimisation; see ``optimize_swap``.

    Args:
        content: (H, W, 3), RGB, uint8 or uint16.
        style: (h, w, 3), RGB, uint8 or uint16.
        recipe: iterations, weights and patches.
        vgg: VGG-19.
        device: where to compute.
        progress: called with the loss of every iteration.

    Returns:
        (H, W, 3), RGB, of the type of ``content``.

    Raises:
        SettingsError: a picture is too small, or too large for the machine.
    """
    for rgb in (content, style):
        check_size(rgb.shape[0], rgb.shape[1], device)
    encoder = vgg_encoder(vgg, LEVEL).to(device)
    ours, theirs = (to_tensor(rgb, device) / 255 for rgb in (content, style))
    result = optimize_swap(encoder, ours, theirs, recipe, progress)
    return to_picture(255 * result, content.dtype)


def check_size(
    height: int, width: int, device: torch.device, advice: str = "give a smaller --size"
) -> None:
    """Refuse what can't be painted, before the memory is full.

    Args:
        height: of the picture, px.
        width: of the picture, px.
        device: where it would be painted.
        advice: what to do about one that is too large.

    Raises:
        SettingsError: too small for the net, or too large for the machine.
    """
    if min(height, width) < _MIN_SIDE:
        raise SettingsError(f"{width}x{height} is too small to be painted: {_MIN_SIDE} px at least")
    needed, there = height * width * _BYTES_PER_PIXEL, _memory(device)
    if needed > there:
        raise SettingsError(
            f"{width}x{height} takes {needed / 2**30:.0f} GiB of memory to be painted, and "
            f"{there / 2**30:.0f} are there; {advice}"
        )


def _memory(device: torch.device) -> float:
    """Bytes free on a GPU, or all bytes of the machine; infinite where the system can't say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return math.inf


def to_tensor(rgb: Picture, device: torch.device) -> Tensor:
    """(H, W, 3), RGB, uint8 or uint16 → (1, 3, H, W) float32, 0–255, RGB."""
    planes = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None], np.float32)
    return torch.from_numpy(planes / np.float32(np.iinfo(rgb.dtype).max / 255)).to(device)


def to_picture(picture: Tensor, dtype: Any = np.uint8) -> Picture:
    """(1, 3, H, W) float32, 0–255, RGB → (H, W, 3), RGB, the whole range of ``dtype``, rounded."""
    largest = np.iinfo(dtype).max
    scaled = (picture[0].clamp(0, 255) * (largest / 255)).round()
    return np.ascontiguousarray(scaled.permute(1, 2, 0).cpu().numpy().astype(dtype))

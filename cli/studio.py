"""Painting by optimisation, opened: what ``paint`` and the key frames of a video share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..models.recipe import PaintRecipe
from ..pipeline.errors import SettingsError, SourceError
from ..pipeline.frame import Rgb
from ..pipeline.pictures import read_deep
from ..pipeline.segments import labelled, palette
from ..pipeline.yuv import Deep, eight_bits
from ..pipeline.zoo import find_styles
from .train import torch_device, vgg19

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from ..models.painter import Painter, Subject
    from ..models.pixels import Canvas

Method = Literal["gatys", "deepphoto"]


@dataclass(frozen=True)
class Asked:
    """What a painting is asked for, beside its recipe."""

    styles: Sequence[str]
    """``PATH`` or ``PATH:WEIGHT``."""
    style_masks: Sequence[Path] = ()
    content_mask: Rgb | None = None
    """One of the content's; its colours name labels with those of ``style_masks``."""


class Studio:
    """A method, a recipe, styles and the net, ready to paint any picture.

    Args:
        method: what paints.
        recipe: how.
        asked: in which styles.
        vgg: the weights' file; ``None``: downloaded.
        device: auto, cpu or cuda.

    Raises:
        SettingsError: masks and styles don't go together.
        SourceError: a picture can't be read.
    """

    def __init__(
        self, method: Method, recipe: PaintRecipe, asked: Asked, vgg: Path | None, device: str
    ) -> None:
        from ..models.gatys import Style
        from ..models.painter import quick_in_bf16

        self.method: Method = method
        self.recipe = recipe
        self.device = torch_device(device)
        found = find_styles(asked.styles)
        pictures = [read_picture(path, "--style") for path, _ in found]
        masks = [eight_bits(read_picture(path, "--style-mask")) for path in asked.style_masks]
        if len(masks) != (0 if asked.content_mask is None else len(found)):
            raise SettingsError(
                "--content-mask and --style-mask go together, one --style-mask for each style"
            )
        self._colours = None
        if asked.content_mask is not None:
            self._colours = palette([asked.content_mask, *masks])
        labels = [self._labels(mask) for mask in masks] or [None] * len(found)
        self._styles = [
            Style(to_tensor(rgb, self.device), share, label)
            for rgb, (_, share), label in zip(pictures, found, labels, strict=True)
        ]
        self._vgg = vgg19(vgg, recipe.pooling).to(self.device)
        self._bf16 = quick_in_bf16(self.device)
        told = [method, recipe.model_dump_json(), *(str(share) for _, share in found)]
        told.append(fingerprint(self._vgg))
        self.key = digest(*told, *pictures, *masks)
        """Of all that a painting depends on, but for its content."""

    def subject(self, rgb: Deep, mask: Rgb | None = None) -> Subject:
        """A picture, and its mask where the styles have any, to paint."""
        from ..models.deepphoto import merged
        from ..models.gatys import Describer
        from ..models.painter import Subject

        labels = None if mask is None or self._colours is None else self._labels(mask)
        subject = Subject(to_tensor(rgb, self.device), self._styles, labels)
        return subject if labels is None else merged(Describer(self._vgg, self._bf16), subject)

    def painter(self, rgb: Deep, recipe: PaintRecipe | None = None) -> Painter:
        """What paints ``rgb``, by the studio's recipe or another."""
        from ..models.deepphoto import DeepPhoto
        from ..models.painter import Painter

        recipe = recipe or self.recipe
        height, width = rgb.shape[:2]
        if min(height, width) < _LEAST:
            raise SettingsError(
                f"{width}x{height} is too small to be painted: {_LEAST} px at least"
            )
        if self.method == "deepphoto" and height * width > _MOST_PIXELS:
            raise SettingsError(
                f"{width}x{height} is too large for deepphoto's Laplacian; give a smaller --size"
            )
        if self.method == "gatys":
            return Painter(self._vgg, recipe, self._bf16)
        return DeepPhoto(self._vgg, recipe, _laplacian(eight_bits(rgb)), self._bf16)

    def _labels(self, mask: Rgb) -> Tensor:
        """(1, K, H, W), 0..1, of the studio's colours."""
        import torch

        assert self._colours is not None
        planes = labelled(mask, self._colours).transpose(2, 0, 1)[None]
        return torch.from_numpy(planes.astype(np.float32) / 255).to(self.device)


def fingerprint(net: nn.Module) -> str:
    """Letters that only these weights have."""
    tensors = (tensor.float().cpu().numpy() for _, tensor in sorted(net.state_dict().items()))
    return digest(*tensors)


_LEAST = 16  # px of a side: VGG-19 halves it four times
_MOST_PIXELS = 4_000_000  # of a matting Laplacian: 81 weights a pixel while it is made


def _laplacian(rgb: Rgb) -> Callable[[tuple[int, int]], Any]:
    from ..pipeline.matting import matting_laplacian

    def at(size: tuple[int, int]) -> Any:
        small = cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_AREA)
        return matting_laplacian(np.asarray(small, np.uint8))

    return at


def painted(
    painter: Painter,
    subject: Subject,
    canvas: Canvas,
    dtype: Any,
    heard: Callable[[Canvas], None] = lambda canvas: None,
) -> Deep:
    """Run a painting to its end; ``heard`` is told of every iteration."""
    for _ in painter.paint(subject, canvas):
        heard(canvas)
    return as_picture(painter.finished(subject, canvas), dtype)


def to_tensor(rgb: Deep, device: torch.device) -> Tensor:
    """A picture as (1, 3, H, W), 0–255."""
    import torch

    whole = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None], np.float32)
    return torch.from_numpy(whole / np.float32(np.iinfo(rgb.dtype).max / 255)).to(device)


def as_picture(picture: Tensor, dtype: Any = np.uint8) -> Deep:
    """(1, 3, H, W), 0–255, as (H, W, 3) of whole numbers over the type's range."""
    most = np.iinfo(dtype).max
    scaled = (picture[0].clamp(0, 255) * (most / 255)).round()
    return np.ascontiguousarray(scaled.permute(1, 2, 0).cpu().numpy().astype(dtype))


def read_picture(path: Path, asked: str) -> Deep:
    """A picture of 8 or 16 bits.

    Raises:
        SourceError: it can't be read; ``asked`` says what it was for.
    """
    try:
        return read_deep(path)
    except SourceError as error:
        raise SourceError(f"{asked} {path}: {error}; give a JPEG, PNG, TIFF or WebP") from error


def short_side(rgb: Deep, size: int) -> Deep:
    """The picture with its short side brought to ``size`` px."""
    height, width = rgb.shape[:2]
    by = size / min(height, width)
    return at(rgb, max(1, round(width * by)), max(1, round(height * by)))


def at(rgb: Deep, width: int, height: int) -> Deep:
    """The picture at another size; area down, cubic up."""
    if rgb.shape[1::-1] == (width, height):
        return rgb
    how = cv2.INTER_AREA if width < rgb.shape[1] else cv2.INTER_CUBIC
    return cv2.resize(rgb, (width, height), interpolation=how)  # pyright: ignore[reportReturnType]


def digest(*parts: str | NDArray[Any]) -> str:
    """A name for what a painting depends on: the same parts, the same name."""
    told = hashlib.sha256()
    for part in parts:
        shape = "" if isinstance(part, str) else f"{part.dtype}{part.shape}"
        told.update(f"[{shape}]".encode())
        told.update(
            part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes()
        )
    return told.hexdigest()[:24]

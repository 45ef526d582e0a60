"""Painting by optimisation, opened: what ``paint`` and the key frames of a video share."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from ..models.recipe import PaintRecipe
from ..pipeline.core.errors import SettingsError, SourceError
from ..pipeline.core.files import atomic_write, writing
from ..pipeline.core.frame import Rgb, Rgb8Or16, eight_bits
from ..pipeline.imaging.resize import resize_pixels
from ..pipeline.imaging.segmentation import label_pixels, palette
from ..pipeline.media.images import picture_bytes, read_8_or_16_bit
from ..pipeline.styles.zoo import find_styles
from .progress import KEEP_EVERY, Report
from .train import torch_device, vgg19

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ..models.optimize.descent import Canvas, Descent
    from ..models.optimize.gatys import Describer
    from ..models.optimize.image import Subject

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
        from ..models.optimize.gatys import Style
        from ..models.training.feedforward import fingerprint

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
        self.describe = describer(vgg, recipe.pooling, recipe.margin, self.device)
        told = [method, recipe.model_dump_json(), *(str(share) for _, share in found)]
        told.append(fingerprint(self.describe.vgg))
        self.key = digest(*told, *pictures, *masks)
        """Of all that a painting depends on, but for its content."""

    def subject(self, rgb: Rgb8Or16, mask: Rgb | None = None) -> Subject:
        """A picture, and its mask where the styles have any, to paint."""
        from ..models.optimize.deep_photo import merged
        from ..models.optimize.image import Subject

        height, width = rgb.shape[:2]
        check_size(height, width, self.device)
        if self.method == "deepphoto" and height * width > _MOST_PIXELS:
            raise SettingsError(
                f"{width}x{height} is too large for deepphoto's Laplacian; give a smaller --size"
            )
        labels = None if mask is None or self._colours is None else self._labels(mask)
        subject = Subject(to_tensor(rgb, self.device), self._styles, labels)
        return subject if labels is None else merged(self.describe, subject)

    def painting(
        self, rgb: Rgb8Or16, subject: Subject, recipe: PaintRecipe | None = None
    ) -> Descent:
        """The painting of ``rgb``'s subject, by the studio's recipe or another."""
        from ..models.optimize.deep_photo import DeepPhoto
        from ..models.optimize.image import Painting

        recipe = recipe or self.recipe
        if self.method == "gatys":
            return Painting(self.describe, recipe, subject)
        return DeepPhoto(self.describe, recipe, subject, _laplacian(eight_bits(rgb)))

    def _labels(self, mask: Rgb) -> Tensor:
        """(1, K, H, W), 0..1, of the studio's colours."""
        import torch

        assert self._colours is not None
        planes = label_pixels(mask, self._colours).transpose(2, 0, 1)[None]
        return torch.from_numpy(planes.astype(np.float32) / 255).to(self.device)


@lru_cache(maxsize=2)
def describer(
    vgg: Path | None, pooling: Literal["average", "max"], margin: int, device: Any
) -> Describer:
    """VGG-19 on a device; the cells of a sweep share it."""
    from ..models.optimize.gatys import Describer, quick_in_bf16

    return Describer(vgg19(vgg, pooling).to(device), margin, quick_in_bf16(device))


_LEAST = 16  # px of a side: VGG-19 halves it four times
_BYTES = 2500  # of a pixel that is painted: VGG-19's responses, and what L-BFGS remembers
_MOST_PIXELS = 4_000_000  # of a matting Laplacian: 81 weights a pixel while it is made


def check_size(
    height: int, width: int, device: torch.device, instead: str = "give a smaller --size"
) -> None:
    """Refuse what can't be painted, before the memory is full.

    Args:
        height: of the picture.
        width: of the picture.
        device: where it would be painted.
        instead: what to do about one that is too large.

    Raises:
        SettingsError: too small for the net, or too large for the machine.
    """
    if min(height, width) < _LEAST:
        raise SettingsError(f"{width}x{height} is too small to be painted: {_LEAST} px at least")
    needed, there = height * width * _BYTES, _memory(device)
    if needed > there:
        raise SettingsError(
            f"{width}x{height} takes {needed / 2**30:.0f} GiB of memory to be painted, and "
            f"{there / 2**30:.0f} are there; {instead}"
        )


def _memory(device: torch.device) -> float:
    """Bytes that a device has; of a processor's, all; infinite where nothing tells it."""
    import torch

    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return math.inf


def _laplacian(rgb: Rgb) -> Callable[[tuple[int, int]], Any]:
    from ..pipeline.imaging.matting import matting_laplacian

    def at(size: tuple[int, int]) -> Any:
        small = cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_AREA)
        return matting_laplacian(np.asarray(small, np.uint8))

    return at


class Work:
    """One painting, with what is kept of it beside the output.

    Args:
        key: names all that the painting depends on.
        out: the output; the folder beside it is named after it.
        report: hears of the progress.
        every: iterations between two checkpoints and previews.
    """

    def __init__(self, key: str, out: Path, report: Report, every: int = KEEP_EVERY) -> None:
        self._every = every
        self._report = report
        self._folder = out.with_name(out.stem + ".painting")
        self._kept = self._folder / f"{key}.pt"

    def done(self, descent: Descent, device: torch.device, dtype: Any, restart: bool) -> Rgb8Or16:
        """The finished painting; begun anew, or gone on with."""
        from ..models.optimize.descent import load_canvas
        from ..models.training.plots import loss_curves

        with writing(self._folder):
            self._folder.mkdir(exist_ok=True)
        canvas = None if restart else load_canvas(self._kept, device)
        if canvas is None:
            canvas = descent.begin()
        else:
            self._report.say(f"resuming at iteration {canvas.iteration}")
        total = descent.recipe.iterations
        with self._report.progress("painting", total, "iterations", canvas.iteration) as bar:

            def heard(canvas: Canvas) -> None:
                row = canvas.curves[-1]
                bar.advance(" ".join(f"{name} {value:.3g}" for name, value in row.items()))
                if canvas.iteration % self._every == 0 or canvas.iteration == total:
                    self._keep(canvas)

            try:
                found = painted(descent, canvas, dtype, heard)
            except KeyboardInterrupt:
                self._keep(canvas)
                loss_curves(canvas.curves, self._folder / "losses.png", "iteration")
                self._report.say(
                    f"stopped at iteration {canvas.iteration}; the same command resumes"
                )
                raise
        loss_curves(canvas.curves, self._folder / "losses.png", "iteration")
        final = ", ".join(f"{name} {value:.4g}" for name, value in canvas.curves[-1].items())
        self._report.say(f"losses at the end: {final}")
        return found

    def _keep(self, canvas: Canvas) -> None:
        from ..models.optimize.descent import save_canvas

        with writing(self._kept):
            save_canvas(canvas, self._kept)
        preview = self._folder / "preview.png"
        with atomic_write(preview) as aside:
            aside.write_bytes(picture_bytes(as_picture(canvas.picture), preview.name))


def picture_painted(
    studio: Studio,
    content: Rgb8Or16,
    mask: Rgb | None,
    out: Path,
    report: Report,
    every: int = KEEP_EVERY,
    restart: bool = False,
) -> Rgb8Or16:
    """A picture, painted beside ``out`` by a studio."""
    key = digest(studio.key, content, *([] if mask is None else [mask]))
    descent = studio.painting(content, studio.subject(content, mask))
    return Work(key, out, report, every).done(descent, studio.device, content.dtype, restart)


def smoothed(result: Rgb8Or16, content: Rgb8Or16, how: str) -> Rgb8Or16:
    """The result smoothed along the content's edges: off, guided or closed."""
    if how == "off":
        return result
    small, source = eight_bits(result), eight_bits(content)
    if how == "closed":
        from ..pipeline.imaging import matting

        return matting.smooth_by_matting(small, source)
    from ..pipeline.imaging.guided import apply_affine_maps, fit_affine_maps

    return apply_affine_maps(source, [fit_affine_maps(small, source)])


def painted(
    descent: Descent,
    canvas: Canvas,
    dtype: Any,
    heard: Callable[[Canvas], None] = lambda canvas: None,
) -> Rgb8Or16:
    """Run a painting to its end; ``heard`` is told of every iteration."""
    for _ in descent.paint(canvas):
        heard(canvas)
    return as_picture(descent.finished(canvas), dtype)


def to_tensor(rgb: Rgb8Or16, device: torch.device) -> Tensor:
    """A picture as (1, 3, H, W), 0–255."""
    import torch

    whole = np.ascontiguousarray(rgb.transpose(2, 0, 1)[None], np.float32)
    return torch.from_numpy(whole / np.float32(np.iinfo(rgb.dtype).max / 255)).to(device)


def as_picture(picture: Tensor, dtype: Any = np.uint8) -> Rgb8Or16:
    """(1, 3, H, W), 0–255, as (H, W, 3) of whole numbers over the type's range."""
    most = np.iinfo(dtype).max
    scaled = (picture[0].clamp(0, 255) * (most / 255)).round()
    return np.ascontiguousarray(scaled.permute(1, 2, 0).cpu().numpy().astype(dtype))


def read_picture(path: Path, asked: str) -> Rgb8Or16:
    """A picture of 8 or 16 bits.

    Raises:
        SourceError: it can't be read; ``asked`` says what it was for.
    """
    try:
        return read_8_or_16_bit(path)
    except SourceError as error:
        raise SourceError(f"{asked} {path}: {error}; give a JPEG, PNG, TIFF or WebP") from error


def short_side(rgb: Rgb8Or16, size: int) -> Rgb8Or16:
    """The picture with its short side brought to ``size`` px."""
    height, width = rgb.shape[:2]
    by = size / min(height, width)
    return resize_pixels(rgb, (max(1, round(height * by)), max(1, round(width * by))))


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

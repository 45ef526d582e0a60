"""Painting by optimisation from files to files: what ``paint``, ``texture`` and key frames share.

Reads pictures and masks, keeps checkpoints and previews beside the output, smooths the result.
``models.optimize.run`` paints. Pictures are (H, W, 3), RGB, uint8 or uint16 over the whole range.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ..models.nets.vgg19 import open_vgg19
from ..models.optimize.descent import Canvas, Descent, load_canvas, save_canvas
from ..models.optimize.gatys import Describer
from ..models.optimize.run import (
    ContentPicture,
    Method,
    PictureOptimizer,
    StylePicture,
    open_describer,
    optimize,
    swap_patches,
    to_picture,
)
from ..models.recipe import PAINT_CHECKPOINT_EVERY, PaintRecipe, SwapRecipe
from ..models.training.plots import loss_curves
from ..models.training.state import fingerprint
from ..pipeline.core import files
from ..pipeline.core.errors import SettingsError, SourceError
from ..pipeline.core.files import neighbour, writing
from ..pipeline.core.frame import Rgb, Rgb8Or16, eight_bits
from ..pipeline.imaging import guided, matting
from ..pipeline.imaging.resize import resize_pixels
from ..pipeline.imaging.segmentation import Labels, label_pixels, palette
from ..pipeline.media.images import read_8_or_16_bit, write_picture
from ..pipeline.styles.zoo import find_styles
from .estimate import PaintingTimer, about
from .progress import ProgressReport


@dataclass(frozen=True)
class StyleFiles:
    """The style pictures of a painting, and its masks."""

    styles: Sequence[str]
    """``PATH`` or ``PATH:WEIGHT``."""
    style_masks: Sequence[Path] = ()
    content_mask: Rgb | None = None
    """(H, W, 3) uint8, RGB; its colours name labels together with those of ``style_masks``."""


class PicturePainter:
    """A ``PictureOptimizer`` whose styles are read from files.

    Args:
        method: ``gatys`` or ``deepphoto``.
        recipe: layers, weights and iterations.
        files: the styles and masks.
        vgg: the file of VGG-19's weights; ``None`` downloads them.
        device: where to compute.

    Raises:
        SettingsError: masks and styles don't go together.
        SourceError: a picture can't be read.
        TrainingError: VGG-19 can't be loaded.
    """

    def __init__(
        self,
        method: Method,
        recipe: PaintRecipe,
        files: StyleFiles,
        vgg: Path | None,
        device: torch.device,
    ) -> None:
        self.recipe = recipe
        styles = find_styles(files.styles)
        pictures = [read_picture(path, "--style") for path, _ in styles]
        masks = [eight_bits(read_picture(path, "--style-mask")) for path in files.style_masks]
        if len(masks) != (0 if files.content_mask is None else len(styles)):
            raise SettingsError(
                "--content-mask and --style-mask go together, one --style-mask for each style"
            )
        self._colours = None
        if files.content_mask is not None:
            self._colours = palette([files.content_mask, *masks])
        labels = [self._labels(mask) for mask in masks] or [None] * len(styles)
        self.optimizer = PictureOptimizer(
            method,
            recipe,
            [
                StylePicture(rgb, weight, planes)
                for rgb, (_, weight), planes in zip(pictures, styles, labels, strict=True)
            ],
            cached_describer(vgg, recipe.pooling, recipe.margin, device),
        )
        settings = [method, recipe.model_dump_json(), *(str(weight) for _, weight in styles)]
        settings.append(fingerprint(self.optimizer.describe.vgg))
        self.key = digest(*settings, *pictures, *masks)
        """Changes with everything that a painting depends on, except its content."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.optimizer.device

    def content(self, rgb: Rgb8Or16, mask: Rgb | None = None) -> ContentPicture:
        """A picture to paint, with its matting Laplacian for ``deepphoto``.

        Args:
            rgb: (H, W, 3), RGB, uint8 or uint16.
            mask: (h, w, 3) uint8, RGB, of any size; not used where the styles have no masks.
        """
        laplacian = _laplacian(eight_bits(rgb)) if self.optimizer.method == "deepphoto" else None
        return ContentPicture(rgb, None if mask is None else self._labels(mask), laplacian)

    def _labels(self, mask: Rgb) -> Labels | None:
        return None if self._colours is None else label_pixels(mask, self._colours)


@lru_cache(maxsize=2)
def cached_describer(
    vgg: Path | None, pooling: Literal["average", "max"], margin: int, device: torch.device
) -> Describer:
    """VGG-19 on a device; all pictures of a sweep use one.

    Args:
        vgg: the file of the weights; ``None`` downloads them.
        pooling: between the blocks.
        margin: px of reflection around the picture; see ``Describer``.
        device: where to compute.
    """
    return open_describer(open_vgg19(vgg, pooling), margin, device)


def _laplacian(rgb: Rgb) -> Callable[[tuple[int, int]], Any]:
    def at(size: tuple[int, int]) -> Any:
        small = cv2.resize(rgb, size[::-1], interpolation=cv2.INTER_AREA)
        return matting.matting_laplacian(np.asarray(small, np.uint8))

    return at


class CheckpointedPainting:
    """One painting, with its checkpoint, preview and loss curves in a folder beside the output.

    Args:
        key: names everything that the painting depends on.
        out: the output; the folder is ``OUT.painting``.
        report: shows the progress.
        every: iterations between two checkpoints and previews.
    """

    def __init__(
        self,
        key: str,
        out: Path,
        report: ProgressReport,
        every: int = PAINT_CHECKPOINT_EVERY,
    ) -> None:
        self._every = every
        self._report = report
        self._folder = neighbour(out, out.stem, ".painting")
        self._checkpoint = self._folder / f"{key}.pt"
        self._resumes = False

    def run(self, descent: Descent, device: torch.device, dtype: Any, restart: bool) -> Rgb8Or16:
        """Paint to the end, from the checkpoint if there is one.

        Args:
            descent: the painting.
            device: where its checkpoint is loaded to.
            dtype: uint8 or uint16, of the result.
            restart: ignore the checkpoint.

        Returns:
            (H, W, 3), RGB, over the whole range of ``dtype``.

        Raises:
            KeyboardInterrupt: the user stops it; the checkpoint is up to date.
        """
        with writing(self._folder):
            self._folder.mkdir(exist_ok=True)
        canvas = None if restart else load_canvas(self._checkpoint, device)
        if canvas is None:
            canvas = descent.begin()
        else:
            self._resumes = True
            self._report.say(f"resuming at iteration {canvas.iteration}")
        try:
            result = self._paint(descent, canvas, dtype)
        except KeyboardInterrupt:
            self._save(canvas)
            self._plot(canvas)
            self._report.say(f"stopped at iteration {canvas.iteration}; the same command resumes")
            raise
        self._plot(canvas)
        losses = ", ".join(f"{name} {value:.4g}" for name, value in canvas.curves[-1].items())
        self._report.say(f"losses at the end: {losses}")
        return result

    def _paint(self, descent: Descent, canvas: Canvas, dtype: Any) -> Rgb8Or16:
        total = descent.recipe.iterations
        timer = PaintingTimer(descent.stages(), self._say_estimate)
        with self._report.progress("painting", total, "iterations", canvas.iteration) as bar:

            def progress(canvas: Canvas) -> None:
                timer.tick(canvas.iteration)
                losses = canvas.curves[-1]
                bar.advance(" ".join(f"{name} {value:.3g}" for name, value in losses.items()))
                if canvas.iteration % self._every == 0 or canvas.iteration == total:
                    self._save(canvas)

            return optimize(descent, canvas, dtype, progress)

    def _say_estimate(self, whole: float, left: float) -> None:
        in_all = f"{about(whole)} in all"
        self._report.say(f"{about(left)} left" if self._resumes else in_all)

    def _plot(self, canvas: Canvas) -> None:
        loss_curves(canvas.curves, self._folder / "losses.png", "iteration")

    def _save(self, canvas: Canvas) -> None:
        with writing(self._checkpoint):
            save_canvas(canvas, self._checkpoint)
        preview = self._folder / "preview.png"
        write_picture(preview, to_picture(canvas.picture))


def paint_content(
    painter: PicturePainter,
    rgb: Rgb8Or16,
    mask: Rgb | None,
    out: Path,
    report: ProgressReport,
    every: int = PAINT_CHECKPOINT_EVERY,
    restart: bool = False,
) -> Rgb8Or16:
    """Paint a picture, with a checkpoint beside ``out``, which is not written.

    Args:
        painter: method, recipe and styles.
        rgb: (H, W, 3), RGB, uint8 or uint16.
        mask: (h, w, 3) uint8, RGB: its colours are labels.
        out: the output, after which the folder of the checkpoint is named.
        report: shows the progress.
        every: iterations between two checkpoints and previews.
        restart: ignore an earlier checkpoint.

    Returns:
        (H, W, 3), RGB, of the type of ``rgb``.
    """
    key = digest(painter.key, rgb, *([] if mask is None else [mask]))
    descent = painter.optimizer.descent(painter.content(rgb, mask))
    run = CheckpointedPainting(key, out, report, every)
    return run.run(descent, painter.device, rgb.dtype, restart)


def paint_swap(
    rgb: Rgb8Or16,
    style: str,
    recipe: SwapRecipe,
    vgg: Path | None,
    device: torch.device,
    report: ProgressReport,
) -> Rgb8Or16:
    """Paint a picture with the patches of a style picture of the same short side.

    Args:
        rgb: (H, W, 3), RGB, uint8 or uint16.
        style: the file of the style.
        recipe: how.
        vgg: the file of VGG-19's weights; ``None`` downloads them.
        device: where to compute.
        report: shows the progress.

    Returns:
        (H, W, 3), RGB, of the type of ``rgb``.
    """
    ((path, _),) = find_styles([style])
    other = short_side(read_picture(path, "--style"), min(rgb.shape[:2]))
    with report.progress("painting", recipe.iterations, "iterations") as bar:
        return swap_patches(
            rgb,
            other,
            recipe,
            open_vgg19(vgg),
            device,
            lambda loss: bar.advance(f"loss {loss:.4f}"),
        )


def smooth(result: Rgb8Or16, content: Rgb8Or16, how: str) -> Rgb8Or16:
    """Smooth a result along the edges of its content; in 8 bits, unless ``how`` is ``off``.

    Args:
        result: (H, W, 3), RGB, uint8 or uint16.
        content: of the same shape, uint8 or uint16.
        how: ``off``, ``guided`` (He 2010) or ``closed`` (Li 2018, equation 7).

    Returns:
        (H, W, 3), RGB, uint8; ``result`` itself for ``off``.
    """
    if how == "off":
        return result
    small, source = eight_bits(result), eight_bits(content)
    if how == "closed":
        return matting.smooth_by_matting(small, source)
    return guided.apply_affine_maps(source, [guided.fit_affine_maps(small, source)])


def read_picture(path: Path, argument: str) -> Rgb8Or16:
    """A picture, (H, W, 3), RGB, uint8 or uint16 over the whole range.

    Args:
        path: the file.
        argument: how the user gave it, for the message.

    Raises:
        SourceError: it can't be read.
    """
    try:
        return read_8_or_16_bit(path)
    except SourceError as error:
        raise SourceError(f"{argument} {path}: {error}; give a JPEG, PNG, TIFF or WebP") from error


def short_side(rgb: Rgb8Or16, size: int) -> Rgb8Or16:
    """A picture resized to a short side of ``size`` px: (H, W, 3), RGB, uint8 or uint16."""
    height, width = rgb.shape[:2]
    by = size / min(height, width)
    return resize_pixels(rgb, (max(1, round(height * by)), max(1, round(width * by))))


def digest(*parts: str | NDArray[Any]) -> str:
    """24 hexadecimal digits that name texts and arrays, (…, …) of any type and any range."""
    chunks: list[bytes] = []
    for part in parts:
        shape = "" if isinstance(part, str) else f"{part.dtype}{part.shape}"
        chunks.append(f"[{shape}]".encode())
        chunks.append(
            part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes()
        )
    return files.digest(chunks)[:24]

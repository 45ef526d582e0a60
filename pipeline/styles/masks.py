"""Masks: where to paint (``--mask``), and which part is which (``--content-mask``)."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ..core.concurrency import closing_source
from ..core.config import Settings
from ..core.errors import SettingsError
from ..core.frame import Frame, Plane
from ..imaging.compositing import fit_mask
from ..imaging.segmentation import Labels, label_pixels, palette
from ..media.aligned import AlignedPictures, pictures_of
from ..media.inputs import first_picture
from ..media.source import Source

ALPHA = "alpha"
"""The mask that a source brings itself."""


class Masks:
    """The mask of every frame: a video, or one picture. Frames are asked for in order.

    Args:
        beside: the mask's pictures.
        feather: softness of the edge, px.
        invert: paint outside.
    """

    def __init__(self, pictures: AlignedPictures, feather: float = 0, invert: bool = False) -> None:
        self._pictures = pictures
        self._feather = feather
        self._invert = invert
        self._last: tuple[Any, Any] = (None, None)

    def __call__(self, frame: Frame) -> Plane:
        """The mask (H, W), 0–255, of the frame's size; white where it is painted."""
        time, mask = self._pictures.at(frame)
        key = (time, frame.source.shape)
        if self._last[0] != key:
            made = fit_mask(mask, frame.source.shape, self._feather, self._invert)
            self._last = (key, made)
        return self._last[1]

    def close(self) -> None:
        """Close the file."""
        self._pictures.close()


def open_masks(settings: Settings, source: Source) -> Masks | None:
    """The masks that ``--mask`` names; ``None`` without one.

    Raises:
        SourceError: they can't be read.
    """
    if settings.mask is None:
        return None
    own = settings.mask == ALPHA
    read = source.alphas if own else partial(pictures_of, settings.mask, settings.rate)
    aligned = AlignedPictures(f"--mask {settings.mask}", read, source.info.start)
    return Masks(aligned, settings.mask_feather, settings.mask_invert)


class ContentMasks:
    """Segmentation masks of the style pictures and of the frames; their colours are labels.

    Args:
        styles: labels of the style pictures, (H, W, K) each.
        colours: of the labels, (K, 3).
        frames: the frames' masks.
    """

    def __init__(self, styles: Sequence[Labels], colours: Any, frames: AlignedPictures) -> None:
        self.styles = styles
        self._colours = colours
        self._frames = frames

    def attach(self, frames: Iterable[Frame]) -> Generator[Frame]:
        """The stage that gives every frame its ``labels``."""
        last, labels = None, None
        with closing_source(frames):
            for frame in frames:
                time, mask = self._frames.at(frame)
                if time != last:
                    last, labels = time, label_pixels(mask, self._colours)
                yield replace(frame, labels=labels)

    def close(self) -> None:
        """Close the file."""
        self._frames.close()


def open_content_mask(settings: Settings, source: Source) -> AlignedPictures | None:
    """The source's segmentation that ``--content-mask`` names, if any."""
    name = settings.content_mask
    if name is None:
        return None
    read = partial(pictures_of, name, settings.rate)
    return AlignedPictures(f"--content-mask {name}", read, source.info.start)


def open_content_masks(settings: Settings, source: Source) -> ContentMasks | None:
    """The segmentations of source and styles; ``None`` without ``--content-mask``.

    Raises:
        SettingsError: they don't go together.
        SourceError: one can't be read.
    """
    expected = 0 if settings.content_mask is None else len(settings.style)
    if len(settings.style_mask) != expected:
        raise SettingsError(
            "--content-mask and --style-mask go together, one --style-mask for each style picture"
        )
    frames = open_content_mask(settings, source)
    if frames is None:
        return None
    pictures = [first_picture(path) for path in settings.style_mask]
    colours = palette([*pictures, frames.now[1]])
    return ContentMasks([label_pixels(picture, colours) for picture in pictures], colours, frames)

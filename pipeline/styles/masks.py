"""Masks: where to paint (``--mask``), and which part is which (``--content-mask``)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from ..core.concurrency import closing_source
from ..core.config import Settings
from ..core.errors import SettingsError
from ..core.frame import Frame, Plane
from ..core.groups import PEOPLE
from ..core.units import split_weight
from ..imaging.compositing import fit_mask
from ..imaging.segmentation import Labels, label_pixels, palette
from ..media.aligned import AlignedPictures, pictures_of
from ..media.inputs import first_picture
from ..media.source import Source
from .people_masks import (
    PERSON,
    PeopleMask,
    note_files_of_that_name,
    people_labels,
    style_labels,
)

ALPHA = "alpha"
"""The mask that a source brings itself."""


class FrameMasks(Protocol):
    """The mask of every frame."""

    def __call__(self, frame: Frame) -> Plane | None:
        """The mask (H, W), 0–255, of the frame's size, white where it is painted.

        ``None``: it is painted everywhere.
        """
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


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


def open_masks(settings: Settings, source: Source) -> FrameMasks | None:
    """The masks of ``--mask``; ``None`` without it.

    Raises:
        SourceError: they can't be read.
    """
    note_files_of_that_name(settings)
    return people_mask(settings) if settings.mask in PEOPLE else _open_files(settings, source)


def people_mask(settings: Settings) -> PeopleMask:
    """The mask of ``--mask person`` or ``background``."""
    return PeopleMask(settings.feather, (settings.mask != PERSON) != settings.mask_invert)


def _open_files(settings: Settings, source: Source) -> Masks | None:
    if settings.mask is None:
        return None
    own = settings.mask == ALPHA
    read = source.alphas if own else partial(pictures_of, settings.mask, settings.rate)
    aligned = AlignedPictures(f"--mask {settings.mask}", read, source.info.start)
    return Masks(aligned, settings.feather, settings.mask_invert)


class ContentMasks:
    """Which part is which, of the style pictures and of the frames.

    Args:
        styles: labels of the style pictures, (H, W, K) each.
        labels_of: gives a frame's.
        close: closes what that has open.
    """

    def __init__(
        self,
        styles: Sequence[Labels],
        labels_of: Callable[[Frame], Labels],
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.styles = styles
        self._labels_of = labels_of
        self.close = close

    def attach(self, frames: Iterable[Frame]) -> Generator[Frame]:
        """The stage that gives every frame its ``labels``."""
        with closing_source(frames):
            for frame in frames:
                yield replace(frame, labels=self._labels_of(frame))


class _LabelsByColour:
    """The labels of frames by segmentation masks whose colours, (K, 3), are labels."""

    def __init__(self, colours: Any, frames: AlignedPictures) -> None:
        self._colours = colours
        self._frames = frames
        self._last: tuple[Any, Any] = (None, None)

    def __call__(self, frame: Frame) -> Labels:
        time, mask = self._frames.at(frame)
        if time != self._last[0]:
            self._last = time, label_pixels(mask, self._colours)
        return self._last[1]


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
    if settings.content_mask == PERSON:
        return _open_people(settings)
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
    styles = [label_pixels(picture, colours) for picture in pictures]
    return ContentMasks(styles, _LabelsByColour(colours, frames), frames.close)


def _open_people(settings: Settings) -> ContentMasks:
    """People, and all else: in the style pictures too, where no ``--style-mask`` says it."""
    count = len(settings.style)
    if len(settings.style_mask) not in (0, count):
        raise SettingsError(
            "give one --style-mask for each style picture, or none: people are found"
        )
    names = [split_weight(style)[0] for style in settings.style]
    masks = settings.style_mask or (None,) * count
    labels = [style_labels(name, mask) for name, mask in zip(names, masks, strict=True)]
    return ContentMasks(labels, people_labels)

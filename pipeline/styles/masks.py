"""Masks: where to paint (``--mask``), and which part is which (``--content-mask``)."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import replace
from typing import Any

from ..core.concurrency import closing_source
from ..core.config import Settings
from ..core.frame import Frame, Plane
from ..imaging.compositing import fit_mask
from ..imaging.segmentation import Palette, label_pixels
from ..media.aligned import AlignedPictures, pictures_of
from ..media.source import Source

ALPHA = "alpha"
"""The mask that a source brings itself."""


class Masks:
    """Masks of a video, or one picture's for every frame; frames are asked for in order."""

    def __init__(self, beside: AlignedPictures, feather: float, invert: bool) -> None:
        self.beside = beside
        self._feather = feather
        self._invert = invert
        self._made: tuple[Any, Any] = (None, None)

    def __call__(self, frame: Frame) -> Plane:
        """The mask that is shown when the frame is."""
        time, mask = self.beside.at(frame)
        key = (time, frame.picture.shape)
        if self._made[0] != key:
            made = fit_mask(mask, frame.picture.shape, self._feather, self._invert)
            self._made = (key, made)
        return self._made[1]


def open_masks(settings: Settings, source: Source) -> Masks:
    """The masks that ``--mask`` names."""
    assert settings.mask is not None
    own = settings.mask == ALPHA
    masks = source.alphas() if own else pictures_of(settings.mask, settings.rate)
    beside = AlignedPictures(f"--mask {settings.mask}", masks, source.info.start)
    return Masks(beside, settings.mask_feather, settings.mask_invert)


def open_content_mask(settings: Settings, source: Source) -> AlignedPictures | None:
    """The source's segmentation, if there is one."""
    asked = settings.content_mask
    if asked is None:
        return None
    return AlignedPictures(
        f"--content-mask {asked}", pictures_of(asked, settings.rate), source.info.start
    )


def with_segments(
    frames: Iterable[Frame], masks: AlignedPictures, colours: Palette
) -> Generator[Frame]:
    """The stage that tells every frame its labels."""
    made = None
    labels = None
    with closing_source(frames), closing(masks):
        for frame in frames:
            time, mask = masks.at(frame)
            if time != made:
                made, labels = time, label_pixels(mask, colours)
            yield replace(frame, labels=labels)

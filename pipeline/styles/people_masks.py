"""Masks that find what they need by themselves: people, all but people, and faces."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import cv2
import numpy as np

from ..core.config import Settings
from ..core.frame import Frame, Plane
from ..core.groups import PEOPLE
from ..imaging.compositing import fit_mask
from ..imaging.edges import follow_edges
from ..imaging.resize import brightness, limit_side, reduce_pixels, reduced_of, resize_linear
from ..imaging.segmentation import Labels
from ..media.inputs import first_picture
from ..people.find import FINDERS
from ..people.follow import found_in
from .finish import MaskOf

log = logging.getLogger(__name__)

PERSON = PEOPLE[0]
"""``--content-mask person``: the parts are people, and all else."""

_SIDE = 1024  # px of a style picture in which people are looked for


def wanted_of(settings: Settings, masks: Iterable[str] = ()) -> tuple[str, ...]:
    """What must be found in every frame: fields of ``Frame``.

    Args:
        settings: of the run.
        masks: others than ``--mask``: those of a timeline.
    """
    people = settings.content_mask == PERSON or any(m in PEOPLE for m in (settings.mask, *masks))
    faces = settings.protect == "faces"
    return tuple(n for n, wanted in (("people", people), ("faces", faces)) if wanted)


def note_files_of_that_name(settings: Settings) -> None:
    """Say how a file is typed that has the name of what is found by itself."""
    for flag, name in (("--mask", settings.mask), ("--content-mask", settings.content_mask)):
        if name in PEOPLE and Path(name).exists():
            log.warning(
                "%s %s finds people; for the file here type %s ./%s", flag, name, flag, name
            )


def say_what_is_missing(settings: Settings, found: Collection[str]) -> None:
    """Say once, at a film's end, that nobody was found where somebody was wanted.

    Args:
        settings: of the run.
        found: which of ``wanted_of`` were found in any frame.
    """
    if "people" not in found and settings.mask in PEOPLE:
        painted = (settings.mask == PERSON) == settings.mask_invert
        result = "everything is painted" if painted else "nothing is painted"
        log.warning("--mask %s: nobody was found in this film, so %s", settings.mask, result)
    if "people" not in found and settings.content_mask == PERSON:
        log.warning("--content-mask person: nobody was found in this film")
    if "faces" not in found and settings.protect == "faces":
        log.warning("--protect faces: no face was found in this film")


class PeopleMask:
    """The people of every frame, or all but them, along the frame's own edges.

    Args:
        feather: softness of the edge, px.
        invert: all but people.
    """

    def __init__(self, feather: float, invert: bool) -> None:
        self._feather = feather
        self._invert = invert

    def __call__(self, frame: Frame) -> Plane:
        """The mask (H, W), 0–255, of the frame's size; white where it is painted."""
        return fit_mask(_edged(frame), frame.source.shape, self._feather, self._invert)

    def close(self) -> None:
        """Nothing is open."""


class Protected:
    """Another mask, darker on faces.

    Args:
        mask: the other one; ``None``: everything is painted.
        strength: how much darker, 0..1.
        close: closes what the other one has open.
    """

    def __init__(
        self, mask: MaskOf | None, strength: float, close: Callable[[], None] = lambda: None
    ) -> None:
        self._mask = mask
        self._strength = strength
        self.close = close

    def __call__(self, frame: Frame) -> Plane:
        """The mask (H, W), 0–255, of the frame's size."""
        size = (frame.source.shape[0], frame.source.shape[1])
        weak = cv2.convertScaleAbs(found_in(frame, "faces"), alpha=self._strength)
        left = 255 - resize_linear(np.asarray(weak, np.uint8), size)
        mask = None if self._mask is None else self._mask(frame)
        if mask is None:
            return np.asarray(left, np.uint8)
        return np.asarray(cv2.multiply(mask, left, scale=1 / 255), np.uint8)


def people_labels(frame: Frame) -> Labels:
    """The labels of a frame, (H, W, 2) uint8, 0–255: all else, and people."""
    return _labels(_edged(frame))


def style_labels(style: str, mask: Path | None) -> Labels:
    """The labels of a style picture, as ``people_labels``.

    Args:
        style: the picture's name.
        mask: a picture that is white where people are; ``None``: they are found.

    Raises:
        SourceError: a picture can't be read.
    """
    if mask is not None and str(mask) != PERSON:
        picture = first_picture(mask)
        return _labels(fit_mask(picture, picture.shape, 0, False))
    picture = limit_side(first_picture(Path(style)), _SIDE)
    found = FINDERS["people"](picture, (picture.shape[0], picture.shape[1]), None)
    return _labels(np.rint(found * 255).astype(np.uint8))


def _labels(people: Plane) -> Labels:
    return np.stack([255 - people, people], axis=-1)


def _edged(frame: Frame) -> Plane:
    """Where people are, (h, w) uint8, along the edges of the frame: up to twice as fine as found.

    Finer would take four times as long, for what the mask's soft edge hides.
    """
    small, whole = brightness(reduced_of(frame)), brightness(frame.source)
    size = min(whole.shape[0], 2 * small.shape[0]), min(whole.shape[1], 2 * small.shape[1])
    return follow_edges(found_in(frame, "people"), small, reduce_pixels(whole, size))

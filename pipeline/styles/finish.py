"""The last touches: where the picture is painted, how far, and whose colours it has."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing, nullcontext
from dataclasses import replace

from ..core.concurrency import closing_source
from ..core.config import Settings
from ..core.frame import Frame, Rgb8Or16, eight_bits
from ..imaging.compositing import blend, brightness_only, fade
from ..media.source import Source
from .masks import open_masks

Finishing = Callable[[Iterable[Frame]], Generator[Frame]]


def open_finish(settings: Settings, source: Source, fades: bool) -> Finishing | None:
    """The stage that the settings ask for; ``None`` where there is nothing to do.

    Args:
        settings: strength, colours and mask.
        source: what is painted.
        fades: the strength is not the net's own, so that it is a fade from the source here.

    Raises:
        SourceError: the mask can't be read.
    """
    share = settings.strength if fades else 1.0
    masks = open_masks(settings, source) if settings.mask is not None else None
    luma = settings.preserve_color == "luma"
    if share == 1 and masks is None and not luma:
        return None

    def finishing(frames: Iterable[Frame]) -> Generator[Frame]:
        with closing_source(frames), closing(masks.beside) if masks is not None else nullcontext():
            for frame in frames:
                original = frame.original
                assert original is not None  # keep_original stands before
                painted = brightness_only(frame.picture, original) if luma else frame.picture
                inside = masks(frame) if masks is not None else None
                shown = fade(painted, original, share, inside)
                yield replace(frame, picture=shown, original=None)

    return finishing


def finished_picture(
    painted: Rgb8Or16, original: Rgb8Or16, settings: Settings, source: Source
) -> Rgb8Or16:
    """One picture of 8 or 16 bits as ``open_finish`` has frames; its strength is a fade."""
    inside = None
    if settings.mask is not None:
        masks = open_masks(settings, source)
        with closing(masks.beside):
            inside = masks(Frame(eight_bits(original), 0, source.info.time_base))
    return blend(painted, original, settings.strength, inside)


def keep_original(frames: Iterable[Frame]) -> Generator[Frame]:
    """The stage that lets every frame remember its picture."""
    with closing_source(frames):
        for frame in frames:
            yield replace(frame, original=frame.picture)


# ---- masks ----

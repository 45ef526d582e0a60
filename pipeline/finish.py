"""The last touches: where the picture is painted, how far, and whose colours it has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from .config import Settings
from .errors import SourceError
from .frame import Frame
from .inputs import open_source
from .prefetch import closing_source
from .source import Source
from .yuv import Picture, Plane, Yuv, as_rgb

ALPHA = "alpha"
"""The mask that a source brings itself."""

log = logging.getLogger(__name__)

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
    masks = _open_masks(settings, source) if settings.mask is not None else None
    luma = settings.preserve_color == "luma"
    if share == 1 and masks is None and not luma:
        return None

    def finishing(frames: Iterable[Frame]) -> Generator[Frame]:
        with closing_source(frames), closing_source(masks.masks if masks is not None else ()):
            for frame in frames:
                original = frame.original
                assert original is not None  # keep_original stands before
                painted = brightness_only(frame.picture, original) if luma else frame.picture
                inside = masks(frame) if masks is not None else None
                shown = faded(painted, original, share, inside)
                yield replace(frame, picture=shown, original=None)

    return finishing


def keep_original(frames: Iterable[Frame]) -> Generator[Frame]:
    """The stage that lets every frame remember its picture."""
    with closing_source(frames):
        for frame in frames:
            yield replace(frame, original=frame.picture)


def brightness_only(painted: Picture, original: Picture) -> Picture:
    """The painting's brightness in the original's colours."""
    if isinstance(painted, Yuv) and isinstance(original, Yuv):
        return Yuv(painted.y, original.u, original.v, painted.coding)
    y, source = (cv2.cvtColor(p, cv2.COLOR_RGB2YCrCb) for p in (as_rgb(painted), as_rgb(original)))
    merged = cv2.merge([y[..., 0], source[..., 1], source[..., 2]])
    return np.asarray(cv2.cvtColor(merged, cv2.COLOR_YCrCb2RGB), np.uint8)


def faded(painted: Picture, original: Picture, share: float, inside: Plane | None) -> Picture:
    """``share`` of the painting where ``inside`` (H, W), 0–255, is white; the original elsewhere.

    Where the mask is black the original's pixels are kept to the bit; of colour at half size, where
    it is black on all four.
    """
    if isinstance(painted, Yuv) and isinstance(original, Yuv):
        y, u, v = (
            _blend(p, o, share, inside)
            for p, o in zip(painted.planes, original.planes, strict=True)
        )
        return Yuv(y, u, v, painted.coding)
    return _blend(as_rgb(painted), as_rgb(original), share, inside)


def _blend(painted: Any, original: Any, share: float, inside: Plane | None) -> Any:
    if inside is None:
        return cv2.addWeighted(painted, share, original, 1 - share, 0)
    size = original.shape[1::-1]
    fitted = inside
    if inside.shape[::-1] != size:
        fitted = cv2.resize(inside, size, interpolation=cv2.INTER_AREA)
    weight = np.asarray(fitted, np.float32) * np.float32(share / 255)
    weight = weight if original.ndim == 2 else weight[..., None]
    mixed = original + weight * (painted.astype(np.float32) - original)
    return np.rint(mixed).astype(np.uint8)


# ---- masks ----


@dataclass
class _Masks:
    """Masks of a video, or one picture's for every frame; frames are asked for in order."""

    masks: Generator[tuple[Fraction, Plane]]
    """At least one."""
    start: Fraction
    """Time of the source's first frame."""
    feather: float
    invert: bool

    def __post_init__(self) -> None:
        self._coming = iter(self.masks)
        self._now = next(self._coming)
        self._next = next(self._coming, None)
        self._made: tuple[Any, Any] = (None, None)

    def __call__(self, frame: Frame) -> Plane:
        """The mask that is shown when the frame is; a mask that ends early stays."""
        time = frame.time - self.start
        # The nearest in time: two clocks are never rounded alike.
        while self._next is not None and (self._now[0] + self._next[0]) / 2 <= time:
            self._now, self._next = self._next, next(self._coming, None)
        key = (self._now[0], frame.picture.shape)
        if self._made[0] != key:
            self._made = (key, self._fitted(self._now[1], frame.picture.shape))
        return self._made[1]

    def _fitted(self, mask: Plane, shape: tuple[int, ...]) -> Plane:
        how = cv2.INTER_AREA if mask.shape[0] > shape[0] else cv2.INTER_LINEAR
        fitted = cv2.resize(mask, (shape[1], shape[0]), interpolation=how)
        if self.feather:
            fitted = cv2.GaussianBlur(fitted, (0, 0), self.feather / 2)
        return np.asarray(255 - fitted if self.invert else fitted, np.uint8)


def _open_masks(settings: Settings, source: Source) -> _Masks:
    assert settings.mask is not None
    if settings.mask == ALPHA:
        masks = source.alphas()
    else:
        masks = _luminances(settings.mask, Fraction(settings.fps).limit_denominator(100000))
    try:
        first = next(masks)
    except StopIteration as error:
        raise SourceError(f"--mask {settings.mask}: there is no picture in it") from error
    except SourceError as error:
        raise SourceError(f"--mask {settings.mask}: {error}") from error
    kept = _kept(first, masks, settings.mask)
    return _Masks(kept, source.info.start, settings.mask_feather, settings.mask_invert)


def _kept(
    first: tuple[Fraction, Plane], rest: Generator[tuple[Fraction, Plane]], name: str
) -> Generator[tuple[Fraction, Plane]]:
    """All masks; one that breaks off is noted, and its last picture stays."""
    with closing_source(rest):
        yield first
        try:
            yield from rest
        except SourceError as error:
            log.warning("--mask %s: %s; the last of it is used from there on", name, error)


def _luminances(name: str, fps: Fraction) -> Generator[tuple[Fraction, Plane]]:
    """Times from the first, and brightness of the frames of a file."""
    opened = open_source(name, None, fps)
    for frame in opened.frames():
        grey = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY)
        yield frame.time - opened.info.start, np.asarray(grey, np.uint8)

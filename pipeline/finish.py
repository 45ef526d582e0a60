"""The last touches: where the picture is painted, how far, and whose colours it has."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing, nullcontext
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from .beside import Beside, pictures_of
from .config import Settings
from .frame import Frame
from .prefetch import closing_source
from .source import Source
from .yuv import Deep, Picture, Plane, Yuv, as_rgb, eight_bits

ALPHA = "alpha"
"""The mask that a source brings itself."""

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
        with closing_source(frames), closing(masks.beside) if masks is not None else nullcontext():
            for frame in frames:
                original = frame.original
                assert original is not None  # keep_original stands before
                painted = brightness_only(frame.picture, original) if luma else frame.picture
                inside = masks(frame) if masks is not None else None
                shown = faded(painted, original, share, inside)
                yield replace(frame, picture=shown, original=None)

    return finishing


def finished_picture(painted: Deep, original: Deep, settings: Settings, source: Source) -> Deep:
    """One picture of 8 or 16 bits as ``open_finish`` has frames; its strength is a fade."""
    inside = None
    if settings.mask is not None:
        masks = _open_masks(settings, source)
        with closing(masks.beside):
            inside = masks(Frame(eight_bits(original), 0, source.info.time_base))
    return _blend(painted, original, settings.strength, inside)


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
    return np.rint(mixed).astype(original.dtype)


# ---- masks ----


class _Masks:
    """Masks of a video, or one picture's for every frame; frames are asked for in order."""

    def __init__(self, beside: Beside, feather: float, invert: bool) -> None:
        self.beside = beside
        self._feather = feather
        self._invert = invert
        self._made: tuple[Any, Any] = (None, None)

    def __call__(self, frame: Frame) -> Plane:
        """The mask that is shown when the frame is."""
        time, mask = self.beside.at(frame)
        key = (time, frame.picture.shape)
        if self._made[0] != key:
            made = mask_of(mask, frame.picture.shape, self._feather, self._invert)
            self._made = (key, made)
        return self._made[1]


def mask_of(picture: Plane, shape: tuple[int, ...], feather: float, invert: bool) -> Plane:
    """The mask that a grey or RGB picture is, for pictures of a shape (H, W, …).

    Args:
        picture: 0–255.
        shape: of what is masked.
        feather: softness of its edge, px.
        invert: white and black are exchanged.
    """
    if picture.ndim == 3:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    how = cv2.INTER_AREA if picture.shape[0] > shape[0] else cv2.INTER_LINEAR
    fitted = cv2.resize(picture, (shape[1], shape[0]), interpolation=how)
    if feather:
        fitted = cv2.GaussianBlur(fitted, (0, 0), feather / 2)
    return np.asarray(255 - fitted if invert else fitted, np.uint8)


def _open_masks(settings: Settings, source: Source) -> _Masks:
    assert settings.mask is not None
    own = settings.mask == ALPHA
    masks = source.alphas() if own else pictures_of(settings.mask, settings.rate)
    beside = Beside(f"--mask {settings.mask}", masks, source.info.start)
    return _Masks(beside, settings.mask_feather, settings.mask_invert)

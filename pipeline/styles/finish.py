"""The last step of painting: where, how strongly, and in whose colours."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import replace

from ..core.concurrency import closing_source
from ..core.frame import Frame, Picture, Plane, Rgb8Or16
from ..imaging.compositing import blend, brightness_only, fade

MaskOf = Callable[[Frame], Plane | None]
"""A frame → its mask (H, W), 0–255, white where it is painted; ``None``: it is everywhere."""

AmountOf = Callable[[Frame], float]
"""A frame → how much of something it gets, 0..1."""


class Finish:
    """Blends a painting with its source. File and live use it.

    Args:
        luma: keep the source's colours and paint brightness only; or how far each frame does.
        mask: where to paint; ``None``: everywhere.
    """

    def __init__(self, luma: bool | AmountOf = False, mask: MaskOf | None = None) -> None:
        self._luma = luma
        self._mask = mask

    def __call__(self, frame: Frame, painted: Picture, opacity: float) -> Picture:
        """The output for a frame.

        Args:
            frame: with its source.
            painted: the painting, of the same size.
            opacity: its weight over the source, 0..1.
        """
        luma = self._luma(frame) if callable(self._luma) else float(self._luma)
        if luma:
            grey = brightness_only(painted, frame.original)
            painted = grey if luma == 1 else fade(grey, painted, luma, None)
        inside = None if self._mask is None else self._mask(frame)
        if opacity == 1 and inside is None:
            return painted
        return fade(painted, frame.original, opacity, inside)

    def picture(
        self, painted: Rgb8Or16, source: Rgb8Or16, frame: Frame, strength: float
    ) -> Rgb8Or16:
        """The same for one picture of 8 or 16 bits whose strength is a fade.

        Args:
            painted: (H, W, 3) uint8 or uint16, RGB.
            source: of the same shape and type.
            frame: of the source, for its mask.
            strength: 0..1.
        """
        return blend(painted, source, strength, None if self._mask is None else self._mask(frame))


def finish_frames(frames: Iterable[Frame], finish: Finish) -> Generator[Frame]:
    """The stage: painted frames → finished ones."""
    with closing_source(frames):
        for frame in frames:
            yield replace(frame, painted=finish(frame, frame.picture, frame.opacity))

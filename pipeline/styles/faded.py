"""A mixture of styles that share no base: each paints the frame, and the paintings are faded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..core.frame import Frame, Picture, TemporalState
from ..imaging.compositing import fade
from .style import ShotStyle, Style, StyleInfo


class FadedStyles:
    """Several styles, each as strong in the picture as its weight; see ``Style``.

    Args:
        styles: they take frames of the same layout.
        weights: of the styles, above 0; their sum is 1.
    """

    def __init__(self, styles: Sequence[Style], weights: Sequence[float]) -> None:
        self._styles = styles
        self._weights = weights
        infos = [style.info for style in styles]
        names = " ".join(f"{i.name}:{w:.2g}" for i, w in zip(infos, weights, strict=True))
        self.info: StyleInfo = replace(
            infos[0],
            name=names,
            planar=all(info.planar for info in infos),
            per_shot=any(info.per_shot for info in infos),
            canvas=any(info.canvas for info in infos),
            scale=infos[0].scale if all(i.scale == infos[0].scale for i in infos) else None,
            parts=False,
            max_workers=min(info.max_workers for info in infos),
        )

    def compile(self, shot: Sequence[Frame], strength: float = 1.0) -> FadedShot:
        """See ``Style.compile``; the strength is left for the fade with the source."""
        shots = tuple(style.compile(shot) for style in self._styles)
        return FadedShot(shots, tuple(self._weights), strength)


@dataclass(frozen=True)
class FadedShot:
    """The styles compiled for a shot; see ``ShotStyle``."""

    shots: tuple[ShotStyle, ...]
    weights: tuple[float, ...]
    opacity: float

    def paint(self, frame: Frame, state: TemporalState | None = None) -> Picture:
        """See ``ShotStyle.paint``."""
        painted = self.shots[0].paint(frame)
        total = self.weights[0]
        for shot, weight in zip(self.shots[1:], self.weights[1:], strict=True):
            total += weight
            painted = fade(shot.paint(frame), painted, weight / total, None)
        return painted

    def adapt(self, frame: Frame, weight: float) -> FadedShot:
        """See ``ShotStyle.adapt``."""
        return replace(self, shots=tuple(shot.adapt(frame, weight) for shot in self.shots))

    def mixed(self, other: FadedShot, weight: float, frame: Frame) -> FadedShot:
        """See ``ShotStyle.mixed``."""
        pairs = zip(self.shots, other.shots, strict=True)
        return replace(self, shots=tuple(a.mixed(b, weight, frame) for a, b in pairs))

"""Nets on the way from one style to another: measured at some places of the way, compiled at any.

Nets of one base lie in one valley of the loss, so each net between two of them is a style. Its
statistics on a shot are not those in the middle of both, so they are measured at a few places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..core.frame import Frame
from ..imaging.palette import ColorGoal, Palette
from ..nets.graph import Moments, interpolate, of_one_base
from .compiled import NetMix
from .feedforward import FeedForwardStyle, NetShot
from .style import ShotStyle

_PARTS = 4  # of a way, at the ends of which it is measured
STEPS = 32
"""Nets that are compiled on a way. Each differs by less from the next than nobody could see: the
blend with the past spreads every step over some frames."""


@dataclass(frozen=True, eq=False)
class NetTravel:
    """The way between the nets of two shots, in one shot of a film."""

    style: FeedForwardStyle
    start: NetMix
    end: NetMix
    measured: tuple[Moments, ...]
    """At equal distances."""

    @classmethod
    def between(cls, start: ShotStyle, end: ShotStyle, frames: Sequence[Frame]) -> NetTravel | None:
        """The way between two styles, measured on some frames of a shot; ``None``: there is none.

        Args:
            start: compiled for the shot.
            end: the same.
            frames: of the shot.
        """
        if not isinstance(start, NetShot) or not isinstance(end, NetShot):
            return None
        same_size = start.style.info.scale == end.style.info.scale
        if not same_size or not _lead_to_each_other(start.mix, end.mix):
            return None
        way = cls(start.style, start.mix, end.mix, ())
        return replace(way, measured=way._measure(frames))

    def at(self, weight: float, frame: Frame) -> NetShot:
        """The net at a place of the way, compiled.

        Args:
            weight: 0..1: of the end.
            frame: of the shot.
        """
        place = weight * (len(self.measured) - 1)
        before = min(int(place), len(self.measured) - 2)
        part = place - before
        moments = Moments.mean(self.measured[before : before + 2], [1 - part, part])
        return self.style.compile_mix(frame, _mix(self.start, self.end, weight), moments)

    def adapt(self, frame: Frame, weight: float) -> NetTravel:
        """See ``ShotStyle.adapt``."""
        return self._nearer(self._measure([frame], quickly=True), weight)

    def mixed(self, other: NetTravel, weight: float) -> NetTravel:
        """See ``ShotStyle.mixed``."""
        return self._nearer(other.measured, weight)

    def _measure(self, frames: Sequence[Frame], quickly: bool = False) -> tuple[Moments, ...]:
        """The statistics along the way, all with colours if any place needs them."""
        colors = _goal(self.start.colors, self.end.colors, 0.5)
        places = [number / _PARTS for number in range(_PARTS + 1)]
        mixes = [replace(_mix(self.start, self.end, at), colors=colors) for at in places]
        return tuple(self.style.measure_mix(frames, mix, quickly) for mix in mixes)

    def _nearer(self, others: Sequence[Moments], weight: float) -> NetTravel:
        pairs = zip(self.measured, others, strict=True)
        measured = tuple(Moments.mean(pair, [1 - weight, weight]) for pair in pairs)
        return replace(self, measured=measured)


def _lead_to_each_other(start: NetMix, end: NetMix) -> bool:
    both = (start.colors.palette is None) == (end.colors.palette is None)
    return both and of_one_base(start.net, end.net)


def _mix(start: NetMix, end: NetMix, weight: float) -> NetMix:
    net = interpolate([(start.net, 1 - weight), (end.net, weight)])
    return NetMix(net, _goal(start.colors, end.colors, weight))


def _goal(start: ColorGoal, end: ColorGoal, weight: float) -> ColorGoal:
    palette = None
    if start.palette is not None and end.palette is not None:
        palette = Palette.mix([(start.palette, 1 - weight), (end.palette, weight)])
    return ColorGoal(start.source + weight * (end.source - start.source), palette)

"""What paints a film chunk by chunk: a style, or key frames."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from ..core.frame import Frame
from ..keyframes.run import KeyframeBackend, Stage, prepare_keyframes
from ..plan import Plan
from ..styles.directed import direct_frames
from ..styles.per_shot import CompiledShot, compile_beginning, paint_shots
from ..styles.style import Style, StyleInfo
from ..temporal.consistency import TemporalBlend


@dataclass(frozen=True)
class ShotBeginning:
    """The beginning of the shot in which a chunk begins."""

    shot: Fraction
    """Time of its first frame."""
    time: Fraction
    """From which the chunk's frames are read."""
    read: Callable[[Fraction], Iterable[Frame]]
    """Reads the shot's frames from a time on."""


class Painter(Protocol):
    """Paints the frames of a film, chunk by chunk."""

    @property
    def info(self) -> StyleInfo:
        """Of the style, for messages."""
        ...

    def paint(
        self, frames: Iterable[Frame], since: Fraction | None, beginning: ShotBeginning | None
    ) -> Generator[Frame]:
        """Stage: source frames → the same with ``painted``.

        Args:
            frames: in order.
            since: frames before this time are measured, but not painted, and don't come out.
            beginning: of the shot in which ``frames`` begin, if they begin inside one.
        """
        ...


@dataclass
class _StylePainter:
    """A style plays; what was measured of the last shot is remembered for the next chunk."""

    plan: Plan
    style: Style
    _last: tuple[Fraction, CompiledShot] | None = None

    @property
    def info(self) -> StyleInfo:
        return self.style.info

    def paint(
        self, frames: Iterable[Frame], since: Fraction | None, beginning: ShotBeginning | None
    ) -> Generator[Frame]:
        plan = self.plan
        blends = self.info.recurrent and plan.blend is not None
        shot = None
        if beginning is not None and self.info.per_shot:
            shot = self._compiled(beginning)
        yield from paint_shots(
            frames,
            self.style,
            plan.strength,
            TemporalBlend(plan.blend) if blends and plan.blend is not None else None,
            since,
            plan.is_film,
            plan.repaint,
            shot,
            None if plan.timeline is None else direct_frames,
        )

    def _compiled(self, beginning: ShotBeginning) -> CompiledShot:
        """The style as it was when it last began: with the shot, or in it, by a timeline."""
        plan, begin = self.plan, self.plan.style_began(beginning.shot, beginning.time)
        if self._last is None or self._last[0] != begin:
            inside, frames = begin > beginning.shot, beginning.read(begin)
            shot = compile_beginning(frames, self.style, plan.strength, plan.is_film, inside)
            self._last = begin, shot
        return self._last[1]


@dataclass(frozen=True)
class _KeyframePainter:
    """Key frames paint; the film is one chunk."""

    info: StyleInfo
    stage: Stage

    def paint(
        self, frames: Iterable[Frame], since: Fraction | None, beginning: ShotBeginning | None
    ) -> Generator[Frame]:
        yield from self.stage(frames)


def open_painter(plan: Plan, backend: KeyframeBackend | None = None) -> Painter:
    """Open what paints. Key frames are painted by this call, which can take minutes.

    Args:
        plan: of the run.
        backend: paints key frames and learns from them, where the settings ask for it.
    """
    if plan.style is not None:
        return _StylePainter(plan, plan.style)
    assert plan.keyframes is not None
    assert plan.flow is not None
    return _KeyframePainter(*prepare_keyframes(plan.keyframes, plan.flow, backend))

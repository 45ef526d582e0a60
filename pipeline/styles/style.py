"""What a style is: the interface of everything that repaints frames.

A ``Style`` is opened once. ``compile`` measures a shot and gives a ``ShotStyle``, which paints the
frames of that shot. ``render`` and ``live`` know nothing else of what paints.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from ..core.errors import ModelError, StylizeError, reason
from ..core.frame import Frame, Picture, TemporalState
from ..imaging.resize import StrokeScale


@dataclass(frozen=True)
class StyleInfo:
    """What is known of a style before it paints."""

    name: str
    """As it is reported to the user."""
    kind: str
    """The net's or the method's kind; ``third-party``, ``table``, ``keyframes``."""
    device: str = "cpu"
    """What really runs it."""
    recurrent: bool = False
    """It takes the previous output, so frames can't be painted side by side."""
    planar: bool = False
    """It takes and gives a video's own Y, U and V planes where frames have them."""
    per_shot: bool = False
    """It measures a shot's first frames, so it must know where a shot begins."""
    per_pixel: bool = False
    """A pixel depends on the same pixel of the source alone: it adds no flicker."""
    canvas: bool = False
    """It takes the frame's canvas."""
    deep: bool = False
    """Its result has 16 bits where the frame's source has."""
    scale: StrokeScale | None = None
    """Size of the strokes, where frames may be reduced to it before everything else."""
    parts: bool = False
    """It can paint a part of a frame: see ``repaint``."""
    max_workers: int = 1
    """Frames that may be painted side by side."""


class ShotStyle(Protocol):
    """A style compiled for one shot. Immutable; several threads may call it."""

    @property
    def opacity(self) -> float:
        """What is left of the strength for a fade: the painting's weight over its source, 0..1.

        1: nothing is left, because the style took the strength on itself.
        """
        ...

    def paint(self, frame: Frame, state: TemporalState | None = None) -> Picture:
        """The frame's source in the style; the same size and layout.

        Args:
            frame: of the shot that this was compiled for.
            state: what is known of the past; only a recurrent net reads it.

        Raises:
            ModelError: the net failed, most often for want of memory.
        """
        ...

    def adapt(self, frame: Frame, weight: float) -> ShotStyle:
        """The same style with its statistics moved towards those of a frame of another light.

        Args:
            frame: of the same shot.
            weight: of the frame's statistics, 0..1.
        """
        ...

    def mixed(self, other: Any, weight: float, frame: Frame) -> ShotStyle:
        """The same style with its statistics on the way to those of another one.

        Args:
            other: the same style, compiled for the same shot in another light.
            weight: of the other one's statistics, 0..1.
            frame: of the shot.
        """
        ...


class Style(Protocol):
    """Trained nets, third-party nets, any picture, colour tables."""

    @property
    def info(self) -> StyleInfo:
        """Its name, device and needs."""
        ...

    def compile(self, shot: Sequence[Frame], strength: float = 1.0) -> ShotStyle:
        """The style for a shot.

        Args:
            shot: one or more frames of it, of one size and layout.
            strength: 0 (the source) to 1 (the style).

        Raises:
            ModelError: the net failed.
        """
        ...


@dataclass(frozen=True)
class UnmeasuredShot:
    """A style that measures nothing of a shot, at a strength; see ``ShotStyle``."""

    paint_frame: Callable[[Frame, TemporalState | None], Picture]
    opacity: float

    def paint(self, frame: Frame, state: TemporalState | None = None) -> Picture:
        """See ``ShotStyle.paint``."""
        return self.paint_frame(frame, state)

    def adapt(self, frame: Frame, weight: float) -> UnmeasuredShot:
        """See ``ShotStyle.adapt``: there are no statistics."""
        return self

    def mixed(self, other: UnmeasuredShot, weight: float, frame: Frame) -> UnmeasuredShot:
        """See ``ShotStyle.mixed``."""
        return self


@contextmanager
def failures_in_one_line(
    info: StyleInfo, frame: Frame | None, instead: str = "a smaller --size"
) -> Generator[None]:
    """Turn a net's failure into one line.

    Args:
        info: of the style that runs.
        frame: what it runs on; ``None``: a style picture.
        instead: what to try where memory was too small.

    Raises:
        ModelError: with the style's name, device and size.
    """
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{info.name}: {error}") from error
    except StylizeError:
        raise
    # ONNX Runtime's errors share no base class below this one.
    except Exception as error:
        size = "" if frame is None else f" at {frame.source.shape[1]}x{frame.source.shape[0]}"
        raise ModelError(
            f"{info.name} failed on {info.device}{size}: {reason(error)}; try {instead}"
        ) from error

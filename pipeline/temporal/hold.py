"""``--hold``: each painted frame is displayed for several, as in drawn animation.

Frames are dropped before anything is measured of them or painted, and their times come back at the
end, with the picture of the frame before them. Which are dropped depends on the time since their
shot began alone: whoever begins to read inside the shot drops the same ones.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace
from fractions import Fraction

from ..core.concurrency import closing_source, then_none
from ..core.frame import Frame


def hold_frames(
    frames: Iterable[Frame], count: int, rate: Fraction, shot: Fraction | None = None
) -> Generator[Frame]:
    """Stage: the first of every ``count`` frames of a shot, with the times of the others.

    Where the frame rate varies, it is the first in each ``count`` / ``rate`` seconds.

    Args:
        frames: in order; the first of each shot has ``cut``, the first in another style
            ``restyled``. Both begin anew.
        count: frames for which each one is displayed.
        rate: usual frames per second.
        shot: the time at which the shot, or the style in it, began, if the frames begin inside.
            Then the first frame is one that is painted in the whole film, too.

    Raises:
        SourceError: the source broke off, after every frame before that was given.
    """
    holder = _Holder(count, rate, shot)
    with closing_source(then_none(frames, 1)) as coming:
        for frame in coming:
            done = holder.end() if frame is None else holder.add(frame)
            if done is not None:
                yield done


class _Holder:
    """The frame that is displayed for those after it."""

    def __init__(self, count: int, rate: Fraction, shot: Fraction | None) -> None:
        self._count = count
        self._rate = rate
        self._shot = shot
        self._held: Frame | None = None
        self._group = 0
        self._canvas_anew = self._painting_anew = False

    def add(self, frame: Frame) -> Frame | None:
        """Take the next frame; the one before is given when this one takes its place."""
        begins = frame.cut or frame.restyled
        if begins or self._shot is None:
            self._shot = frame.time
        group, place = divmod(round((frame.time - self._shot) * self._rate), self._count)
        held = self._held
        if held is None and place:  # it belongs to one before those that are read
            return None
        if held is not None and not begins and group == self._group:
            self._canvas_anew |= frame.canvas_anew
            self._painting_anew |= frame.painting_anew
            self._held = replace(held, shown=(*held.shown, (frame.pts, frame.duration)))
            return None
        # The past is forgotten at the first frame of which anything is known.
        self._held = replace(
            frame,
            canvas_anew=frame.canvas_anew or self._canvas_anew,
            painting_anew=frame.painting_anew or self._painting_anew,
        )
        self._group, self._canvas_anew, self._painting_anew = group, False, False
        return held

    def end(self) -> Frame | None:
        """The last frame."""
        held, self._held = self._held, None
        return held


def displayed(frames: Iterable[Frame]) -> Generator[Frame]:
    """Stage: each frame at its own time, and then at those of the frames that were dropped."""
    with closing_source(frames):
        for frame in frames:
            for pts, duration in ((frame.pts, frame.duration), *frame.shown):
                yield replace(frame, pts=pts, duration=duration, shown=())

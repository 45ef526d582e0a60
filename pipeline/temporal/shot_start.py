"""Find where the shot of a frame begins, reading backwards from it.

What is measured of a shot, and the canvas, depend on the shot's beginning. A run that starts inside
a shot reads the frames from there.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from fractions import Fraction

from ..core.concurrency import closing_source
from ..core.errors import SourceError
from ..core.frame import Frame, Span, clipped

FURTHEST = Fraction(60)
"""Seconds before a frame in which the start of its shot is looked for: what is read stays quick."""

_FIRST_STEP = Fraction(10)  # seconds that are read backwards; each further step is twice as long

# Frames in a row without a cut, after which the result no longer depends on where reading began:
# the detector's memory, and twice the length of the shortest shot, see ``shots``.
_SETTLED = 20


def find_shot_start(
    read: Callable[[Span], Iterable[Frame]],
    mark: Callable[[Iterable[Frame]], Iterable[Frame]],
    time: Fraction,
    first: Fraction,
) -> Fraction:
    """Find the start of the shot that is displayed at ``time``.

    The cuts are the ones that are found when the whole film is read.

    Args:
        read: reads the frames of a span.
        mark: the stage that sets ``cut``.
        time: seconds, on the source's clock.
        first: the time of the source's first frame.

    Returns:
        The time of the shot's first frame; ``first`` if it is the film's first shot, and
        ``FURTHEST`` before ``time`` if the shot is longer.
    """
    until, step = time, _FIRST_STEP
    earliest = max(first, time - FURTHEST)
    while until > earliest:
        begin = max(earliest, until - step)
        # No end: a cut is judged by the frames after it. They are read one by one.
        start, settled = _last_cut(mark(read(Span(begin))), until, begin <= first)
        if start is not None:
            return start
        if begin <= earliest:
            break
        until, step = settled or until, 2 * step
    return earliest


def _last_cut(
    frames: Iterable[Frame], time: Fraction, reliable: bool
) -> tuple[Fraction | None, Fraction | None]:
    """The time of the last cut up to ``time``, and the time since which cuts are reliable.

    Args:
        frames: with their ``cut``.
        time: seconds.
        reliable: the first frame is the film's first.
    """
    last: Fraction | None = None
    since: Fraction | None = None
    quiet = 0
    with closing_source(frames):
        try:
            for frame in frames:
                if frame.time > time:
                    break
                quiet = 0 if frame.cut else quiet + 1
                if since is None and (reliable or quiet > _SETTLED):
                    since = frame.time
                if since is not None and frame.cut:
                    last = frame.time
        except SourceError:  # the run itself reports it, after what came before it
            pass
    return last, since


def after(frames: Iterable[Frame], time: Fraction, usual: Fraction) -> Generator[Frame]:
    """Stage: leave out the frames before ``time``, seconds on the source's clock.

    One that is displayed in the place of later ones stays as it is, see ``hold``.

    Args:
        frames: in order.
        time: seconds.
        usual: see ``clipped``.
    """
    span = Span(time)
    with closing_source(frames):
        for frame in frames:
            if frame.shown and span.holds(frame.shown[-1][0] * frame.time_base):
                yield frame
                continue
            part = clipped(frame, span, usual)
            if part is not None:
                yield part

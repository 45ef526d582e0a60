"""``--cfr``: frames at a constant rate, repeated or dropped to the nearest time."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from fractions import Fraction

from ..core.concurrency import closing_source
from ..core.frame import Frame
from .source import SourceInfo

_FINE = 90000  # ticks a second, at least: the first frame's time is kept to a tick


def clock_of(rate: Fraction) -> Fraction:
    """A clock, seconds a tick, that counts frames of ``rate`` exactly."""
    return Fraction(1, rate.numerator * -(-_FINE // rate.numerator))


def at_rate(info: SourceInfo, rate: Fraction) -> SourceInfo:
    """What is known of a source whose frames go through ``constant_rate``."""
    frames = None if info.duration is None else round(info.duration * rate)
    return replace(info, rate=rate, time_base=clock_of(rate), frames=frames)


def constant_rate(
    frames: Iterable[Frame],
    rate: Fraction,
    origin: Fraction | None = None,
    ends: Callable[[], bool] = lambda: True,
) -> Generator[Frame]:
    """Stage: frames of ``rate`` a second from the time of the first one on.

    Each is displayed from the tick nearest to its own time until the next one's, so picture and
    sound are never further apart than half a frame. It is the last stage: nothing is painted twice.

    Args:
        frames: in order.
        rate: frames a second.
        origin: the time of the film's first frame, where ``frames`` begin later; seconds.
        ends: called after the last frame: whether the film ends with it. That one is displayed.
    """
    clock = clock_of(rate)
    step = round(1 / rate / clock)
    held: Frame | None = None
    start = Fraction(0)
    count = 0  # ticks that have passed
    with closing_source(frames):
        for frame in frames:
            if held is None:
                start = frame.time if origin is None else origin
                count = _nearest((frame.time - start) * rate)
            else:
                until = _nearest((frame.time - start) * rate)
                for number in range(count, until):
                    yield _at(held, start, number, clock, step)
                count = max(count, until)
            held = frame
        if held is not None:
            end = held.time + held.duration * held.time_base
            until = max(count + ends(), _nearest((end - start) * rate))
            for number in range(count, until):
                yield _at(held, start, number, clock, step)


def _nearest(ticks: Fraction) -> int:
    """Rounded; halves upwards, so that half a rate takes every second frame."""
    return math.floor(ticks + Fraction(1, 2))


def _at(frame: Frame, start: Fraction, number: int, clock: Fraction, step: int) -> Frame:
    pts = round(start / clock) + number * step
    return replace(frame, pts=pts, time_base=clock, duration=step)

from __future__ import annotations

from collections.abc import Generator, Iterable
from fractions import Fraction

import numpy as np
import pytest
from stylize_video.pipeline.core.errors import SourceError
from stylize_video.pipeline.core.frame import Frame, Rgb, Span
from stylize_video.pipeline.temporal.shot_start import after, find_shot_start
from stylize_video.pipeline.temporal.shots import mark_cuts, mark_listed

RATE = 10


def film(*lengths: int) -> list[Frame]:
    """Shots of so many frames each, ten a second, in noise of different brightness."""
    random = np.random.default_rng(0)
    pictures: list[Rgb] = []
    for number, length in enumerate(lengths):
        level = 50 + 100 * (number % 2)
        noise = random.integers(0, 6, (length, 18, 32, 3), dtype=np.uint8)
        pictures += list(noise + np.uint8(level))
    return [Frame(rgb, t, Fraction(1, RATE)) for t, rgb in enumerate(pictures)]


class Reader:
    """Reads spans of a film, and counts what is read."""

    def __init__(self, frames: list[Frame], breaks: bool = False) -> None:
        self.frames, self.breaks = frames, breaks
        self.count = 0

    def __call__(self, span: Span) -> Generator[Frame]:
        for frame in self.frames:
            if span.holds(frame.time):
                self.count += 1
                yield frame
        if self.breaks:
            raise SourceError("it breaks off")


def start_of(frames: list[Frame], number: int) -> int:
    """Number of the first frame of the shot with this frame."""
    found = find_shot_start(Reader(frames), mark_cuts, frames[number].time, Fraction(0))
    return round(found * RATE)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, 0),
        (5, 0),
        (99, 0),
        (100, 100),
        (101, 100),
        (150, 100),
        (329, 100),
        (330, 330),
        (420, 330),
    ],
)
def test_the_shot_that_holds_a_frame(number: int, expected: int):
    assert start_of(film(100, 230, 100), number) == expected


@pytest.mark.parametrize("number", range(290, 340, 3))
def test_the_cuts_are_those_of_the_whole_film(number: int):
    """Many short shots, some of which are too short: what counts as one depends on those before."""
    frames = film(150, 4, 7, 3, 9, 6, 2, 8, 5, 100, 5, 4, 9, 60)
    whole = [f.pts for f in mark_cuts(iter(frames)) if f.cut]
    assert start_of(frames, number) == max(cut for cut in whole if cut <= number)


def test_only_what_is_near_is_read():
    reader = Reader(film(5000, 100, 900))
    assert find_shot_start(reader, mark_cuts, Fraction(515), Fraction(0)) == 510
    assert reader.count < 200


def test_a_long_shot_is_read_in_growing_steps():
    reader = Reader(film(200, 700))
    assert find_shot_start(reader, mark_cuts, Fraction(70), Fraction(0)) == 20
    assert reader.count < 1200


def test_of_a_longer_shot_the_last_minute_is_read():
    reader = Reader(film(200, 5000))
    assert find_shot_start(reader, mark_cuts, Fraction(500), Fraction(0)) == 440
    assert reader.count < 1200


def test_listed_cuts():
    def mark(frames: Iterable[Frame]) -> Iterable[Frame]:
        return mark_listed(frames, [Fraction("12.96"), Fraction(30)], Fraction(0))

    assert find_shot_start(Reader(film(600)), mark, Fraction(25), Fraction(0)) == 13
    assert find_shot_start(Reader(film(600)), mark, Fraction(45), Fraction(0)) == 30
    assert find_shot_start(Reader(film(600)), mark, Fraction(9), Fraction(0)) == 0


def test_a_film_that_breaks_off_is_left_to_the_run():
    reader = Reader(film(100, 60), breaks=True)
    assert find_shot_start(reader, mark_cuts, Fraction("15.9"), Fraction(0)) == 10


def test_frames_before_a_time_are_left_out():
    frames = film(30)
    assert [f.pts for f in after(iter(frames), Fraction("1.95"), Fraction(1, 10))] == list(
        range(20, 30)
    )

"""Any frame of a film is found, from wherever one comes."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction

import numpy as np
import pytest
from stylize_video.pipeline.core.errors import SourceError
from stylize_video.pipeline.core.frame import Frame, Span
from stylize_video.pipeline.studio import seeker
from stylize_video.pipeline.studio.seeker import FrameSeeker

_BASE = Fraction(1, 25)
_START = Fraction(7)


class _Film:
    """A hundred frames; the number of each is its brightness."""

    def __init__(self) -> None:
        self.opened = self.read = 0

    def __call__(self, span: Span) -> Generator[Frame]:
        self.opened += 1
        for number in range(100):
            frame = Frame(np.full((4, 6, 3), number, np.uint8), 175 + number, _BASE, 1)
            if span.holds(frame.time):
                self.read += 1
                yield frame


def _number(finder: FrameSeeker, seconds: float) -> int:
    return int(finder.at(_START + Fraction(seconds)).source[0, 0, 0])  # pyright: ignore[reportIndexIssue]


def test_a_time_finds_the_frame_that_is_displayed_then() -> None:
    finder = FrameSeeker(_Film(), _START)
    for seconds, number in ((0, 0), (0.05, 1), (3.999, 99), (1.0, 25), (0.99, 24), (2.02, 50)):
        assert _number(finder, seconds) == number


def test_before_the_beginning_is_the_first_frame_and_after_the_end_the_last() -> None:
    finder = FrameSeeker(_Film(), _START)
    assert _number(finder, 60) == 99
    assert _number(finder, -3) == 0
    assert _number(finder, 4.5) == 99


def test_steps_to_and_fro_read_no_frame_twice() -> None:
    film = _Film()
    finder = FrameSeeker(film, _START)
    _number(finder, 2.0)
    for seconds in (2.04, 2.08, 2.04, 2.0, 1.96, 1.8, 2.6):
        _number(finder, seconds)
    assert film.opened == 1
    assert film.read < 40


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeker, "_REMEMBERED", 72 * 5)
    film = _Film()
    finder = FrameSeeker(film, _START)
    _number(finder, 0)
    _number(finder, 1.2)
    assert _number(finder, 0) == 0
    assert film.opened == 2


def test_a_film_without_a_frame_is_said_in_a_line() -> None:
    def nothing(span: Span) -> Generator[Frame]:
        yield from ()

    with pytest.raises(SourceError, match="no frame"):
        FrameSeeker(nothing, _START).at(_START)

"""The shots of a film, counted."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction

import numpy as np
from stylize_video.pipeline.core.errors import SourceError
from stylize_video.pipeline.core.frame import Frame
from stylize_video.pipeline.temporal.film_shots import index_film, list_shots


def frames(count: int, *cuts: int, breaks: bool = False) -> Generator[Frame]:
    for n in range(count):
        rgb = np.full((40, 60, 3), n, np.uint8)
        yield Frame(rgb, 10 + n, Fraction(1, 5), 1, cut=n in (0, *cuts))
    if breaks:
        raise SourceError("broken")


def test_shots_have_numbers_first_frames_and_lengths():
    first, second = list_shots(frames(30, 20), Fraction(5), width=30)
    assert (first.number, first.first, first.time, first.end, first.frames) == (1, 1, 2, 6, 20)
    assert (second.number, second.first, second.time, second.end) == (2, 21, 6, 8)
    assert first.picture is not None and second.picture is not None
    assert first.picture.shape == (20, 30, 3)
    assert (first.picture[0, 0, 0], second.picture[0, 0, 0]) == (15, 27)  # of the second half
    assert list(list_shots(iter(()), Fraction(5))) == []


def test_a_film_is_read_as_far_as_it_must():
    film = frames(100, 20, 40)
    found = index_film(film, last_shot=2, numbers=[3, 11])
    assert found.shots == [2, 6] and found.frames == {3: Fraction(12, 5), 11: 4}
    assert found.count == 21
    whole = index_film(frames(50, 20, breaks=True), last_shot=5)
    assert (len(whole.shots), whole.count) == (2, 50)

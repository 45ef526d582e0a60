from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from stylize_video.pipeline.core.frame import ALL, Frame, Span


def test_time_is_exact():
    frame = Frame(np.zeros((2, 3, 3), np.uint8), 1001, Fraction(1, 30000))
    assert frame.time == Fraction(1001, 30000)


@pytest.mark.parametrize(
    "rgb",
    [
        np.zeros((2, 3), np.uint8),
        np.zeros((2, 3, 4), np.uint8),
        np.zeros((2, 3, 3), np.float32),
        np.zeros((2, 6, 3), np.uint8)[:, ::2],
    ],
)
def test_what_is_no_picture_is_refused_with_its_shape(rgb):
    with pytest.raises(ValueError, match=r"a frame is .*, not"):
        Frame(rgb, 0, Fraction(1))


def test_a_span_is_half_open():
    span = Span(Fraction(1), Fraction(2))
    assert [span.holds(Fraction(n, 2)) for n in (1, 2, 3, 4)] == [False, True, True, False]
    assert ALL.holds(Fraction(-5))

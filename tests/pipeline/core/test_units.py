from __future__ import annotations

from fractions import Fraction

import pytest
from stylize_video.pipeline.core.units import parse_bits, parse_size, parse_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("75", Fraction(75)),
        ("75.5", Fraction(151, 2)),
        ("1:15.5", Fraction(151, 2)),
        ("1:00:00.001", 3600 + Fraction(1, 1000)),
    ],
)
def test_times_are_exact(text: str, seconds: Fraction):
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "-1", "1:2:3:4", "five", "1e3", "9" * 4000, "0." + "9" * 4000]
)
def test_what_is_no_time_is_refused(text: str):
    with pytest.raises(ValueError, match="not a time"):
        parse_time(text)


def test_sizes():
    assert parse_size("1280x720") == (1280, 720)
    assert parse_size("720p") == (None, 720)


@pytest.mark.parametrize("text", ["0x10", "-5x10", "0p", "big", "10x", "10"])
def test_what_is_no_size_is_refused(text: str):
    with pytest.raises(ValueError, match="write 1280x720 or 720p"):
        parse_size(text)


@pytest.mark.parametrize("text", ["0", "0.2", "many", "9" * 4000, "99999M"])
def test_what_is_no_bit_rate_is_refused(text: str):
    with pytest.raises(ValueError, match="write bits per second"):
        parse_bits(text)


def test_bit_rates():
    assert [parse_bits(text) for text in ("4M", "800k", "2500000")] == [
        4_000_000,
        800_000,
        2_500_000,
    ]

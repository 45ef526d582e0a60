"""Time: rates, the last frame, wrong headers, joined clocks; sound stays in step."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.media.inputs import open_source

from ..helpers.odd_clips import joined, offsets, on_another_clock, steps, write_film
from ..helpers.video import packets, read_video

HALF_A_FRAME = 0.02


def settings(identity: Path, **values: Any) -> Settings:
    return checked(
        Settings, {"style": str(identity), "device": "cpu", "steady": "off", **values}, "test"
    )


# ---- rates ----


@pytest.mark.parametrize("ending", [".mkv", ".mp4", ".mov", ".webm", ".ts"])
@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(24000, 1001)])
def test_a_constant_rate_is_named_in_the_output(
    identity: Path, tmp_path: Path, ending: str, rate: Fraction
):
    """A fine clock is no frame rate: Matroska once claimed 12,800 frames a second."""
    clock = Fraction(1, 12800) if rate == 25 else 1 / rate / 1001
    film = tmp_path / "in.mp4"
    write_film(film, [n / rate for n in range(20)], clock=clock, sound=None, last=1 / rate)
    stylize(film, tmp_path / f"out{ending}", settings(identity))
    with av.open(tmp_path / f"out{ending}") as container:
        stream = container.streams.video[0]
        assert {stream.average_rate, stream.base_rate, stream.guessed_rate} == {rate}


@pytest.mark.parametrize("source", ["in.mp4", "in.mkv", "in.ts"])
def test_a_rate_that_varies_is_named_about_right(identity: Path, tmp_path: Path, source: str):
    times = [Fraction(n * 3600 + n * n % 7 * 200, 90000) for n in range(40)]
    film = write_film(tmp_path / source, times)
    stylize(film, tmp_path / "out.mkv", settings(identity))
    with av.open(tmp_path / "out.mkv") as container:
        stream = container.streams.video[0]
        for rate in (stream.average_rate, stream.guessed_rate):
            assert rate is not None and 20 < rate < 30


# ---- the last frame ----


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm", ".gif"])
@pytest.mark.parametrize("source", ["in.mp4", "in.mkv", "in.gif"])
def test_the_last_frame_lasts_as_long_as_in_the_source(
    identity: Path, tmp_path: Path, source: str, ending: str
):
    """A slide show whose last picture stands for ten seconds."""
    film = write_film(
        tmp_path / source,
        [Fraction(n) for n in range(4)],
        codec="gif" if source == "in.gif" else "mpeg4",
        sound=None,
        last=Fraction(10),
        clock=Fraction(1, 100),
    )
    result = stylize(film, tmp_path / f"out{ending}", settings(identity))
    assert result.end == 13
    with av.open(result.output) as container:
        *_, last = container.decode(container.streams.video[0])
        assert last.time == 3
        assert container.duration == 13_000_000
        assert (last.duration or 0) * (last.time_base or 0) == 10 or ending in (".mkv", ".webm")


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm", ".ts", ".mov"])
@pytest.mark.parametrize("source", ["in.mp4", "in.mkv", "in.avi"])
def test_one_picture_keeps_all_of_its_sound(
    identity: Path, tmp_path: Path, source: str, ending: str
):
    codec = "mpeg4" if source == "in.avi" else "libx264"
    sound = "pcm_s16le" if source == "in.avi" else "aac"
    clock = Fraction(1, 25)
    film = write_film(tmp_path / source, steps(1), codec=codec, sound=sound, seconds=6, clock=clock)
    result = stylize(film, tmp_path / f"out{ending}", settings(identity))
    assert (result.frames, result.losses) == (1, ())
    assert len(read_video(result.output)[0]) == 1
    assert float(packets(result.output, "audio")[-1][0]) == pytest.approx(6, abs=0.05)


# ---- headers that are wrong ----


@pytest.mark.parametrize("tag", [b"02:00:02", b"00:00:00", b"x\xff:aa:bb"])
def test_a_wrong_duration_tag_does_not_break_a_whole_film(
    identity: Path, tmp_path: Path, tag: bytes
):
    film = write_film(tmp_path / "in.mkv", steps(50))
    data = film.read_bytes()
    assert b"00:00:02.000" in data
    film.write_bytes(data.replace(b"00:00:02.000", tag + b".000"))
    result = stylize(film, tmp_path / "out.mp4", settings(identity))
    assert result.frames == 50
    assert float(result.end) == pytest.approx(2, abs=0.1)
    cut = stylize(film, tmp_path / "cut.mp4", settings(identity, start="1.2", end="1.6"))
    assert cut.frames == 10


# ---- clocks that jump ----

HOURS = 3 * 3600
WRAP = (1 << 33) / 90000


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("part") / "part.ts", steps(75))


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".ts", ".webm"])
@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, HOURS), (HOURS, 0), (0, 50)])
def test_joined_transport_streams_are_one_film_in_step(
    part: Path, identity: Path, tmp_path: Path, first: float, second: float, ending: str
):
    film = joined(
        tmp_path / "in.ts",
        on_another_clock(part, tmp_path / "a.ts", first),
        on_another_clock(part, tmp_path / "b.ts", second),
    )
    out = tmp_path / f"out{ending}"
    result = stylize(film, out, settings(identity))
    assert (result.frames, result.losses) == (150, ())
    times = read_video(out)[1]
    assert len(times) == 150
    assert max(b - a for a, b in pairwise(times)) < 0.1
    if ending != ".webm":
        assert len(packets(out, "audio")) == 2 * len(packets(part, "audio"))
    found = offsets(out)
    assert len(found) == 6
    before = offsets(part)[0]
    assert all(abs(offset - before) <= HALF_A_FRAME for offset in found)


def test_a_part_of_a_joined_film(part: Path, identity: Path, tmp_path: Path):
    film = joined(tmp_path / "in.ts", part, part)
    result = stylize(film, tmp_path / "out.mp4", settings(identity, start="2", end="5"))
    assert result.frames == 75
    assert len(offsets(tmp_path / "out.mp4")) == 3
    assert open_source(str(film)).info.duration == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm", ".ts"])
def test_times_before_zero_are_moved_with_the_sound(
    part: Path, identity: Path, tmp_path: Path, ending: str
):
    """Before a clock of 33 bits wraps, FFmpeg counts below zero."""
    film = on_another_clock(part, tmp_path / "in.ts", WRAP - 2.5)
    out = tmp_path / f"out{ending}"
    result = stylize(film, out, settings(identity))
    assert (result.frames, result.losses) == (75, ())
    times = read_video(out)[1]
    assert times[0] >= 0 and float(times[-1] - times[0]) == pytest.approx(2.96, abs=0.01)
    assert offsets(out) == pytest.approx(offsets(part), abs=HALF_A_FRAME)


def test_a_recording_that_begins_hours_after_zero_begins_at_zero(
    part: Path, identity: Path, tmp_path: Path
):
    film = on_another_clock(part, tmp_path / "in.ts", HOURS)
    stylize(film, tmp_path / "out.mp4", settings(identity))
    assert read_video(tmp_path / "out.mp4")[1][0] < 0.2


# ---- cuts inside a picture that stands ----


@pytest.mark.parametrize("source", ["in.mp4", "in.mkv"])
@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        (None, "5", [0, 5]),
        ("3", "8", [0, 5]),
        ("5", "25", [0, 5, 15, 20]),
        ("10", None, [0, 10, 20]),
    ],
)
def test_a_slide_show_is_cut_inside_its_pictures(
    identity: Path,
    tmp_path: Path,
    source: str,
    start: str | None,
    end: str | None,
    shown: list[int],
):
    """Three pictures of ten seconds."""
    film = write_film(
        tmp_path / source, [Fraction(n) for n in (0, 10, 20)], sound=None, last=Fraction(10)
    )
    result = stylize(film, tmp_path / "out.mp4", settings(identity, start=start, end=end))
    assert result.end - result.start == shown[-1]
    assert read_video(result.output)[1] == shown[:-1]
    with av.open(result.output) as container:
        assert container.duration == shown[-1] * 1_000_000


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_a_film_of_varying_durations_ends_when_it_ends(identity: Path, tmp_path: Path, ending: str):
    lengths = [30, 70, 110, 20, 100, 40, 60, 200, 100, 500]
    times = [Fraction(sum(lengths[:n]), 1000) for n in range(len(lengths))]
    film = write_film(tmp_path / "in.mkv", times, sound=None, last=Fraction(1, 2))
    result = stylize(film, tmp_path / f"out{ending}", settings(identity))
    with av.open(result.output) as container:
        assert container.duration == pytest.approx(1_230_000, abs=1000)

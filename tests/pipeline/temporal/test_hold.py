"""``--hold``: which frames are painted, for how long they are displayed, and that chunks agree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.core.errors import SourceError
from stylize_video.pipeline.core.frame import Frame, Rgb
from stylize_video.pipeline.temporal.hold import displayed, hold_frames

from ...helpers.video import packets, read_video, write_clip

RATE = Fraction(25)
PICTURE = np.zeros((4, 6, 3), np.uint8)


def film(count: int, cuts: tuple[int, ...] = (0,)) -> list[Frame]:
    return [Frame(PICTURE, n, 1 / RATE, 1, n in cuts) for n in range(count)]


def held(frames: list[Frame], count: int, **options: Any) -> list[list[int]]:
    """For each painted frame, the frames for which it is displayed."""
    found = hold_frames(iter(frames), count, RATE, **options)
    return [[frame.pts, *(pts for pts, _ in frame.shown)] for frame in found]


def test_each_painted_frame_is_displayed_for_so_many_and_a_cut_begins_anew():
    assert held(film(5), 2) == [[0, 1], [2, 3], [4]]
    assert held(film(8, (0, 3)), 3) == [[0, 1, 2], [3, 4, 5], [6, 7]]
    assert held(film(6, (0, 1, 2)), 2) == [[0], [1], [2, 3], [4, 5]]


def test_another_style_begins_anew_too():
    frames = film(9)
    frames[4] = replace(frames[4], restyled=True)
    assert held(frames, 3) == [[0, 1, 2], [3], [4, 5, 6], [7, 8]]
    assert held(frames[5:], 3, shot=4 / RATE) == [[7, 8]]


def test_who_begins_inside_a_shot_paints_the_same_frames():
    whole = held(film(20), 3)
    inside = held([replace(f, cut=False) for f in film(20)[7:]], 3, shot=Fraction(0))
    assert inside == [group for group in whole if group[0] >= 7]


def test_marks_of_dropped_frames_are_not_lost():
    frames = film(6)
    frames[3] = replace(frames[3], canvas_anew=True)
    marked = [f.pts for f in hold_frames(iter(frames), 2, RATE) if f.canvas_anew]
    assert marked == [4]


def test_all_times_come_back():
    frames = [replace(f, pts=2 * f.pts + f.pts % 2, duration=2) for f in film(9)]
    back = list(displayed(hold_frames(iter(frames), 2, RATE / 2)))
    assert [(f.pts, f.duration) for f in back] == [(f.pts, f.duration) for f in frames]


def test_what_came_before_a_break_is_displayed():
    def breaks() -> Iterator[Frame]:
        yield from film(5)
        raise SourceError("it breaks off")

    found: list[Frame] = []
    with pytest.raises(SourceError):
        for frame in displayed(hold_frames(breaks(), 3, RATE)):
            found.append(frame)  # noqa: PERF402 - extend drops what came before the error
    assert len(found) == 5


STEP = 2500  # of 1/30000 s: twelve frames a second


def scene(count: int) -> list[Rgb]:
    coarse = np.random.default_rng(1).integers(40, 220, (6, 30, 3), dtype=np.uint8)
    ground = cv2.resize(coarse, (96 + count, 64), interpolation=cv2.INTER_CUBIC)
    frames = [np.ascontiguousarray(ground[:, n : n + 96]) for n in range(count)]
    for number, frame in enumerate(frames):
        left = 3 * number % 80
        frame[20:40, left : left + 14] = (240, 60, 30)
    return frames


def settings(**values: Any) -> Settings:
    return checked(Settings, {"style": "udnie", "device": "cpu"} | values, "")


def test_the_film_keeps_its_frames_times_and_sound_and_parts_agree(tmp_path: Path):
    clip = write_clip(tmp_path / "in.mp4", scene(150), step=STEP)
    look: dict[str, Any] = {"hold": 2, "chunk_seconds": 4, "grain": 0.4, "paper": 0.4}
    lossless = {"encoder_option": {"preset": "ultrafast", "pix_fmt": "yuv444p"}, "crf": 0}
    one, two = tmp_path / "one.mp4", tmp_path / "two.mp4"
    painted: list[Frame] = []
    stylize(clip, one, settings(**look, **lossless), on_frame=painted.append)
    stylize(clip, two, settings(**look, **lossless, workers=2))
    assert len(painted) == 150
    assert one.read_bytes() == two.read_bytes()
    assert read_video(one)[1] == read_video(clip)[1]
    assert packets(one, "audio") == packets(clip, "audio")


def test_pictures_stand_for_two_frames_and_change_at_a_cut(tmp_path: Path):
    other = [255 - rgb for rgb in scene(8)]
    clip = write_clip(tmp_path / "in.mp4", scene(15) + other, step=STEP)
    lossless = {"encoder_option": {"preset": "ultrafast", "pix_fmt": "yuv444p"}, "crf": 0}
    stylize(clip, tmp_path / "out.mp4", settings(hold=2, **lossless))
    frames, _ = read_video(tmp_path / "out.mp4")
    same = [bool(np.array_equal(a, b)) for a, b in pairwise(frames)]
    assert same == [n % 2 == 0 and n != 14 for n in range(15)] + [n % 2 == 0 for n in range(7)]

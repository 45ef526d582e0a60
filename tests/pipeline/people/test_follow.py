from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Frame, Rgb
from stylize_video.pipeline.people import find
from stylize_video.pipeline.people.follow import Follower, follow_people
from stylize_video.pipeline.temporal.flow import Dis
from stylize_video.pipeline.temporal.motion import attach_motion

from ...helpers.scenes import texture

SIDE = 40  # of the "person": a red square


def red_places(rgb: Rgb, size: tuple[int, int], known: Any = None) -> Any:
    """Stands for the nets: people are what is red."""
    red = (rgb[..., 0] > 150) & (rgb[..., 1] < 90)
    return cv2.resize(red.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA)


@pytest.fixture(autouse=True)
def looked(monkeypatch: pytest.MonkeyPatch) -> list[Rgb]:
    """The frames in which people were looked for."""
    frames: list[Rgb] = []

    def look(rgb: Rgb, size: tuple[int, int], known: Any) -> Any:
        frames.append(rgb)
        return red_places(rgb, size)

    monkeypatch.setitem(find.FINDERS, "people", look)
    return frames


def film(count: int, step: int = 3, seed: int = 1) -> list[Frame]:
    """Somebody walks to the right, 12 frames a second."""
    frames: list[Frame] = []
    for number in range(count):
        rgb = np.minimum(texture(seed, 240, 120), 140).astype(np.uint8)
        person = texture(9, SIDE, SIDE) // 4
        person[..., 0] += 190
        left = 20 + step * number
        rgb[40 : 40 + SIDE, left : left + SIDE] = person
        frames.append(Frame(rgb, number, Fraction(1, 12), cut=number == 0))
    return list(attach_motion(frames, Dis()))


def overlap(frame: Frame) -> float:
    """IoU of the map and what is red."""
    assert frame.people is not None
    found, there = frame.people > 127, red_places(frame.rgb, frame.people.shape) > 0.5
    return (found & there).sum() / (found | there).sum()


def test_people_are_followed_between_the_times_at_which_they_are_looked_for(looked: list[Rgb]):
    followed = list(follow_people(film(13), ("people",)))
    assert len(looked) == 5  # four times a second, not in every frame
    assert min(map(overlap, followed)) > 0.85


def test_a_shot_begins_with_what_is_found_in_its_first_frame():
    first, second = film(4), film(4, seed=2)
    moved = [replace(f, pts=f.pts + 4) for f in second]
    followed = list(follow_people([*first, *moved], ("people",)))
    np.testing.assert_array_equal(followed[4].people, Follower(("people",)).step(moved[0]).people)


def test_where_a_chunk_begins_nothing_is_left_of_the_past():
    frames = film(20)
    frames[8] = replace(frames[8], canvas_anew=True)
    whole = list(follow_people(frames, ("people",)))
    chunk = list(follow_people(frames[5:], ("people",), begin=frames[0].time))
    for one, other in zip(whole[8:], chunk[3:], strict=True):
        np.testing.assert_array_equal(one.people, other.people)


def test_who_is_missed_once_does_not_vanish(monkeypatch: pytest.MonkeyPatch):
    counts = iter(range(100))
    monkeypatch.setitem(
        find.FINDERS,
        "people",
        lambda rgb, size, known: red_places(rgb, size) * (next(counts) != 1),
    )
    followed = list(follow_people(film(7, step=0), ("people",)))
    levels = [int(f.people.max()) for f in followed if f.people is not None]
    assert 100 < levels[4] < 255 and levels[-1] > 200


def test_pictures_that_are_no_film_are_looked_at_one_by_one(looked: list[Rgb]):
    followed = list(follow_people(film(5), ("people",), is_film=False))
    assert len(looked) == 5
    assert all(f.motion is not None for f in followed[1:])


def test_live_nothing_waits_for_the_nets_and_late_results_are_moved(
    monkeypatch: pytest.MonkeyPatch,
):
    go_on = threading.Event()
    go_on.set()

    def slow(rgb: Rgb, size: tuple[int, int], known: Any) -> Any:
        assert go_on.wait(10)
        return red_places(rgb, size)

    monkeypatch.setitem(find.FINDERS, "people", slow)
    with ThreadPoolExecutor(1) as pool:
        follower = Follower(("people",), alongside=pool)
        done: list[Frame] = []
        for number, frame in enumerate(film(12)):
            if number == 3:  # from now on the nets are busy
                go_on.clear()
            if number == 7:
                go_on.set()
                pool.submit(int).result()  # what was looked for in frame 3 is there now
            done.append(follower.step(frame))
    assert overlap(done[7]) > overlap(done[6]) + 0.1

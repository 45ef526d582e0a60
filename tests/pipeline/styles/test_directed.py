"""A style made of several: what paints each frame of a film with a timeline."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Frame, Rgb
from stylize_video.pipeline.styles.directed import DirectedStyle, direct_frames, mark_restyled
from stylize_video.pipeline.styles.finish import Finish, finish_frames
from stylize_video.pipeline.styles.per_shot import paint_shots
from stylize_video.pipeline.temporal.consistency import blend_frames
from stylize_video.pipeline.timeline.points import Look, Point, Timeline, Values
from stylize_video.pipeline.timeline.schedule import Film, Schedule, schedule

from ...helpers.fake_style import FakeStyle

GREY = 50


def films(count: int, cuts: tuple[int, ...] = (0,)) -> list[Frame]:
    """Grey frames, one a second."""
    rgb = np.full((8, 12, 3), GREY, np.uint8)
    return [Frame(rgb, n, Fraction(1), 1, cut=n in cuts) for n in range(count)]


def directed(*points: tuple[int, dict[str, Any], Any], **info: Any) -> DirectedStyle:
    """Styles named by the number that they add, from seconds on."""
    timeline = Timeline(
        "film", tuple(Point("at", Fraction(t), changes, how) for t, changes, how in points), ""
    )
    values = Values(("0",), 1.0, None, "none", None)
    made = schedule(timeline, values, Film(Fraction(0), Fraction(1)))
    info = {"per_shot": True} | info
    styles = {look: FakeStyle(int(look.style[0]), **info) for look in made.looks}
    return DirectedStyle(styles, made)


def paint(style: DirectedStyle, frames: list[Frame], steady: float | None = None) -> list[int]:
    """What comes out, as what was added to the film."""
    marked = mark_restyled(frames, style.schedule, None)
    painted = paint_shots(marked, style, direct=direct_frames)
    painted = painted if steady is None else blend_frames(painted, steady)
    out: list[Rgb] = [frame.rgb for frame in finish_frames(painted, Finish())]
    return [int(rgb[0, 0, 0]) - GREY for rgb in out]


def compiled(style: DirectedStyle) -> dict[int, int]:
    """How often each style was compiled."""
    return {one.number: len(one.sizes) for one in style.styles.values()}  # pyright: ignore


def test_a_style_changes_at_once_on_the_frame_of_its_point():
    style = directed((0, {"style": ("10",)}, "hold"), (5, {"style": ("90",)}, "hold"))
    assert paint(style, films(20)) == [10] * 5 + [90] * 15
    assert compiled(style) == {10: 1, 90: 1}


def test_a_style_is_compiled_for_the_shots_that_need_it():
    style = directed((0, {"style": ("10",)}, "hold"), (45, {"style": ("90",)}, "hold"))
    assert paint(style, films(60, (0, 15, 30))) == [10] * 45 + [90] * 15
    assert compiled(style) == {10: 3, 90: 1}


def test_styles_without_a_base_are_cross_faded():
    style = directed((0, {"style": ("0",)}, "linear"), (10, {"style": ("100",)}, "hold"))
    painted = paint(style, films(12))
    wanted = [10 * (n + 0.5) for n in range(10)] + [100, 100]  # a point begins half a frame before
    assert np.abs(np.subtract(painted, wanted)).max() <= 1


def test_a_strength_that_changes_slowly_fades_one_painting():
    points = (0, {"style": ("100",), "strength": 0.2}, "linear"), (10, {"strength": 1.0}, "hold")
    style = directed(*points)
    painted = paint(style, films(12))
    wanted = [20 + 8 * (n + 0.5) for n in range(10)] + [100, 100]
    assert np.abs(np.subtract(painted, wanted)).max() <= 1
    shots = [style.compile(films(1)).at(frame)[1] for frame in films(10)]
    assert all(shot.__class__.__name__ == "FakeShot" for shot in shots)


def test_at_strength_0_nothing_is_painted_and_the_film_is_exact():
    style = directed(
        (0, {"style": ("100",), "strength": 0.0}, "hold"),
        (4, {}, "linear"),
        (8, {"strength": 1.0}, "hold"),
    )
    painted = paint(style, films(10))
    assert painted[:4] == [0] * 4 and painted[8:] == [100] * 2
    assert np.abs(np.subtract(painted[4:8], [12.5, 37.5, 62.5, 87.5])).max() <= 1
    unused = directed((0, {"style": ("7",), "strength": 0.0}, "hold"))
    assert paint(unused, films(30)) == [0] * 30
    assert compiled(unused) == {7: 0}


@pytest.mark.parametrize("per_pixel", [False, True])
def test_the_blend_never_smears_over_a_change_at_once(per_pixel: bool):
    from dataclasses import replace

    from stylize_video.pipeline.core.frame import Motion

    still = Motion(np.zeros((8, 12, 2), np.float32), np.ones((8, 12), np.float32))
    frames = [frame if frame.cut else replace(frame, motion=still) for frame in films(20)]
    points = (0, {"style": ("10",)}, "hold"), (5, {"style": ("14",)}, "hold")
    painted = paint(directed(*points, per_pixel=per_pixel), frames, steady=0.75)
    assert painted == [10] * 5 + [14] * 15


def test_a_shot_that_is_gone_on_with_is_measured_where_its_style_began():
    style = directed((0, {"style": ("10",)}, "hold"), (5, {"style": ("90",)}, "hold"))
    made: Schedule = style.schedule
    frames = films(20)
    assert made.last_jump(Fraction(7)) == Fraction(9, 2)
    marks = [f.restyled for f in mark_restyled(frames[3:], made, Fraction(3))]
    assert marks == [False, False, True] + [False] * 14
    assert not any(f.restyled for f in mark_restyled(frames[6:], made, Fraction(6)))
    assert len({Look(("10",), None, "none"), *made.looks}) == 2

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Frame, Rgb, Yuv, YuvMatrix
from stylize_video.pipeline.styles.per_shot import paint_shots
from stylize_video.pipeline.styles.repaint import Repaint, Repainter
from stylize_video.pipeline.styles.zoo import zoo
from stylize_video.pipeline.temporal.canvas import travel
from stylize_video.pipeline.temporal.consistency import blend_frames
from stylize_video.pipeline.temporal.flow import Dis
from stylize_video.pipeline.temporal.motion import attach_motion

from ...helpers.fake_style import FakeStyle
from ...helpers.open_styles import open_file
from ...helpers.scenes import pan, texture
from ...helpers.yuv import to_yuv420

STYLE = open_file("udnie")


def film(count: int, speed: int = 12, planes: bool = True, standing: bool = False) -> list[Frame]:
    """A card that moves in front of what stands, 704 × 448, 50 frames a second."""
    back, card = texture(1, 704, 448), texture(2, 80, 60)
    frames: list[Frame] = []
    for t in range(count):
        rgb = back.copy()
        x = 300 if standing else 60 + speed * t
        rgb[180:240, x : x + 80] = card
        source = to_yuv420(rgb, YuvMatrix()) if planes else rgb
        frames.append(Frame(source, t, Fraction(1, 50), 1, cut=t == 0))
    return frames


def with_canvas(frames: list[Frame]) -> Iterator[Frame]:
    return travel(attach_motion(iter(frames), Dis()))


def painted(frames: list[Frame], repaint: Repaint) -> list[Frame]:
    return list(paint_shots(with_canvas(frames), STYLE, repaint=repaint))


def rgb_of(frames: list[Frame]) -> list[Rgb]:
    return [frame.rgb for frame in frames]


@pytest.mark.parametrize("planes", [True, False])
def test_the_picture_is_the_one_that_is_painted_whole(planes: bool):
    frames = film(16, planes=planes)
    whole, parts = (rgb_of(painted(frames, way)) for way in ("all", "changes"))
    differences = [np.abs(a.astype(int) - b).mean() for a, b in zip(whole, parts, strict=True)]
    assert differences[0] == 0
    assert max(differences) < 1.2
    corner = np.s_[:, 620:]
    assert all(np.array_equal(a[corner], parts[0][corner]) for a in parts)


def test_what_stands_is_the_same_to_the_bit():
    first, *others = painted(film(20, standing=True), "changes")
    assert isinstance(first.painted, Yuv)
    for frame in others:
        assert isinstance(frame.painted, Yuv)
        assert all(map(np.array_equal, frame.painted.planes, first.painted.planes))


def test_what_moves_is_carried_and_then_painted():
    scene = pan(texture(4, 1400, 760), 8, 1280, 720, velocity=(1.5, 0.5))
    frames = [
        Frame(to_yuv420(scene.rgb(t), YuvMatrix()), t, Fraction(1, 50), 1, cut=t == 0)
        for t in range(8)
    ]
    carried = [frame.carried is not None for frame in painted(frames, "twos")]
    assert 3 <= sum(carried) <= 4
    assert not any(a and b for a, b in pairwise(carried))
    whole, parts = (
        rgb_of(list(blend_frames(iter(painted(frames, way)), 0.75))) for way in ("all", "twos")
    )
    differences = [np.abs(a.astype(int) - b).mean() for a, b in zip(whole, parts, strict=True)]
    assert max(differences) < 1.5


@pytest.mark.parametrize("name", ["udnie", "base-fast"])
@pytest.mark.parametrize("edge", range(4))
def test_what_comes_at_an_edge_is_painted_up_to_it(name: str, edge: int):
    """Nets have margins of different widths."""
    style = open_file(zoo()["udnie"].path.with_name(f"{name}.onnx"))
    back = texture(1, 704, 448)
    frames: list[Frame] = []
    for t in range(14):
        rgb = np.rot90(back, edge).copy()
        if t == 13:
            rgb[:24, 300:360] = (250, 30, 30)
        frames.append(Frame(np.ascontiguousarray(np.rot90(rgb, -edge)), t, Fraction(1, 25), 1))
    whole, parts = (
        np.rot90(list(paint_shots(with_canvas(frames), style, repaint=way))[-1].rgb, edge)
        for way in ("all", "changes")
    )
    assert np.abs(whole[:8].astype(int) - parts[:8])[:, 290:370].mean() < 3


def test_each_shot_begins_anew():
    one, other = film(6), film(6)
    shots = [*one, *(replace(f, pts=6 + f.pts) for f in other)]
    together = painted(shots, "changes")
    alone = painted(other, "changes")
    assert np.array_equal(together[6].rgb, alone[0].rgb)


def test_a_style_without_parts_paints_the_whole():
    style = FakeStyle(5, per_shot=True)
    frames = film(4, planes=False)
    result = list(paint_shots(iter(frames), style, repaint="twos"))
    for before, after in zip(frames, result, strict=True):
        assert np.array_equal(after.rgb, np.asarray(before.source) + np.uint8(5))
        assert after.carried is None


def test_after_another_style_everything_is_painted():
    """A live run may come back to a style that it has compiled before."""
    frames = film(5, standing=True)
    shot, other = STYLE.compile(frames[:1]), FakeStyle(5).compile(frames[:1])
    repainter = Repainter("changes")
    first, _, _, between, again = (
        repainter.paint(frame, other if t == 3 else shot, blended=True)
        for t, frame in enumerate(frames)
    )
    assert not np.array_equal(between.rgb, first.rgb)
    assert np.array_equal(again.rgb, first.rgb)


def test_the_last_frame_comes_even_if_the_source_breaks():
    def breaking() -> Iterator[Any]:
        yield from with_canvas(film(5))
        raise RuntimeError("unplugged")

    passed: list[Frame] = []
    with pytest.raises(RuntimeError, match="unplugged"):
        passed.extend(paint_shots(breaking(), STYLE, repaint="changes"))
    assert len(passed) in (0, 5)

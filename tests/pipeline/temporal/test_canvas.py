from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from stylize_video.pipeline.core.frame import (
    Canvas,
    CanvasLayer,
    Frame,
    Motion,
    Rgb,
    Yuv,
    YuvMatrix,
)
from stylize_video.pipeline.temporal.canvas import (
    TravellingCanvas,
    canvas_bytes,
    lay_still,
    still_canvas,
    travel,
)
from stylize_video.pipeline.temporal.flow import Dis
from stylize_video.pipeline.temporal.motion import attach_motion

from ...helpers.scenes import pan, texture
from ...helpers.yuv import to_yuv420

PLAIN: Rgb = np.full((240, 320, 3), 120, np.uint8)
ROUGH: Rgb = PLAIN + np.random.default_rng(0).integers(0, 25, (240, 320, 1), np.uint8)
"""A wall on which flow finds something to hold on to."""
CELLS = (60, 80)


def noise_of(canvas: Canvas | None, cells: tuple[int, int] = CELLS) -> NDArray[np.float32]:
    """Its noise, 1 being a standard deviation of what nets are trained on."""
    assert canvas is not None
    return (canvas_bytes(canvas, cells).astype(np.float32) - 128) * 3 / 127


def moving(
    x: float, y: float, count: int, rate: int = 25, trust: float = 1.0, rgb: Rgb = PLAIN
) -> list[Frame]:
    """Frames of a plain picture that says of itself that it moves by (x, y) px a frame."""
    vectors = np.zeros((240, 320, 2), np.float32) - np.float32([x, y])
    motion = Motion(vectors, np.full((240, 320), trust, np.float32))
    first = Frame(rgb, 0, Fraction(1, rate), cut=True)
    return [first, *(Frame(rgb, t, Fraction(1, rate), motion=motion) for t in range(1, count))]


def canvases(frames: Iterable[Frame], strength: float = 1.0) -> list[NDArray[np.float32]]:
    return [noise_of(frame.canvas) for frame in travel(frames, strength)]


def correlation(a: NDArray[Any], b: NDArray[Any]) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


# ---- the texture ----


def test_facets_are_polygons_each_channel_twice_as_wide_as_the_one_before():
    noise = noise_of(still_canvas(PLAIN), (512, 512))
    assert noise.mean((0, 1)) == pytest.approx([0, 0, 0, 0], abs=0.06)
    # The nets are trained with these variances.
    assert noise.var((0, 1)) == pytest.approx([0.81, 1, 1, 1], rel=0.06)
    level = [(np.abs(np.diff(noise[..., c], axis=0)) < 0.05).mean() for c in range(4)]
    assert level == pytest.approx([0.03, 0.21, 0.50, 0.72], abs=0.04)
    for channel, alike in ((1, 0.65), (2, 0.55), (3, 0.49)):
        half = 2**channel
        one, other = noise[half:, :, channel], noise[:-half, :, channel]
        assert correlation(one, other) == pytest.approx(alike, abs=0.03)


def test_what_moves_by_less_than_a_cell_changes_little():
    """Hard edges would jump from cell to cell, and the painting with them."""
    still, moved = canvases(moving(2, 0, 2))
    halfway = (still[:, :-1] + still[:, 1:]) / 2
    differs = (moved[:, 1:] - halfway).std(axis=(0, 1)) / moved.std(axis=(0, 1))
    assert differs.max() < 0.3 and differs[1:].max() < 0.2


def test_the_texture_has_no_seam():
    def moved(by: float) -> NDArray[np.float32]:
        vectors = np.full((1, 1, 2), by, np.float32) / 512
        return noise_of(
            Canvas((CanvasLayer(vectors, 1.0),), np.ones((1, 1), np.float32)), (512, 512)
        )

    assert (moved(512) == moved(0)).all()
    assert (moved(-200)[200:, 200:] == moved(0)[:-200, :-200]).all()
    steps = np.abs(np.diff(moved(-256), axis=1)).mean((0, 2))
    assert steps[255] < 1.5 * steps.mean()


@pytest.mark.parametrize("cells", [(1, 1), (1, 9), (45, 81)])
def test_any_number_of_cells(cells: tuple[int, int]):
    frame = TravellingCanvas().step(moving(0, 0, 1)[0])
    assert noise_of(frame.canvas, cells).shape == (*cells, 4)


# ---- a film ----


def test_the_canvas_moves_by_as_much_as_the_scene():
    first, *_, last = canvases(moving(8, -4, 11, rate=1000))
    assert correlation(last[:-10, 20:], first[10:, :-20]) > 0.999
    assert abs(correlation(last, first)) < 0.1


def test_the_canvas_of_a_pan_follows_the_flow_that_is_measured():
    scene = pan(texture(0), 12, velocity=(4, 0))
    first, *_, last = canvases(attach_motion(scene.frames(), Dis()))
    moved = 11  # cells, to the left
    inner = np.s_[8:-8, 8 : -8 - moved]
    assert correlation(np.roll(first, -moved, 1)[inner], last[inner]) > 0.7
    assert abs(correlation(first[inner], last[inner])) < 0.2


def test_a_still_shot_keeps_its_canvas():
    noise = canvases(moving(0, 0, 101))
    assert all(np.abs(one - noise[0]).max() < 0.05 for one in noise)


def test_a_long_pan_keeps_its_canvas():
    noise = canvases(moving(1, 0, 101))
    for time in (24, 60, 100):  # a second and more: both layers were renewed
        cells = time // 4
        assert correlation(noise[time][:, cells:], noise[0][:, :-cells]) > 0.98


def test_what_moves_by_itself_is_renewed_in_turn():
    """Half of the picture stays; in the other half the texture is renewed at one contrast."""
    frames = moving(0, 0, 101, rgb=ROUGH)
    for frame in frames[1:]:
        assert frame.motion is not None
        frame.motion.vectors[:, 200:] = (0, -2)
    noise = canvases(frames)
    still, moved = np.s_[4:-4, 2:30], np.s_[:, 60:-2]
    assert correlation(noise[100][still], noise[0][still]) > 0.95
    contrast = np.array([n[moved].std() for n in noise])
    assert contrast.max() < 1.2 * contrast.min()


@pytest.mark.parametrize("speed", [0.0, 1.37])
def test_renewals_are_not_seen(speed: float):
    """A layer is renewed after 1, 2 and 3 seconds, when its weight is 0."""
    noise = canvases(moving(4 * speed, 0, 101))
    shift = round(speed)
    inner = np.s_[:, 10:-10]
    changes = np.array([np.abs(b - np.roll(a, shift, 1))[inner].mean() for a, b in pairwise(noise)])
    assert changes.max() <= 1.6 * np.median(changes)
    contrast = np.array([n[inner].std() for n in noise])
    assert contrast.max() < 1.15 * contrast.min()


def test_the_period_is_seconds_of_the_film():
    slow, fast = canvases(moving(2, 0, 80, rate=25)), canvases(moving(1, 0, 160, rate=50))
    for number in (10, 24, 40, 79):
        assert correlation(slow[number], fast[2 * number]) > 0.98


def test_a_cut_begins_anew():
    before, after = moving(3, 1, 40), moving(-2, 0, 10)
    after = [Frame(f.source, f.pts + 777, f.time_base, cut=f.cut, motion=f.motion) for f in after]
    film = canvases([*before, *after])
    alone = canvases(after)
    assert all((a == b).all() for a, b in zip(film[40:], alone, strict=True))


def test_a_frame_without_motion_begins_anew():
    frames = moving(8, 0, 12, rate=1000)
    frames[11] = Frame(PLAIN, 11, Fraction(1, 1000))
    first, *_, last = canvases(frames)
    assert correlation(first, last) > 0.99


@pytest.mark.parametrize(
    ("why", "error"),
    [
        ("it is not trusted", 0.3),
        ("nothing is there to hold on to", 0.3),
        ("a straight edge is all there is", 1),
    ],
)
def test_what_has_no_motion_of_its_own_moves_as_what_lies_around(why: str, error: float):
    frame = moving(12, 0, 2)[1]
    assert frame.motion is not None
    vectors, trust = frame.motion.vectors.copy(), frame.motion.confidence.copy()
    vectors[80:160, 120:180] = (55, -70)
    rgb = ROUGH.copy()
    if why == "it is not trusted":
        trust[80:160, 120:180] = 0
    else:
        rgb[72:168, 112:188] = 132
    if why == "a straight edge is all there is":
        y, x = np.mgrid[72:168, 112:188]
        rgb[72:168, 112:188] += (68 * np.clip(x - 150 - y / 24, 0, 1)).astype(np.uint8)[..., None]
    canvas = TravellingCanvas()
    canvas.step(moving(0, 0, 1)[0])
    layers = canvas.step(Frame(rgb, 1, Fraction(1, 25), motion=Motion(vectors, trust))).canvas
    assert layers is not None
    displacement = layers.layers[0].displacement
    assert displacement.shape == (60, 80, 2)
    off = np.abs(displacement - (-3, 0)).max(axis=-1)
    assert np.median(off[22:38, 32:43]) < error
    assert off[:18].max() < 0.2


@pytest.mark.parametrize("trust", [1.0, 0.0])
def test_what_stands_still_is_not_pulled_along_by_what_passes(trust: float):
    """At the edge of what moves, no motion can be trusted, in every frame anew."""
    frames = moving(0, 0, 40, rgb=ROUGH)
    for frame in frames[1:]:
        assert frame.motion is not None
        frame.motion.vectors[:, 240:] = (0, -8)
        frame.motion.confidence[:, 232:248] = trust
    noise = canvases(frames)
    still = np.s_[4:-4, :54]  # up to 24 px from the edge
    assert correlation(noise[39][still], noise[0][still]) > 0.99


def test_where_the_texture_is_torn_it_lies_as_the_layer_moves_on_the_whole():
    """A sheet that is drawn out becomes streaks, and without a texture a wall is bare."""
    vectors = np.zeros((60, 80, 2), np.float32)
    vectors[:, 40:, 1] = -6 * np.arange(40)
    whole, torn = (
        noise_of(Canvas((CanvasLayer(v, 1.0),), np.ones((1, 1), np.float32)))
        for v in (np.zeros_like(vectors), vectors)
    )
    assert np.array_equal(torn[:, :38], whole[:, :38])
    assert np.allclose(torn[:, 43:], whole[:, 43:], atol=0.05)


def test_behind_what_passed_a_wall_keeps_its_canvas():
    frames = moving(0, 0, 40, rgb=ROUGH)
    for place in range(39):
        vectors = np.zeros((240, 320, 2), np.float32)
        vectors[80:160, 8 * place : 8 * place + 48] = (-8, 0)
        motion = Motion(vectors, np.ones((240, 320), np.float32))
        frames[place + 1] = replace(frames[place + 1], motion=motion)
    noise = canvases(frames)
    passed = np.s_[4:-4, 4:50]  # it has left these cells
    assert noise[39][passed].std() == pytest.approx(noise[0][passed].std(), rel=0.1)
    assert correlation(noise[39][passed], noise[0][passed]) > 0.9


def test_what_is_torn_and_moves_by_itself_has_no_texture_that_stands_still():
    """The roof of a bus: a texture that stays behind flickers more than a bare roof."""
    vectors = np.zeros((60, 80, 2), np.float32)
    vectors[:, 40:, 1] = -6 * np.arange(40)
    layer, strength = CanvasLayer(vectors, 1.0), np.ones((1, 1), np.float32)
    common = np.ones((60, 80), np.float32)
    common[:, 40:] = 0
    noise = noise_of(Canvas((layer,), strength, common))
    assert np.abs(noise[:, 44:]).max() < 0.05
    assert noise[:, :38].std() > 0.8


def test_what_moves_by_itself_is_found():
    frames = moving(3, 0, 2, rgb=ROUGH)
    assert frames[1].motion is not None
    frames[1].motion.vectors[:, 240:] = (0, -8)
    common = list(travel(iter(frames)))[1].canvas.common  # pyright: ignore[reportOptionalMemberAccess]
    assert common[:, :50].min() > 0.9
    assert common[:, 66:].max() < 0.1


def test_where_no_motion_can_be_trusted_the_canvas_still_is_noise():
    noise = canvases(moving(7, 3, 60, trust=0.0))
    assert np.isfinite(noise[-1]).all()
    assert noise[-1].std() == pytest.approx(noise[0].std(), rel=0.1)


# ---- its strength ----


def test_flat_areas_get_all_of_it_and_structure_little():
    rgb = PLAIN.copy()
    rgb[:, 160:] = np.random.default_rng(0).integers(0, 256, (240, 160, 3))
    noise = noise_of(still_canvas(rgb))
    flat, busy = noise[:, :30].std(), noise[:, 50:].std()
    assert 0.1 < busy / flat < 0.25
    assert flat == pytest.approx(noise_of(still_canvas(PLAIN)).std(), rel=0.1)


@pytest.mark.parametrize("coding", [None, YuvMatrix(1, 1), YuvMatrix(1, 2)])
def test_black_is_no_wall(coding: YuvMatrix | None):
    """Letterbox bars and fades to black stay dark; a dark wall is painted."""
    rgb = PLAIN.copy()
    rgb[:60], rgb[180:] = 0, 24
    shown = rgb if coding is None else to_yuv420(rgb, coding)
    noise = noise_of(still_canvas(shown))
    bar, wall, dark = noise[:10].std(), noise[25:35].std(), noise[50:].std()
    assert bar < 0.05 * wall
    assert dark > 0.9 * wall


@pytest.mark.parametrize("strength", [0.0, 1.0])
@pytest.mark.parametrize("planar", [False, True])
def test_what_faded_to_black_is_not_visible_and_a_lamp_at_night_is(strength: float, planar: bool):
    noise = np.random.default_rng(0).integers(0, 7, PLAIN.shape, np.uint8)
    night = noise.copy()
    night[40:80, 60:120] = 200
    seen = [noise, PLAIN // 6 + noise, night, PLAIN]
    shown = [to_yuv420(rgb, YuvMatrix(1, 1)) if planar else rgb for rgb in seen]
    frames = [Frame(picture, n, Fraction(1, 25), cut=n == 0) for n, picture in enumerate(shown)]
    canvases = [frame.canvas for frame in travel(frames, strength)]
    black, fading, lamp, day = (canvas.visible for canvas in canvases if canvas is not None)
    assert black < 0.15 < fading < 0.6
    assert lamp == day == 1


def test_planes_are_as_flat_as_the_picture():
    rgb = texture(0, 320, 240)
    planes = Yuv(rgb[..., 1].copy(), *(np.full((120, 160), 128, np.uint8) for _ in "uv"))
    planes = replace(planes, coding=YuvMatrix(range=2))  # its Y is 0–255
    grey: Rgb = np.repeat(rgb[..., 1:2], 3, axis=2)
    assert np.allclose(still_canvas(planes).strength, still_canvas(grey).strength, atol=0.05)


def test_the_strength_is_a_dial():
    (weak,), (full,), (off,) = (canvases(moving(0, 0, 1), s) for s in (0.5, 1.0, 0.0))
    assert weak.std() == pytest.approx(full.std() / 2, rel=0.02)
    assert not off.any()


def test_pictures_get_a_canvas_that_stays():
    frames = [Frame(PLAIN, pts, Fraction(1, 25)) for pts in (0, 99)]
    one, other = lay_still(iter(frames))
    assert (noise_of(one.canvas) == noise_of(other.canvas)).all()
    assert noise_of(one.canvas).std() > 0.9
    assert one.canvas is not None and one.canvas.visible == 1
    off, _ = lay_still(iter(frames), 0.0)
    assert not noise_of(off.canvas).any()

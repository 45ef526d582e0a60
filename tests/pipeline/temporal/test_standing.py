from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Frame, Rgb
from stylize_video.pipeline.temporal.canvas import canvas_bytes, travel
from stylize_video.pipeline.temporal.consistency import blend_frames
from stylize_video.pipeline.temporal.flow import Dis
from stylize_video.pipeline.temporal.motion import attach_motion

from ...helpers.scenes import Scene, layers, pan, static, texture

COUNT = 16


def moving(frames: Iterable[Frame]) -> list[Frame]:
    return list(attach_motion(frames, Dis()))


def stands(frame: Frame) -> float:
    """The share of a frame's vectors that are exactly 0."""
    assert frame.motion is not None
    return float((frame.motion.vectors == 0).all(axis=-1).mean())


def dark(scene: Scene) -> list[Frame]:
    """A scene at night: a quarter of its light, and noise in it."""
    rng = np.random.default_rng(1)
    pictures = [scene.rgb(t) / 4 + rng.normal(0, 4, (240, 320, 3)) for t in range(scene.count)]
    seen = [np.clip(p, 0, 255).round().astype(np.uint8) for p in pictures]
    return [Frame(rgb, t, Fraction(1, 25), 1, cut=t == 0) for t, rgb in enumerate(seen)]


@pytest.mark.parametrize("noise", [0.0, 1.0, 2.0])
def test_what_stands_still_has_not_moved_at_all(noise: float):
    frames = moving(static(texture(1), COUNT, noise=noise).frames())
    assert min(map(stands, frames[1:])) > 0.9


def test_a_noisy_night_stands_still():
    frames = moving(dark(static(texture(1), COUNT, noise=0)))
    assert np.mean([stands(frame) for frame in frames[1:]]) > 0.6


@pytest.mark.parametrize("speed", [0.05, 0.3])
def test_a_slow_pan_does_not_stick(speed: float):
    """By a tenth of a pixel, a picture changes less than by noise; but it goes on."""
    frames = moving(pan(texture(1), COUNT, velocity=(speed, 0)).frames())
    assert max(stands(frame) for frame in frames[10:]) < 0.1
    found = [f.motion.vectors[..., 0].mean() for f in frames[10:] if f.motion is not None]
    assert np.mean(found) == pytest.approx(speed, rel=0.35)


def test_a_wall_moves_with_the_pan_around_it():
    """A sky looks the same when the camera turns."""
    photo = texture(1)
    photo[:, 150:250] = 130
    for speed in (0.3, 3):
        frames = moving(pan(photo, COUNT, velocity=(speed, 0)).frames())
        assert max(stands(frame) for frame in frames[10:]) < 0.1


def test_what_moves_keeps_its_motion_and_what_lies_around_stands():
    scene = layers(texture(1), COUNT, thing=texture(7))
    ground = scene.surfaces[0]
    still = Scene("", (static(ground.photo, COUNT).surfaces[0], scene.surfaces[1]), COUNT, 320, 240)
    for t, frame in list(enumerate(moving(still.frames())))[4:]:
        assert frame.motion is not None
        size = np.abs(frame.motion.vectors).max(axis=-1)
        thing = still.shown(t) == 1
        assert (size[thing] > 0).all()
        off = np.linalg.norm(frame.motion.vectors - still.flow(t, -1), axis=-1)
        assert np.median(off[thing]) < 1
        assert (size[~thing] == 0).mean() > 0.4


def test_a_shot_after_a_cut_is_not_compared_with_the_one_before():
    one, other = texture(1, 320, 240), texture(2, 320, 240)
    pictures: list[Rgb] = [one, one, one, other, other]
    frames = [Frame(p, t, Fraction(1, 25), cut=t in (0, 3)) for t, p in enumerate(pictures)]
    found = moving(frames)
    assert found[3].motion is None
    assert stands(found[4]) == 1


def test_canvas_and_output_of_what_stands_still_are_equal_from_frame_to_frame():
    frames = moving(static(texture(1), 60, noise=1).frames())
    drawn = [canvas_bytes(f.canvas, (60, 80)) for f in travel(frames) if f.canvas is not None]
    assert all(np.array_equal(one, drawn[0]) for one in drawn)
    painting = texture(3, 320, 240)
    painted = (Frame(painting, f.pts, f.time_base, cut=f.cut, motion=f.motion) for f in frames)
    assert all(np.array_equal(f.rgb, painting) for f in blend_frames(painted, 0.75))

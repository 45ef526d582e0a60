from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.errors import ModelError
from stylize_video.pipeline.core.frame import Frame, Rgb, Yuv, YuvMatrix, as_rgb
from stylize_video.pipeline.imaging.resize import reduce_for_flow
from stylize_video.pipeline.imaging.warp import Warper, resize_vectors
from stylize_video.pipeline.temporal.flow import (
    Dis,
    inconsistency,
    meeting,
    motion_boundary,
    occluded,
    open_flow,
)
from stylize_video.pipeline.temporal.motion import attach_motion, measure_motion

from ...helpers.onnx_files import write_contract_model
from ...helpers.scenes import Scene, layers, pan, texture
from ...helpers.yuv import to_yuv420


@pytest.fixture(scope="module")
def panned() -> Scene:
    return pan(texture(1), count=4)


@pytest.fixture(scope="module")
def layered() -> Scene:
    return layers(texture(1), count=12, thing=texture(7))


def frames_of(pictures: list[Rgb], cut_at: int = 0) -> list[Frame]:
    return [Frame(p, i, Fraction(1, 25), 1, cut=i == cut_at) for i, p in enumerate(pictures)]


def test_dis_finds_a_pan(panned: Scene):
    found = Dis().between(panned.rgb(0), panned.rgb(1))
    off = np.linalg.norm(found - panned.flow(0), axis=-1)
    assert found.shape == (240, 320, 2) and found.dtype == np.float32
    assert np.median(off) < 0.1


@pytest.mark.parametrize("size", [(1, 1), (3, 40), (15, 200), (16, 16)])
def test_dis_takes_any_size(size: tuple[int, int]):
    picture = np.zeros((*size, 3), np.uint8)
    assert Dis().between(picture, picture).shape == (*size, 2)
    motion = measure_motion(picture, picture, Dis())
    assert np.abs(motion.vectors).max() < 0.01


def test_warping_by_the_flow_gives_the_picture_back(panned: Scene):
    seen = panned.visible(0)
    height, width = panned.rgb(1).shape[:2]
    moved = Warper(width, height).warp(panned.rgb(1), panned.flow(0), cv2.INTER_CUBIC)
    assert np.abs(moved.astype(int) - panned.rgb(0))[seen].mean() < 1


def test_a_picture_is_reduced_by_whole_pixels():
    picture = np.zeros((720, 1280, 3), np.uint8)
    assert reduce_for_flow(picture).shape == (240, 426, 3)
    assert reduce_for_flow(picture[:300, :480]).shape == (300, 480, 3)
    assert reduce_for_flow(np.zeros((3, 4000, 3), np.uint8)).shape == (1, 444, 3)
    assert reduce_for_flow(np.zeros((1, 4000, 3), np.uint8)).shape == (1, 444, 3)


def test_vectors_grow_with_the_picture():
    small = np.full((10, 20, 2), (1.0, -2.0), np.float32)
    large = resize_vectors(small, 60, 20)
    assert large.shape == (20, 60, 2)
    assert np.allclose(large, (3.0, -4.0))


def test_what_the_other_picture_hides_is_occluded():
    """Ruder's inequality, on numbers that can be worked out by hand."""
    forward = np.full((4, 12, 2), (2.0, 0.0), np.float32)
    backward = np.full((4, 12, 2), (-2.0, 0.0), np.float32)
    assert not occluded(forward, backward)[:, :10].any()
    assert occluded(forward, backward)[:, 10:].all()  # leaves the picture
    backward[:, 6:] = 0  # comes back 2 px off: 4 > 0.01 (4 + 0) + 0.5
    share = inconsistency(forward, backward)
    assert np.allclose(share[:, 5:9], 4 / 0.54)
    assert (
        occluded(forward, backward)[:, 5:9].all() and not occluded(forward, backward)[:, :3].any()
    )


def test_an_edge_of_the_motion_is_a_boundary():
    vectors = np.zeros((8, 8, 2), np.float32)
    vectors[:, 4:] = (1.0, 0.0)
    found = motion_boundary(vectors)
    assert found[:, 3].all() and found.sum() == 8


def test_confidence_is_high_on_what_moves_and_gone_on_what_is_uncovered(layered: Scene):
    trusted, fresh = [], []
    for t in range(1, layered.count):
        motion = measure_motion(layered.rgb(t), layered.rgb(t - 1), Dis())
        assert motion.confidence.min() >= 0 and motion.confidence.max() <= 1
        trusted.append(motion.confidence[layered.visible(t, -1)].mean())
        fresh.append(motion.confidence[layered.disoccluded(t)].mean())
    assert np.mean(trusted) > 0.75
    assert np.mean(fresh) < 0.15


def test_a_flash_is_not_trusted(panned: Scene):
    bright = np.clip(panned.rgb(1).astype(int) + 90, 0, 255).astype(np.uint8)
    still = measure_motion(panned.rgb(1), panned.rgb(0), Dis()).confidence.mean()
    assert measure_motion(bright, panned.rgb(0), Dis()).confidence.mean() < 0.4 * still


def test_no_motion_is_attached_across_a_cut(panned: Scene):
    frames = frames_of([panned.rgb(t) for t in range(4)], cut_at=2)
    motions = [frame.motion for frame in attach_motion(frames, Dis())]
    assert [m is None for m in motions] == [True, False, True, False]
    assert motions[1] is not None and np.median(motions[1].vectors[..., 0]) == pytest.approx(
        1.37, abs=0.1
    )


def test_raft_without_its_file_says_how_to_get_it(tmp_path: Path):
    with pytest.raises(ModelError, match=r"does not exist.*stylize-video export-flow"):
        open_flow("raft", tmp_path / "raft.onnx")


def test_a_style_is_no_flow_net(tmp_path: Path):
    style = write_contract_model(tmp_path / "style.onnx")
    with pytest.raises(ModelError, match="is no flow net: it takes frame and gives stylized"):
        open_flow("raft", style)


def test_pixels_that_meet_hide_each_other():
    vectors = np.zeros((20, 30, 2), np.float32)
    vectors[:, :15, 0] = 6  # they end where the pixels to their right stay
    crowd = meeting(vectors)
    assert np.allclose(crowd[4:-4, 17:19], 2)  # what stays is met there
    assert np.allclose(crowd[4:-4, 11:13], 2)
    assert np.allclose(crowd[4:-4, 25:], 1) and crowd[4:-4, :7].max() <= 1
    assert np.isinf(meeting(np.full((8, 8, 2), 20, np.float32))).all()


def test_planes_are_reduced_as_planes_and_move_as_the_picture(panned: Scene):
    large = cv2.resize(panned.rgb(1), (1280, 960), interpolation=cv2.INTER_CUBIC)
    planes = to_yuv420(large, YuvMatrix())
    small = reduce_for_flow(planes)
    assert isinstance(small, Yuv) and small.y.shape == (320, 426)
    rgb = as_rgb(reduce_for_flow(large))
    assert np.abs(small.rgb().astype(int) - rgb).mean() < 3

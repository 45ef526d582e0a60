"""What every ``FlowEstimator`` promises: one suite over all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from stylize_video.pipeline.core.config import Settings
from stylize_video.pipeline.core.frame import Yuv, YuvMatrix
from stylize_video.pipeline.temporal.flow import FlowEstimator, open_flow

from ...helpers.interfaces import implementations
from ...helpers.onnx_files import write_flow_model
from ...helpers.scenes import texture
from ...helpers.yuv import to_yuv420

ESTIMATORS: dict[str, Callable[[Path], FlowEstimator]] = {
    "dis": lambda folder: open_flow("dis"),
    "raft": lambda folder: open_flow("raft", write_flow_model(folder / "flow.onnx"), "cpu", 1),
}
"""A new estimator has its line here, under its name in the setting ``flow``."""


@pytest.fixture(params=ESTIMATORS)
def estimator(request: pytest.FixtureRequest, tmp_path: Path) -> FlowEstimator:
    return ESTIMATORS[request.param](tmp_path)


def test_every_class_of_estimators_is_in_the_list(tmp_path: Path):
    opened = {type(make(tmp_path)).__name__ for make in ESTIMATORS.values()}
    assert opened == implementations("pipeline.temporal.flow", "FlowEstimator")


def test_the_setting_takes_each_name(tmp_path: Path):
    assert {Settings(flow=name).flow for name in ESTIMATORS} == set(ESTIMATORS)


@pytest.mark.parametrize("size", [(160, 128), (97, 61), (33, 20), (5, 7)])
def test_there_is_a_vector_for_every_pixel(estimator: FlowEstimator, size: tuple[int, int]):
    first, second = texture(1, *size), texture(2, *size)
    vectors = estimator.between(first, second)
    assert vectors.shape == (*first.shape[:2], 2)
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous
    assert np.isfinite(vectors).all()


def test_equal_pictures_have_not_moved(estimator: FlowEstimator):
    picture = texture(1, 160, 128)
    assert np.abs(estimator.between(picture, picture.copy())).max() < 0.5


def test_sizes_may_change_and_answers_do_not(estimator: FlowEstimator):
    large = texture(1, 160, 128), texture(2, 160, 128)
    small = texture(1, 64, 48), texture(2, 64, 48)
    before = estimator.between(*large)
    estimator.between(*small)
    assert np.array_equal(estimator.between(*large), before)


def test_the_pictures_that_it_is_given_are_not_changed(estimator: FlowEstimator):
    first, second = texture(1, 97, 61), texture(2, 97, 61)
    copies = first.copy(), second.copy()
    estimator.between(first, second)
    assert np.array_equal(first, copies[0]) and np.array_equal(second, copies[1])


def test_planes_with_gaps_between_their_rows_are_taken(estimator: FlowEstimator):
    """A decoder's planes are views of wider memory."""
    plain = [to_yuv420(texture(seed, 160, 128), YuvMatrix()) for seed in (1, 2)]
    gaps = [
        Yuv(*(np.pad(plane, ((0, 0), (0, 9)))[:, :-9] for plane in picture.planes))
        for picture in plain
    ]
    assert np.array_equal(estimator.between(*gaps), estimator.between(*plain))

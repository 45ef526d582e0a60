from __future__ import annotations

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.imaging.warp import Warper, resize_vectors

SIZES = [((240, 426), (720, 1280)), ((60, 80), (121, 163)), ((7, 9), (8, 10)), ((1, 1), (90, 70))]


def rough(size: tuple[int, int], scale: float = 5) -> np.ndarray:
    return np.random.default_rng(0).normal(0, scale, (*size, 2)).astype(np.float32)


@pytest.mark.parametrize(("few", "many"), SIZES)
def test_few_vectors_move_a_picture_as_many_do(few: tuple[int, int], many: tuple[int, int]):
    vectors = rough(few)
    height, width = many
    warper = Warper(width, height)
    found = warper.places(vectors).copy()
    expected = warper.places(resize_vectors(vectors, width, height))
    assert np.allclose(found, expected, atol=0.002)


def test_what_stands_is_copied_and_the_rest_sampled_as_ever():
    rng = np.random.default_rng(1)
    picture = rng.uniform(0, 255, (240, 320)).astype(np.float32)
    vectors = np.zeros((120, 160, 2), np.float32)
    vectors[70:90, 30:75] = (1.3, -0.7)
    warper = Warper(320, 240)
    out = np.empty_like(picture)
    moved = warper.warp(picture, vectors, cv2.INTER_CUBIC, out)
    assert moved is out
    places = warper.places(vectors)
    x, y = cv2.split(places)
    whole = cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    assert np.allclose(moved, whole, atol=0.02)
    assert np.array_equal(moved[:130], picture[:130])
    assert np.array_equal(warper.warp(picture, vectors * 0), picture)

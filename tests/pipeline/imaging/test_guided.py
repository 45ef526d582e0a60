from __future__ import annotations

import cv2
import numpy as np
from stylize_video.pipeline.imaging.guided import apply_affine_maps, fit_affine_maps

from ...helpers.scenes import texture


def test_a_grade_is_carried_to_a_larger_frame():
    large = texture(1, 360, 240)
    small = np.asarray(cv2.resize(large, (120, 80), interpolation=cv2.INTER_AREA), np.uint8)
    mixed = np.array([[0.6, 0.3, 0.0], [0.1, 0.8, 0.0], [0.0, 0.2, 0.7]])
    painted, wanted = (np.rint(x @ mixed.T + 9).astype(np.uint8) for x in (small, large))
    found = apply_affine_maps(large, [fit_affine_maps(painted, small, radius=0.1, epsilon=1e-5)])
    assert np.abs(found.astype(int) - wanted).mean() < 1


def test_what_the_source_does_not_have_is_smoothed_away():
    source = np.zeros((96, 96, 3), np.uint8)
    source[:, 48:] = 200
    noise = np.random.default_rng(0).integers(-30, 30, source.shape)
    painted = np.clip(source.astype(int) // 2 + 60 + noise, 0, 255).astype(np.uint8)
    found = apply_affine_maps(source, [fit_affine_maps(painted, source)]).astype(int)
    assert found[:, :40].std() < 5  # flat again
    assert (found[:, 52] - found[:, 44]).mean() > 90  # and the edge is still there


def test_where_two_labels_meet_neither_light_glows_into_the_other():
    rows = np.linspace(80, 160, 96).astype(np.uint8)
    source = np.repeat(np.repeat(rows[:, None, None], 96, axis=1), 3, axis=2)
    painted = source.copy()
    painted[:, 48:] //= 4  # the right side at night; its source is no darker
    labels = np.zeros((96, 96, 2), np.uint8)
    labels[:, :48, 0] = labels[:, 48:, 1] = 255
    affine_maps = [
        fit_affine_maps(painted, source, where=np.ascontiguousarray(labels[..., k])) for k in (0, 1)
    ]
    found = apply_affine_maps(source, affine_maps, labels).astype(int)
    assert np.abs(found - painted).mean() < 1
    mixed = apply_affine_maps(source, [fit_affine_maps(painted, source)]).astype(int)
    assert np.abs(mixed - painted).mean() > 5

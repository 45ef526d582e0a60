from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Motion
from stylize_video.pipeline.styles.changes import BLOCK, ChangeDetector, cover, window_at
from stylize_video.pipeline.styles.compiled import Inputs, Padding

from ...helpers.scenes import texture

PADDING = Padding(540, 960, 32, 4)


def given(brighter: int = 0, square: tuple[int, int] | None = None, seed: int = 7) -> Inputs:
    """What a net is given: a picture, brighter, or with a square of 48 px at a place."""
    size = PADDING.size
    rgb = texture(seed, size.width, size.height) // 2 + np.uint8(40 + brighter)
    if square is not None:
        rgb[square[0] : square[0] + 48, square[1] : square[1] + 48] = 250
    canvas = np.full((size.height // 4, size.width // 4, 4), 128, np.uint8)
    return {"rgb": rgb, "canvas": canvas}


def moving(trust: float) -> Motion:
    return Motion(np.zeros((54, 96, 2), np.float32), np.full((54, 96), trust, np.float32))


def test_the_first_frame_is_painted_whole_and_nothing_while_it_stands():
    changes = ChangeDetector(PADDING)
    assert changes.decide(given(), None).windows is None
    for _ in range(10):
        assert changes.decide(given(), None).windows == ()


def test_noise_is_no_change():
    changes = ChangeDetector(PADDING)
    random = np.random.default_rng(1)
    for t in range(8):
        inputs = given()
        noise = random.normal(0, 4, inputs["rgb"].shape)
        inputs["rgb"] = np.clip(inputs["rgb"] + noise, 0, 255).astype(np.uint8)
        decision = changes.decide(inputs, None)
        assert t == 0 or decision.windows == ()


def test_where_something_comes_and_where_it_was_is_painted():
    changes = ChangeDetector(PADDING)
    changes.decide(given(), None)
    for square in ((100, 100), (100, 700), None):
        before = given(square=square)
        windows = changes.decide(before, None).windows
        assert windows
        painted = np.zeros((75, 128), np.bool_)
        for window in windows:
            painted[window.inner] = True
        assert square is None or painted[square[0] // BLOCK, square[1] // BLOCK]
        assert not painted.all()


@pytest.mark.parametrize("period", [4, 8])
def test_what_is_finer_than_a_cell_is_seen_to_move(period: int):
    """The means of cells stay the same."""
    changes = ChangeDetector(PADDING)
    for t in range(6):
        inputs = given()
        x = np.arange(160) + t * period // 4
        blinds = np.where(x // (period // 2) % 2, 150, 90).astype(np.uint8)
        inputs["rgb"][200:360, 400:560] = blinds[None, :, None]
        windows = changes.decide(inputs, None).windows
        assert t == 0 or windows
        assert t == 0 or any(
            w.inner[0].start <= 35 < w.inner[0].stop and w.inner[1].start <= 60 < w.inner[1].stop
            for w in windows or ()
        )


@pytest.mark.parametrize(("ink", "paper"), [(30, 250), (160, 60)])
def test_a_digit_that_changes_is_painted(ink: int, paper: int):
    changes = ChangeDetector(PADDING)
    for number in range(10):
        inputs = given()
        inputs["rgb"][200:260, 200:400] = paper
        place, font = (230, 240), cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(inputs["rgb"], str(number), place, font, 0.45, (ink,) * 3, 1, cv2.LINE_AA)
        windows = changes.decide(inputs, None).windows
        assert number == 0 or windows


@pytest.mark.parametrize("step", [1, -1])
def test_a_slow_fade_is_followed(step: int):
    changes = ChangeDetector(PADDING)
    whole = [changes.decide(given(step * t), None).windows is None for t in range(20)]
    assert 4 <= sum(whole) <= 12


def test_a_cut_is_painted_whole():
    changes = ChangeDetector(PADDING)
    changes.decide(given(), None)
    assert changes.decide(given(seed=8), None).windows is None


def test_nothing_grows_old():
    changes, same = ChangeDetector(PADDING), given()
    age = np.zeros((75, 128), int)
    for _ in range(400):
        age += 1
        windows = changes.decide(same, None).windows
        if windows is None:
            age[:] = 0
            continue
        assert len(windows) <= 1
        for window in windows:
            age[window.inner] = 0
        assert age.max() < 120


def test_what_moves_is_carried_in_every_second_frame_where_it_can_be_trusted():
    changes = ChangeDetector(PADDING)
    carried = []
    for t in range(9):
        decision = changes.decide(given(square=(200, 200 + 40 * t)), moving(0.9))
        carried.append(decision.carried is not None)
        if decision.carried is not None:
            assert decision.windows == ()
            assert decision.carried.shape == (68, 120)
            assert 0 < decision.carried.mean() < 0.1
    assert carried == [False, True] * 4 + [False]


def test_what_can_not_be_trusted_is_painted_in_every_frame():
    changes = ChangeDetector(PADDING)
    changes.decide(given(), moving(0.1))
    for t in range(4):
        decision = changes.decide(given(square=(200, 200 + 40 * t)), moving(0.1))
        assert decision.windows
        assert decision.carried is None


def test_a_flash_and_a_fade_are_not_carried():
    for light, trust in ((30, 0.39), (-6, 0.95)):
        changes = ChangeDetector(PADDING)
        changes.decide(given(), moving(1.0))
        decision = changes.decide(given(light), moving(trust))
        assert decision.windows is None
        assert decision.carried is None


def test_what_is_too_small_for_windows_does_not_grow_old_either():
    padding = Padding(200, 300, 32, 4)
    changes = ChangeDetector(padding)
    rgb = np.full((padding.size.height, padding.size.width, 3), 90, np.uint8)
    whole = [changes.decide({"rgb": rgb}, None).windows is None for _ in range(100)]
    assert whole[0]
    assert sum(whole) == 2


def test_a_small_picture_is_painted_whole():
    padding = Padding(200, 300, 32, 4)
    changes = ChangeDetector(padding)
    size = padding.size
    for t in range(3):
        rgb = np.full((size.height, size.width, 3), 90 + 20 * t, np.uint8)
        assert changes.decide({"rgb": rgb}, None).windows is None


@pytest.mark.parametrize("seed", range(8))
def test_windows_cover_all_that_is_wanted(seed: int):
    random = np.random.default_rng(seed)
    cells = (int(random.integers(40, 90)), int(random.integers(40, 170)))
    wanted = random.random(cells) < 0.001
    windows = cover(wanted, 1000)
    assert windows is not None
    for window in windows:
        wanted[window.inner] = False
        assert 0 <= window.top <= cells[0] - 40
        assert 0 <= window.left <= cells[1] - 40
    assert not wanted.any()
    assert cover(np.ones(cells, np.bool_), 1) is None or cells == (40, 40)


def test_only_at_the_pictures_edge_a_window_is_used_to_its_edge():
    assert window_at(0, 0, (90, 160)).inner == (slice(0, 36), slice(0, 36))
    assert window_at(30, 60, (90, 160)).inner == (slice(30, 62), slice(60, 92))
    assert window_at(89, 159, (90, 160)).inner == (slice(54, 90), slice(124, 160))


def test_fractions_of_a_frame_rate_choose_what_is_carried():
    from stylize_video.pipeline.styles.repaint import choose_repaint

    assert choose_repaint("auto", float(Fraction(30000, 1001)), True) == "changes"
    assert choose_repaint("auto", 50.0, True) == "twos"
    assert choose_repaint("auto", 50.0, False) == "all"
    assert choose_repaint("all", 60.0, True) == "all"

from __future__ import annotations

import threading

import pytest
from stylize_video.pipeline.core.errors import SettingsError
from stylize_video.pipeline.live.controls import ACTIONS, Controls, State


def test_styles_go_round():
    controls = Controls(["a", "b", "c"])
    assert [controls.do("next").style for _ in range(4)] == [1, 2, 0, 1]
    assert [controls.do("previous").style for _ in range(3)] == [0, 2, 1]
    assert controls.do("style", 99).style == 2
    assert controls.do("style", -1).style == 0


def test_strength_and_wipe_stay_within_bounds():
    controls = Controls(["a"])
    assert controls.do("stronger").strength == 1
    assert [controls.do("weaker").strength for _ in range(3)] == [0.9, 0.8, 0.7]
    assert controls.do("strength", -3).strength == 0
    assert controls.do("wipe", 7).wipe == 1
    assert controls.do("wipe left").wipe == 0.95


@pytest.mark.parametrize(
    ("action", "name"),
    [("steady", "steady"), ("mirror", "mirror"), ("pause", "paused"), ("record", "recording")],
)
def test_a_switch_goes_on_and_off(action: str, name: str):
    controls = Controls(["a"])
    before = getattr(controls.state, name)
    assert getattr(controls.do(action), name) is not before
    assert getattr(controls.do(action), name) is before


def test_compare_has_three_ways():
    controls = Controls(["a"])
    assert [controls.do("compare").compare for _ in range(3)] == ["side", "wipe", "off"]


def test_what_is_no_action_or_no_number_is_refused():
    controls = Controls(["a"])
    with pytest.raises(SettingsError, match="no action 'nxt'; did you mean 'next'"):
        controls.do("nxt")
    with pytest.raises(SettingsError, match="takes a number, not nan"):
        controls.do("strength", float("nan"))
    assert controls.state == State()


def test_nothing_is_lost_between_threads():
    controls = Controls(["a"])
    threads = [
        threading.Thread(target=lambda: [controls.do("snapshot") for _ in range(500)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert controls.state.snapshots == 2000


def test_every_key_of_the_window_has_its_action():
    from stylize_video.pipeline.live.outputs.keys import KEYS

    assert {action for action, _ in KEYS.values()} <= set(ACTIONS)

from __future__ import annotations

import pytest
from stylize_video.pipeline.core.config import Settings, checked
from stylize_video.pipeline.live.open import open_controller
from stylize_video.pipeline.live.resolution import SCALES, ResolutionController, choose_rate


class Machine:
    """Takes ``whole`` seconds for a whole frame, less for a smaller one; has its own clock."""

    def __init__(self, whole: float) -> None:
        self.whole = whole
        self.now = 0.0

    def paint(self, controller: ResolutionController, frames: int) -> list[float]:
        scales: list[float] = []
        for _ in range(frames):
            scale = controller.scale
            seconds = self.whole * scale**2
            self.now += max(seconds, 1 / 30)
            controller.record(seconds, scale)
            scales.append(scale)
        return scales


def controller_for(machine: Machine) -> ResolutionController:
    return ResolutionController(30, lambda: machine.now)


def test_a_quick_machine_paints_the_whole():
    machine = Machine(0.02)
    assert set(machine.paint(controller_for(machine), 300)) == {1.0}


def test_a_slow_machine_steps_down_at_once_as_far_as_needed():
    machine = Machine(0.1)
    controller = controller_for(machine)
    scales = machine.paint(controller, 40)
    assert scales[11] == 1.0  # the median of a dozen
    assert scales[12] == scales[-1] < 1
    assert 0.5 / 30 < machine.whole * controller.scale**2 <= 1 / 30


def test_one_slow_frame_changes_nothing():
    machine = Machine(0.02)
    controller = controller_for(machine)
    for number in range(100):
        controller.record(0.5 if number % 10 == 0 else 0.02, 1.0)
    assert controller.scale == 1.0


def test_it_steps_up_when_it_has_been_well_for_a_while():
    machine = Machine(0.1)
    controller = controller_for(machine)
    machine.paint(controller, 40)
    machine.whole = 0.01
    began = machine.now
    scales = machine.paint(controller, 2000)
    assert scales[-1] == 1.0
    assert scales[:30] == [scales[0]] * 30
    assert machine.now > began + 3


def test_it_does_not_swing():
    """A machine that looks well one size below, and is not: steps up grow rare."""
    machine = Machine(0.02)
    controller = controller_for(machine)

    def paint(frames: int) -> int:
        changes = 0
        for _ in range(frames):
            scale = controller.scale
            # At the whole size it takes far more than the pixels say.
            seconds = 0.05 if scale == 1 else 0.02 * scale**2
            machine.now += 1 / 30
            changes += controller.record(seconds, scale)
        return changes

    first, second = paint(30 * 60), paint(30 * 60)
    assert first > second
    assert second <= 4


def test_frames_of_another_size_are_ignored():
    machine = Machine(0.02)
    controller = controller_for(machine)
    for _ in range(50):
        controller.record(1.0, 0.5)
    assert controller.scale == 1.0


def test_below_the_smallest_size_it_goes_no_further():
    machine = Machine(10.0)
    controller = controller_for(machine)
    machine.paint(controller, 100)
    assert controller.scale == SCALES[-1]


@pytest.mark.parametrize(
    ("fps_target", "source", "waits", "rate"),
    [
        (None, 29.97, False, 29.97),
        (None, 1000.0, False, 60.0),  # a stream that does not know its rate
        (None, 25.0, True, None),
        (24.0, 30.0, False, 24.0),
        (120.0, 30.0, True, 120.0),
        (0.0, 30.0, False, None),
    ],
)
def test_the_rate_to_hold(fps_target: float | None, source: float, waits: bool, rate: float | None):
    assert choose_rate(fps_target, source, waits) == rate


def test_live_outputs_hold_the_rate_of_their_source_unless_switched_off(
    caplog: pytest.LogCaptureFixture,
):
    def rate(**values: object) -> float | None:
        controller = open_controller(checked(Settings, values, "test"), 25.0)
        return None if controller is None else controller.rate

    assert rate() == 25
    assert rate(fps_target=0) is None
    assert rate(policy="sync") is None
    assert rate(style_scale=1.0) is None
    assert not caplog.text
    assert rate(style_scale=1.0, fps_target=30) is None
    assert "--fps-target is ignored" in caplog.text

from __future__ import annotations

from stylize_video.pipeline.live.resolution import SCALES, ResolutionController


class Machine:
    """Takes ``whole`` seconds for a whole frame, less for a smaller one; has its own clock."""

    def __init__(self, whole: float) -> None:
        self.whole = whole
        self.now = 0.0

    def paint(self, governor: ResolutionController, frames: int) -> list[float]:
        scales: list[float] = []
        for _ in range(frames):
            scale = governor.scale
            took = self.whole * scale**2
            self.now += max(took, 1 / 30)
            governor.record(took, scale)
            scales.append(scale)
        return scales


def held(machine: Machine) -> ResolutionController:
    return ResolutionController(30, lambda: machine.now)


def test_a_quick_machine_paints_the_whole():
    machine = Machine(0.02)
    assert set(machine.paint(held(machine), 300)) == {1.0}


def test_a_slow_machine_steps_down_at_once_as_far_as_needed():
    machine = Machine(0.1)
    governor = held(machine)
    scales = machine.paint(governor, 40)
    assert scales[11] == 1.0  # the median of a dozen
    assert scales[12] == scales[-1] < 1
    assert 0.5 / 30 < machine.whole * governor.scale**2 <= 1 / 30


def test_one_slow_frame_changes_nothing():
    machine = Machine(0.02)
    governor = held(machine)
    for number in range(100):
        governor.record(0.5 if number % 10 == 0 else 0.02, 1.0)
    assert governor.scale == 1.0


def test_it_steps_up_when_it_has_been_well_for_a_while():
    machine = Machine(0.1)
    governor = held(machine)
    machine.paint(governor, 40)
    machine.whole = 0.01
    began = machine.now
    scales = machine.paint(governor, 2000)
    assert scales[-1] == 1.0
    assert scales[:30] == [scales[0]] * 30
    assert machine.now > began + 3


def test_it_does_not_swing():
    """A machine that looks well one size below, and is not: steps up grow rare."""
    machine = Machine(0.02)
    governor = held(machine)

    def paint(frames: int) -> int:
        changes = 0
        for _ in range(frames):
            scale = governor.scale
            # At the whole size it takes far more than the pixels say.
            took = 0.05 if scale == 1 else 0.02 * scale**2
            machine.now += 1 / 30
            changes += governor.record(took, scale)
        return changes

    first, second = paint(30 * 60), paint(30 * 60)
    assert first > second
    assert second <= 4


def test_nothing_is_heard_of_frames_of_another_size():
    machine = Machine(0.02)
    governor = held(machine)
    for _ in range(50):
        governor.record(1.0, 0.5)
    assert governor.scale == 1.0


def test_below_the_smallest_size_it_goes_no_further():
    machine = Machine(10.0)
    governor = held(machine)
    machine.paint(governor, 100)
    assert governor.scale == SCALES[-1]

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Frame, Memory, Motion, Rgb, Yuv, YuvMatrix, as_rgb
from stylize_video.pipeline.live.controls import State
from stylize_video.pipeline.live.crossfade import Crossfade, Mover, mirrored
from stylize_video.pipeline.live.loader import StyleLoader, StyleRequest
from stylize_video.pipeline.live.painter import LivePainter
from stylize_video.pipeline.styles.per_shot import Whole
from stylize_video.pipeline.temporal.consistency import Carried, Recurrent
from stylize_video.pipeline.temporal.flow import Dis

from ...helpers.fake_style import FakeStyle
from ...helpers.scenes import pan, texture


def grey(level: int, size: tuple[int, int] = (32, 48)) -> Any:
    return np.full((*size, 3), level, np.uint8)


def test_a_crossfade_goes_from_the_old_to_the_new_in_its_time():
    now = 0.0
    fade = Crossfade(0.4, lambda: now)
    assert fade(grey(0), None)[0, 0, 0] == 0
    fade.begin()
    seen: list[int] = []
    for _ in range(6):
        now += 0.1
        seen.append(int(fade(grey(200), None)[0, 0, 0]))
    assert seen == pytest.approx([50, 100, 150, 200, 200, 200], abs=2)
    assert not fade.runs


def test_in_a_crossfade_the_old_goes_on_moving():
    now = 0.0
    fade = Crossfade(1.0, lambda: now)
    old = grey(0)
    old[:, 10:14] = 255
    fade(old, None)
    fade.begin()
    vectors = np.zeros((32, 48, 2), np.float32)
    vectors[..., 0] = -4  # what is here now was 4 px to the left
    now = 0.1
    shown = as_rgb(fade(grey(0), Motion(vectors, np.ones((32, 48), np.float32))))
    assert np.argmax(shown[16, :, 0]) in range(14, 18)


def test_planes_are_moved_and_mirrored_as_rgb_is():
    rng = np.random.default_rng(0)
    y, u, v = (rng.integers(16, 235, s, dtype=np.uint8) for s in ((8, 12), (4, 6), (4, 6)))
    planes = Yuv(y, u, v, YuvMatrix(1, 1))
    flipped = mirrored(planes)
    assert isinstance(flipped, Yuv)
    assert (flipped.y == y[:, ::-1]).all() and (flipped.v == v[:, ::-1]).all()
    vectors = np.zeros((8, 12, 2), np.float32)
    vectors[..., 0] = 2
    pulled = Mover()(planes, Motion(vectors, np.ones((8, 12), np.float32)))
    assert isinstance(pulled, Yuv)
    assert (pulled.y[:, :10] == y[:, 2:]).all() and (pulled.u[:, :5] == u[:, 1:]).all()


@pytest.fixture
def easel() -> Any:
    made = StyleLoader(lambda number: FakeStyle(10 * (number + 1)), StyleRequest(0))
    yield LivePainter(made, Dis(), 0.75)
    made.close()


def frame(picture: Any) -> Frame:
    return Frame(picture, 0, Fraction(1, 25))


def test_a_frame_is_painted_with_its_source_beside(easel: LivePainter):
    done = easel.paint(frame(grey(100)), State())
    assert as_rgb(done.picture)[0, 0, 0] == 110
    assert as_rgb(done.original)[0, 0, 0] == 100  # pyright: ignore[reportArgumentType]


def test_strength_that_a_style_can_not_take_is_a_fade(easel: LivePainter):
    done = easel.paint(frame(grey(100)), State(strength=0.5))
    assert as_rgb(done.picture)[0, 0, 0] == 105


def test_mirror_turns_source_and_painting(easel: LivePainter):
    picture = grey(50)
    picture[:, :10] = 150
    done = easel.paint(frame(picture), State(mirror=True))
    assert as_rgb(done.picture)[0, -1, 0] == 160
    assert as_rgb(done.original)[0, -1, 0] == 150  # pyright: ignore[reportArgumentType]


def test_the_mask_keeps_the_source_and_luma_its_colours():
    made = StyleLoader(lambda number: Red(), StyleRequest(0))
    mask = np.zeros((32, 48), np.uint8)
    mask[:, :24] = 255
    done = LivePainter(made, Dis(), 0.75, mask=mask).paint(frame(grey(100)), State())
    assert as_rgb(done.picture)[0, 0].tolist() == [200, 0, 0]
    assert as_rgb(done.picture)[0, -1].tolist() == [100, 100, 100]
    done = LivePainter(made, Dis(), 0.75, luma=True).paint(frame(grey(100)), State())
    painted = as_rgb(done.picture)[0, 0]
    assert np.ptp(painted.astype(int)) <= 2
    made.close()


class Red(FakeStyle):
    """Paints all red."""

    def __init__(self) -> None:
        super().__init__(0)

    def shot_of(self, frame: Frame, strength: float = 1.0) -> tuple[Any, float]:
        red = np.array([200, 0, 0], np.uint8)
        return Whole(lambda rgb: np.broadcast_to(red, rgb.shape).copy()), 1.0


class Remembers(FakeStyle):
    """A recurrent net that writes down what it is told."""

    def __init__(self) -> None:
        super().__init__(0)
        self.told: list[Memory | None] = []

    def shot_of(self, frame: Frame, strength: float = 1.0) -> tuple[Any, float]:
        return Recurrent(self.paint), 1.0

    def paint(self, rgb: Rgb, memory: Memory | None = None) -> Rgb:
        self.told.append(memory)
        return rgb


def test_a_recurrent_net_is_told_what_was_shown():
    style = Remembers()
    tailored = StyleLoader(lambda number: style, StyleRequest(0))
    painting = LivePainter(tailored, Dis(), 0.75)
    scene = pan(texture(1), count=3)
    for shown in scene.frames():
        painting.paint(shown, State())
    tailored.close()
    told = style.told[1:]  # the first was the tailor's trial
    assert told[0] is None
    assert told[1] is not None
    seen = scene.visible(1, -1)
    assert np.abs(told[1].previous.astype(int) - scene.rgb(1)).mean(axis=-1)[seen].mean() < 2
    assert told[1].confidence[seen].mean() > 200


def test_a_recurrent_net_is_told_nothing_of_another_size():
    net = Remembers()
    carried = Carried([np.zeros((16, 16), np.float32)], np.ones((8, 8), np.float32))
    Recurrent(net.paint).paint(grey(9), carried)
    assert net.told == [None]

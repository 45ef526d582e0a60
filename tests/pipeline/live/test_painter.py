from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from stylize_video.pipeline.core.errors import ModelError
from stylize_video.pipeline.core.frame import (
    Frame,
    Motion,
    Rgb,
    SourcePicture,
    TemporalState,
    Yuv,
    YuvMatrix,
    as_rgb,
)
from stylize_video.pipeline.imaging.compositing import mirror
from stylize_video.pipeline.imaging.resize import resize_area
from stylize_video.pipeline.imaging.surface import Surface
from stylize_video.pipeline.live.controls import State
from stylize_video.pipeline.live.crossfade import Crossfade, PictureWarper
from stylize_video.pipeline.live.loader import StyleLoader, StyleRequest
from stylize_video.pipeline.live.painter import LivePainter
from stylize_video.pipeline.live.resolution import ResolutionController
from stylize_video.pipeline.people.find import FINDERS
from stylize_video.pipeline.styles.finish import Finish
from stylize_video.pipeline.styles.people_masks import PeopleMask
from stylize_video.pipeline.temporal.flow import Dis

from ...helpers.fake_style import CanvasStyle, FakeStyle
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
    flipped = mirror(planes)
    assert isinstance(flipped, Yuv)
    assert (flipped.y == y[:, ::-1]).all() and (flipped.v == v[:, ::-1]).all()
    vectors = np.zeros((8, 12, 2), np.float32)
    vectors[..., 0] = 2
    pulled = PictureWarper()(planes, Motion(vectors, np.ones((8, 12), np.float32)))
    assert isinstance(pulled, Yuv)
    assert (pulled.y[:, :10] == y[:, 2:]).all() and (pulled.u[:, :5] == u[:, 1:]).all()


@contextmanager
def painting_with(
    opens: Callable[[int], Any], flow: Any = None, canvas: float = 1.0, **options: Any
) -> Generator[LivePainter]:
    """A painter with a loader of its own, whose threads end with the block."""
    loader = StyleLoader(opens, StyleRequest(0), canvas)
    painter = LivePainter(loader, flow or Dis(), 0.75, canvas=canvas, **options)
    yield painter
    painter.close()
    loader.close()


@pytest.fixture
def painter() -> Any:
    with painting_with(lambda number: FakeStyle(10 * (number + 1))) as made:
        yield made


def frame(picture: Any) -> Frame:
    return Frame(picture, 0, Fraction(1, 25))


def test_a_frame_is_painted_with_its_source_beside(painter: LivePainter):
    done = painter.paint(frame(grey(100)), State())
    assert as_rgb(done.picture)[0, 0, 0] == 110
    assert as_rgb(done.source)[0, 0, 0] == 100


def test_strength_that_a_style_can_not_take_is_a_fade(painter: LivePainter):
    done = painter.paint(frame(grey(100)), State(strength=0.5))
    assert as_rgb(done.picture)[0, 0, 0] == 105


def test_mirror_turns_source_and_painting(painter: LivePainter):
    picture = grey(50)
    picture[:, :10] = 150
    done = painter.paint(frame(picture), State(mirror=True))
    assert as_rgb(done.picture)[0, -1, 0] == 160
    assert as_rgb(done.source)[0, -1, 0] == 150


def test_the_mask_keeps_the_source_and_luma_its_colours():
    mask = np.zeros((32, 48), np.uint8)
    mask[:, :24] = 255
    with painting_with(lambda number: Red(0), finish=Finish(mask=lambda frame: mask)) as masked:
        done = masked.paint(frame(grey(100)), State())
    assert as_rgb(done.picture)[0, 0].tolist() == [200, 0, 0]
    assert as_rgb(done.picture)[0, -1].tolist() == [100, 100, 100]
    with painting_with(lambda number: Red(0), finish=Finish(luma=True)) as luma:
        painted = as_rgb(luma.paint(frame(grey(100)), State()).picture)[0, 0]
    assert np.ptp(painted.astype(int)) <= 2


def test_people_are_masked_as_they_walk(monkeypatch: pytest.MonkeyPatch):
    def bright(rgb: Rgb, size: tuple[int, int], known: Any) -> Any:
        return resize_area((rgb[..., 0] > 140).astype(np.float32), size)

    monkeypatch.setitem(FINDERS, "people", bright)
    finish = Finish(mask=PeopleMask(0, False))
    opens = lambda number: FakeStyle(10)  # noqa: E731
    with painting_with(opens, finish=finish, wanted=("people",)) as masked:
        for number in range(8):
            picture = texture(2, 160, 90) // 2
            walker = np.s_[30:70, 30 + 3 * number : 70 + 3 * number]
            picture[walker] = texture(3, 40, 40) // 4 + 150
            done = masked.paint(Frame(picture, number, Fraction(1, 25)), State())
            added = as_rgb(done.picture)[..., 0].astype(int) - picture[..., 0]
            assert np.median(added[walker]) == 10 and np.median(added) == 0
            assert (added[:20] == 0).all()


def test_a_painting_is_held_and_its_grain_is_not():
    with painting_with(lambda number: FakeStyle(0), hold=2, surface=Surface(0, 1)) as held:
        shown = [
            as_rgb(held.paint(Frame(grey(level), n, Fraction(1, 25)), State()).picture)
            for n, level in enumerate((90, 130, 170))
        ]
    assert abs(float(shown[1].mean()) - float(shown[0].mean())) < 2
    assert float(shown[2].mean()) > float(shown[0].mean()) + 10
    assert not np.array_equal(shown[0], shown[1])


class Red(FakeStyle):
    """Paints all red."""

    def paint(self, rgb: Rgb, state: TemporalState | None) -> Rgb:
        return np.broadcast_to(np.array([200, 0, 0], np.uint8), rgb.shape).copy()


class Records(FakeStyle):
    """A recurrent net that notes what it was given."""

    def __init__(self) -> None:
        super().__init__(0, recurrent=True)
        self.states: list[TemporalState | None] = []

    def paint(self, rgb: Rgb, state: TemporalState | None) -> Rgb:
        self.states.append(state)
        return rgb


def test_a_recurrent_net_is_given_the_last_output():
    style = Records()
    scene = pan(texture(1), count=3)
    with painting_with(lambda number: style) as painter:
        for one in scene.frames():
            painter.paint(one, State())
    states = style.states[1:]  # the first was the loader's trial
    assert states[0] is None
    assert states[1] is not None
    seen = scene.visible(1, -1)
    assert np.abs(states[1].previous.astype(int) - scene.rgb(1)).mean(axis=-1)[seen].mean() < 2
    assert states[1].confidence[seen].mean() > 200


def test_a_cut_begins_a_shot():
    """Nothing of the picture before a cut is left after it, and the style is compiled again."""
    style = FakeStyle(0)
    shots = [[texture(seed, 160, 96)] * 8 for seed in (1, 5)]
    with painting_with(lambda number: style) as painter:
        for picture in shots[0]:
            painter.paint(frame(picture), State())
        first = painter.paint(frame(shots[1][0]), State())
        assert np.array_equal(as_rgb(first.picture), shots[1][0])
        compiled = len(style.sizes)
        end = time.monotonic() + 5
        while len(style.sizes) == compiled and time.monotonic() < end:
            painter.paint(frame(shots[1][0]), State())
        assert len(style.sizes) == compiled + 1


def alike(one: Frame, other: Frame, moved: int = 0) -> float:
    """Correlation of two paintings, the second one moved to the left by so many px."""
    a, b = (as_rgb(f.picture)[16:-16, 16:-80].astype(float) for f in (one, other))
    if moved:
        b = as_rgb(other.picture)[16:-16, 16 + moved : moved - 80].astype(float)
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def canvas_style(number: int) -> CanvasStyle:
    return CanvasStyle()


def test_the_canvas_moves_with_the_scene_and_begins_anew_at_a_cut():
    state = State(steady=False)
    with painting_with(canvas_style) as painter, painting_with(canvas_style) as other:
        frames = list(pan(texture(1), count=10, velocity=(4, 0)).frames())
        painted = [painter.paint(one, state) for one in frames]
        assert alike(painted[9], painted[1], moved=32) > 0.7
        assert abs(alike(painted[9], painted[1])) < 0.3
        cut = frame(texture(5, 320, 240))
        assert alike(painter.paint(cut, state), other.paint(cut, state)) > 0.99


def test_the_canvas_is_off_and_then_nothing_follows_motion():
    class NoFlow:
        def between(self, first: SourcePicture, second: SourcePicture) -> Any:
            raise AssertionError

    with painting_with(canvas_style, NoFlow(), canvas=0.0) as painter:
        for one in pan(texture(1), count=3).frames():
            painted = as_rgb(painter.paint(one, State(steady=False)).picture)
            assert (painted == painted[0, 0]).all()


class Slow(ResolutionController):
    """Always paints at half of the sides."""

    @property
    def scale(self) -> float:
        return 0.5


class NotedFlow(Dis):
    """Notes the size of the pictures that it is given."""

    def between(self, first: Rgb, second: Rgb) -> Any:
        self.seen = first.shape[:2]
        return super().between(first, second)


def test_where_a_picture_is_painted_smaller_flow_is_too():
    """Flow is computed on a third of the sides of what is painted, in both cases."""
    for controller, size in ((None, (240, 426)), (Slow(30), (120, 213))):
        flow = NotedFlow()
        with painting_with(lambda number: FakeStyle(0), flow, controller=controller) as painter:
            for _ in range(2):
                painter.paint(frame(grey(100, (720, 1280))), State())
        assert flow.seen == size


def test_a_painting_that_fails_leaves_no_thread():
    class Fails(FakeStyle):
        def paint(self, rgb: Rgb, state: TemporalState | None) -> Rgb:
            if rgb.max() == 255:
                raise ModelError("it broke")
            return rgb

    with painting_with(lambda number: Fails(0)) as painter:
        painter.paint(frame(grey(100)), State())
        with pytest.raises(ModelError, match="it broke"):
            painter.paint(frame(grey(255)), State())

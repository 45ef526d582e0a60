from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import Any

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.errors import SourceError
from stylize_video.pipeline.core.frame import Frame, Rgb, Yuv, YuvMatrix
from stylize_video.pipeline.imaging.resize import StrokeScale, resize_picture
from stylize_video.pipeline.nets.graph import Net
from stylize_video.pipeline.nets.session import open_session
from stylize_video.pipeline.styles.compiled import NetCompiler, NetMix
from stylize_video.pipeline.styles.per_shot import compile_shots, paint_picture, paint_shots
from stylize_video.pipeline.styles.style import Style

from ...helpers.compiled_nets import NetStyle, paint_alone
from ...helpers.open_styles import open_file
from ...helpers.pictures import psnr
from ...helpers.scenes import texture
from ...helpers.yuv import to_yuv420


def frames(pictures: list[Rgb | Yuv], cuts: tuple[int, ...] = (0,)) -> Iterator[Frame]:
    for t, picture in enumerate(pictures):
        yield Frame(picture, t, Fraction(1, 25), 1, cut=t in cuts)


def played(style: Style, pictures: list[Rgb | Yuv], cuts: tuple[int, ...] = (0,)) -> list[Rgb]:
    return [np.asarray(f.painted) for f in paint_shots(frames(pictures, cuts), style)]


def wall(guest: bool) -> Rgb:
    """A wall with a picture on it; a black guest fills a third of the frame."""
    rgb = np.full((96, 160, 3), (150, 140, 120), np.uint8)
    rgb[20:60, 20:60] = texture(1, 40, 40)
    if guest:
        rgb[:, 110:] = 5
    return cv2.GaussianBlur(rgb, (0, 0), 1)


def test_who_enters_does_not_change_the_wall(udnie: Net):
    pictures = [wall(t >= 14) for t in range(16)]
    corner = (slice(70, 90), slice(10, 60))
    still = played(NetStyle(udnie), pictures)
    assert np.abs(still[15][corner].astype(int) - still[13][corner]).mean() < 1
    loose = played(open_file("udnie", statistics="frame"), pictures)
    assert np.abs(loose[15][corner].astype(int) - loose[13][corner]).mean() > 5


@pytest.mark.parametrize("count", [1, 2, 11, 12, 13, 30])
def test_every_frame_comes_in_its_order(udnie: Net, count: int):
    pictures = [texture(t, 48, 32) for t in range(count)]
    passed = list(paint_shots(frames(pictures), NetStyle(udnie)))
    assert [frame.pts for frame in passed] == list(range(count))


def test_a_shot_is_painted_as_if_it_stood_alone(udnie: Net):
    shots = [[texture(s, 64, 48)] * n for s, n in ((1, 5), (2, 14), (3, 1))]
    together = played(NetStyle(udnie), [p for shot in shots for p in shot], (0, 5, 19))
    alone = [picture for shot in shots for picture in played(NetStyle(udnie), shot)]
    for a, b in zip(together, alone, strict=True):
        assert np.array_equal(a, b)


def test_another_size_is_another_shot(udnie: Net):
    sizes = [(48, 32)] * 3 + [(64, 48)] * 15
    shown = played(NetStyle(udnie), [texture(1, *size) for size in sizes])
    assert [p.shape[1::-1] for p in shown] == sizes


def test_at_most_twelve_frames_are_held_back(udnie: Net):
    taken = 0

    def endless() -> Iterator[Frame]:
        nonlocal taken
        for frame in frames([texture(1, 48, 32)] * 100):
            taken += 1
            yield frame

    stage = compile_shots(endless(), NetStyle(udnie))
    assert len(list(islice(stage, 20))) == 20
    assert taken <= 20 + 12
    stage.close()


def test_a_change_of_light_is_followed_slowly(udnie: Net):
    bright = texture(3, 96, 64)
    dark = (bright * 0.35).astype(np.uint8)
    shown = played(NetStyle(udnie), [bright] * 14 + [dark] * 100)
    wanted = played(NetStyle(udnie), [dark] * 12)[0]
    at_once, later = (np.abs(shown[t].astype(int) - wanted).mean() for t in (14, 113))
    assert later < at_once / 3
    steps = [np.abs(a.astype(int) - b).mean() for a, b in zip(shown[15:], shown[14:], strict=False)]
    assert max(steps) < at_once / 2


@pytest.mark.parametrize("black", [0, 20])
def test_the_painting_fades_in_and_out_with_the_film(udnie: Net, black: int):
    rng = np.random.default_rng(0)
    fade = list(np.linspace(0, 1, 40))
    gains = [0.0] * black + fade + [1.0] * 20 + fade[::-1] + [0.0] * 8
    pictures = [
        np.clip(texture(3, 96, 64) * gain + rng.normal(0, 1, (64, 96, 3)), 0, 255).astype(np.uint8)
        for gain in gains
    ]
    light = np.array([p.mean() for p in played(NetStyle(udnie), pictures)])[black:]
    coming, full, going = light[16:40], light[40:60], light[60:]
    assert np.diff(coming).min() > -2 and np.diff(going).max() < 2
    assert np.ptp(full) < 4
    for half in (coming[4], going[20]):
        assert half < 0.7 * full[-1]


def test_a_dark_picture_is_no_fade(udnie: Net):
    dark = texture(3, 96, 64) // 8
    (alone,) = played(NetStyle(udnie), [dark])
    assert alone.std() > 20 and alone.mean() > 2 * dark.mean()


def test_black_frames_are_no_painting(udnie: Net):
    """Divided by the spread of noise, the noise would be a picture."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 3, (64, 96, 3), dtype=np.uint8) for _ in range(12)]
    assert np.mean([p.std(axis=(0, 1)).mean() for p in played(NetStyle(udnie), noise)]) < 12


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("eight_bit", [False, True])
def test_tiles_join_without_a_seam(udnie: Net, planar: bool, eight_bit: bool):
    picture = texture(9, 700, 520)
    shown = to_yuv420(picture, YuvMatrix(1, 1)) if planar else picture
    whole, tiled = NetStyle(udnie, eight_bit), NetStyle(udnie, eight_bit, tile=256)
    moments = whole.with_moments([shown]).moments
    a, b = (s.compiler.compile(shown, s.mix, moments).paint(shown) for s in (whole, tiled))
    planes = [(a, b)] if not isinstance(a, Yuv) else list(zip(a.planes, b.planes, strict=True))  # type: ignore[union-attr]
    for one, other in planes:
        assert np.abs(np.asarray(one, int) - other).max() <= 1


def test_strokes_are_as_large_at_any_size(udnie: Net):
    """Painted from 240 and from 480 lines at one scale, the picture is the same picture."""
    large = cv2.GaussianBlur(texture(4, 640, 480), (0, 0), 3)
    small = np.asarray(cv2.resize(large, (320, 240), interpolation=cv2.INTER_AREA), np.uint8)

    def at(picture: Rgb, scale: StrokeScale | None) -> Rgb:
        shown = np.asarray(paint_alone(udnie, picture, scale=scale))
        return np.asarray(cv2.resize(shown, (320, 240), interpolation=cv2.INTER_AREA), np.uint8)

    scale = StrokeScale(3.0)
    assert psnr(at(large, scale), at(small, scale)) > 26
    assert psnr(at(large, None), at(small, None)) < psnr(at(large, scale), at(small, scale)) - 3


def test_a_large_frame_gets_the_strokes_of_720p():
    """Without any option; a small frame keeps its own."""
    large = cv2.GaussianBlur(texture(4, 1600, 1440), (0, 0), 3)
    middle, small = (resize_picture(large, (side, side * 10 // 9)) for side in (720, 360))
    painted = [paint_picture(open_file("udnie"), picture) for picture in (large, middle, small)]
    one, other, fine = (resize_picture(p, (360, 400)) for p in painted)
    assert psnr(one, other) > 26
    assert psnr(fine, other) < psnr(one, other) - 3


def test_other_planes_are_another_shot(udnie: Net):
    """A stream may change its format on the way; its frames stay of one size."""
    rgb = texture(1, 64, 48)
    full, limited = (to_yuv420(rgb, YuvMatrix(1, r)) for r in (2, 1))
    for number in (5, 20):  # among the frames held back, and after
        pictures = [limited] * number + [rgb] * 3 + [full] * 3
        shown = [frame.picture for frame in paint_shots(frames(pictures), NetStyle(udnie))]
        assert [type(p) for p in shown] == [type(p) for p in pictures]
        assert isinstance(shown[-1], Yuv) and shown[-1].coding == full.coding
        assert psnr(shown[-1].rgb(), np.asarray(shown[number])) > 25


def test_what_came_before_a_break_is_painted(udnie: Net):
    def breaking() -> Iterator[Frame]:
        yield from frames([texture(1, 48, 32)] * 3)
        raise SourceError("it breaks off")

    stage = compile_shots(breaking(), NetStyle(udnie))
    assert [next(stage)[0].pts for _ in range(3)] == [0, 1, 2]
    with pytest.raises(SourceError):
        next(stage)


def test_what_measures_is_opened_once_for_shots_and_once_for_changes_of_light(udnie: Net):
    opened: list[int] = []

    def opens(model: bytes, shapes: object) -> Any:
        opened.append(len(model))
        return open_session(model, "cpu", 1)[0]

    compiler, mix = NetCompiler(opens, opens, "float"), NetMix(udnie)
    shot = list(frames([texture(s, 96, 64) for s in range(2)]))
    first, *others = [
        compiler.measure(frames, mix, most).norms[5][0]
        for frames, most in [(shot, 10**6), (shot[:1], 3_000)] * 3
    ]
    assert len(opened) == 2
    assert np.array_equal(first, others[1]) and np.array_equal(first, others[3])


@pytest.mark.parametrize("tone", [0.0, 1.0])
def test_colours_are_measured_only_where_they_are_changed(udnie: Net, tone: float):
    moments = NetStyle(udnie, tone=tone).with_moments([texture(3, 96, 64)]).moments
    assert (moments.painted is None) == (moments.source is None) == (tone == 0)


def test_ranges_and_means_are_those_of_what_is_played(udnie: Net):
    """Of a net whose norms are folded: bytes must hold what its operators give."""
    picture = texture(3, 96, 64)
    moments = NetStyle(udnie).with_moments([picture]).moments
    for op in udnie.ops:
        if op.kind in ("Relu", "Add"):
            low, high = moments.ranges[op.output]
            assert low <= 0 <= high and high > 1
            assert low == 0 or op.kind == "Add"
            mean = moments.means[op.output]
            assert low <= mean.min() and mean.max() <= high
    assert set(moments.ranges) == {op.output for op in udnie.ops if op.kind != "Conv"}

"""What every ``Style`` promises, whatever it is: one suite over all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Frame, Rgb, TemporalState, Yuv, YuvMatrix, as_rgb
from stylize_video.pipeline.imaging.lut import identity, write_cube
from stylize_video.pipeline.styles.directed import DirectedStyle
from stylize_video.pipeline.styles.finish import Finish
from stylize_video.pipeline.styles.per_shot import CompiledShot, paint_picture
from stylize_video.pipeline.styles.style import Style
from stylize_video.pipeline.styles.untouched import Untouched
from stylize_video.pipeline.timeline.points import Point, Timeline, Values
from stylize_video.pipeline.timeline.schedule import Film, schedule

from ...helpers.interfaces import implementations
from ...helpers.onnx_files import foreign_onnx, write_contract_model
from ...helpers.open_styles import open_file
from ...helpers.scenes import texture
from ...helpers.yuv import to_yuv420


def _picture(folder: Path) -> Path:
    path = folder / "style.png"
    cv2.imwrite(str(path), texture(7, 160, 120)[..., ::-1])
    return path


def _table(folder: Path) -> Path:
    path = folder / "warm.cube"
    write_cube(identity(9) ** np.array([0.8, 1.0, 1.2], np.float32), path, "warm")
    return path


def _directed(folder: Path) -> Style:
    """A film that begins in one style, and goes on in another after five seconds."""
    names = {0: "udnie", 5: "the-scream"}
    points = [Point("at", Fraction(t), {"style": (name,)}, "hold") for t, name in names.items()]
    values = Values(("udnie",), 1.0, None, "none", None)
    film = Film(Fraction(0), Fraction(25))
    made = schedule(Timeline("film", tuple(points), ""), values, film)
    return DirectedStyle({look: open_file(*look.style) for look in made.looks}, made)


STYLES: dict[str, Callable[[Path], Style]] = {
    "net": lambda folder: open_file("udnie"),
    "mixture": lambda folder: open_file("udnie:0.5", "the-scream:0.5"),
    "faded mixture": lambda folder: open_file("composition-vii:0.5", "shipwreck:0.5"),
    "net, each frame": lambda folder: open_file("udnie", statistics="frame"),
    "net in tiles": lambda folder: open_file("udnie", tile=256, precision="float"),
    "contract": lambda folder: open_file(write_contract_model(folder / "id.onnx")),
    "third-party": lambda folder: open_file(foreign_onnx(folder / "f.onnx", [1, 3, "h", "w"])),
    "art": lambda folder: open_file(_picture(folder)),
    "photo": lambda folder: open_file(_picture(folder), look="photo"),
    "photo, matched": lambda folder: open_file(_picture(folder), look="photo", palette="match"),
    "photo, each frame": lambda folder: open_file(
        _picture(folder), look="photo", statistics="frame"
    ),
    "table": lambda folder: open_file(_table(folder)),
    "timeline": _directed,
    "strength 0": lambda folder: Untouched(open_file("udnie").info),
}
"""A new kind of style has its line here."""


@pytest.fixture(scope="module", params=STYLES)
def style(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Style:
    return STYLES[request.param](tmp_path_factory.mktemp("style"))


def frame(picture: Any, pts: int = 0) -> Frame:
    return Frame(picture, pts, Fraction(1, 25))


def test_every_class_of_styles_is_in_the_list(tmp_path: Path):
    opened = {type(make(tmp_path)).__name__ for make in STYLES.values()}
    assert opened == implementations("pipeline.styles.style", "Style")


def test_the_device_is_a_real_one_before_the_first_frame(style: Style):
    assert style.info.device == "cpu"
    assert style.info.name and style.info.kind
    assert style.info.max_workers >= 1


@pytest.mark.parametrize("size", [(64, 48), (97, 61), (2, 2)])
def test_the_picture_has_the_frames_size_and_type(style: Style, size: tuple[int, int]):
    rgb = texture(1, *size)
    painted = style.compile([frame(rgb)]).paint(frame(rgb))
    assert painted.shape == rgb.shape
    assert as_rgb(painted).dtype == np.uint8


def test_planes_come_back_as_planes_where_the_style_says_so(style: Style):
    planes = to_yuv420(texture(1, 96, 64), YuvMatrix(1, 1))
    painted = style.compile([frame(planes)]).paint(frame(planes))
    assert painted.shape == planes.shape
    assert isinstance(painted, Yuv) == style.info.planar


def test_the_same_frame_is_painted_the_same_side_by_side(style: Style):
    pictures = [texture(seed, 80, 64) for seed in range(4)]
    shot = style.compile([frame(pictures[0])])
    once = [as_rgb(shot.paint(frame(p))) for p in pictures]
    with ThreadPoolExecutor(4) as pool:
        for again in pool.map(lambda p: as_rgb(shot.paint(frame(p))), pictures * 3):
            assert any(np.array_equal(again, one) for one in once)
        together = list(pool.map(lambda p: as_rgb(shot.paint(frame(p))), pictures))
    for a, b in zip(once, together, strict=True):
        assert np.array_equal(a, b)


def test_no_strength_is_the_source(style: Style):
    rgb = texture(2, 64, 48)
    shot = style.compile([frame(rgb)], 0.0)
    painted = shot.paint(frame(rgb))
    assert np.array_equal(as_rgb(Finish()(frame(rgb), painted, shot.opacity)), rgb)


def test_half_the_strength_is_nearer_to_the_source(style: Style):
    rgb = texture(2, 192, 128)

    def off(strength: float) -> float:
        shot = style.compile([frame(rgb)], strength)
        painted = Finish()(frame(rgb), shot.paint(frame(rgb)), shot.opacity)
        return float(np.abs(as_rgb(painted).astype(int) - rgb).mean())

    assert off(0.5) <= off(1.0)


def test_another_light_is_followed_and_the_shot_stays_as_it_was(style: Style):
    bright = texture(3, 64, 48)
    dark = (bright * 0.3).astype(np.uint8)
    shot = CompiledShot.of(style, [frame(bright)])
    before = as_rgb(shot.style.paint(frame(dark)))
    adapted = shot.look(frame(dark)).style
    assert np.array_equal(as_rgb(shot.style.paint(frame(dark))), before)  # it is immutable
    assert as_rgb(adapted.paint(frame(dark))).shape == dark.shape


def test_statistics_go_over_to_those_of_another_light(style: Style):
    bright = texture(3, 64, 48)
    dark = (bright * 0.8).astype(np.uint8)
    one, other = (style.compile([frame(rgb)]) for rgb in (bright, dark))
    for weight, end in ((0.0, one), (1.0, other)):
        shots = (one.mixed(other, weight, frame(bright)), end)
        painted, wanted = (as_rgb(shot.paint(frame(bright))).astype(int) for shot in shots)
        assert np.abs(painted - wanted).mean() < 1


def test_the_past_is_read_by_recurrent_nets_alone(style: Style):
    rgb = texture(4, 64, 48)
    state = TemporalState(np.zeros_like(rgb), np.full(rgb.shape[:2], 255, np.uint8))
    shot = style.compile([frame(rgb)])
    alone, after = (as_rgb(shot.paint(frame(rgb), past)) for past in (None, state))
    assert np.array_equal(alone, after) or style.info.recurrent


def test_a_pictures_colours_are_brought_to_the_sources(tmp_path: Path):
    rgb = np.clip(texture(5, 160, 96) * np.array([1.0, 0.6, 0.3]), 0, 255).astype(np.uint8)
    path = _picture(tmp_path)
    for look in ("art", "photo"):
        plain = paint_picture(open_file(path, look=look), rgb)
        matched = paint_picture(open_file(path, look=look, palette="match"), rgb)
        assert _off(matched, rgb) < 6 < _off(plain, rgb)


def _off(painted: Rgb, source: Rgb) -> float:
    """Largest difference of a colour's mean or standard deviation, grey levels."""
    pairs: Iterator[Any] = ((p.astype(float).reshape(-1, 3)) for p in (painted, source))
    a, b = pairs
    return float(max(np.abs(a.mean(0) - b.mean(0)).max(), np.abs(a.std(0) - b.std(0)).max()))


def test_a_pictures_strokes_have_the_size_that_is_set(tmp_path: Path):
    """At 720 px of the short side and scale 2, a frame is painted at 360 px: coarser strokes."""
    rgb = texture(6, 480, 360)
    path = _picture(tmp_path)

    def detail(scale: float) -> float:
        painted = paint_picture(open_file(path, style_scale=scale), rgb)
        return float(cv2.Laplacian(painted.astype(np.float32), cv2.CV_32F).var())

    assert detail(8.0) < 0.8 * detail(2.0)

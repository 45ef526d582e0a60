"""The studio's frames are those that a render would write."""

from __future__ import annotations

import math
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.errors import StylizeError
from stylize_video.pipeline.media.images import read_picture
from stylize_video.pipeline.studio.painter import StudioPainter
from stylize_video.pipeline.studio.painting import SupersededError

from tests.helpers.video import Pictures, write_clip

_RATE = Fraction(30000, 1001)
_CUT = 100  # the number of the second shot's first frame
_SETTINGS = {"style": "udnie"}


def _swaying(seed: int, count: int) -> Pictures:
    """A texture before which a camera sways, 160x96."""
    noise = np.random.default_rng(seed).integers(0, 255, (6, 24, 3), dtype=np.uint8)
    wide = cv2.resize(noise, (480, 96), interpolation=cv2.INTER_CUBIC)
    lefts = [round(100 + 20 * math.sin(number / 10)) for number in range(count)]
    return [np.ascontiguousarray(wide[:, left : left + 160], np.uint8) for left in lefts]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots, 3.3 and 0.7 seconds."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return write_clip(path, [*_swaying(1, _CUT), *_swaying(2, 20)], audio=False)


@pytest.fixture(scope="module")
def film(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, rendered to pictures."""
    folder = tmp_path_factory.mktemp("film") / "frames"
    stylize(clip, folder, Settings.model_validate(_SETTINGS))
    return folder


@pytest.fixture(scope="module")
def painter(clip: Path) -> Generator[StudioPainter]:
    """Knows the shots, as the studio does after some seconds."""
    made = StudioPainter()
    made.know_shots(clip, [Fraction(0), _CUT / _RATE])
    yield made
    made.close()


def _at(frame: int) -> float:
    return float((frame + Fraction(1, 2)) / _RATE)


def _difference(rgb: NDArray[np.uint8], film: Path, frame: int) -> float:
    rendered = read_picture(film / f"{frame + 1:06d}.png")
    return float(np.abs(rgb.astype(int) - rendered).mean())


@pytest.mark.parametrize("frame", [0, 12, _CUT, _CUT + 8])
def test_the_exact_frame_is_the_films_own(
    clip: Path, film: Path, painter: StudioPainter, frame: int
) -> None:
    rgb, preview = painter.picture(clip, _at(frame), _SETTINGS, exact=True)
    assert not preview
    assert _difference(rgb, film, frame) == 0


def test_far_inside_a_shot_the_exact_frame_is_nearer_to_the_film_than_the_quick_one(
    clip: Path, film: Path, painter: StudioPainter
) -> None:
    frame = _CUT - 4
    quick, _ = painter.picture(clip, _at(frame), _SETTINGS)
    rgb, _ = painter.picture(clip, _at(frame), _SETTINGS, exact=True)
    assert _difference(rgb, film, frame) < _difference(quick, film, frame)
    assert _difference(rgb, film, frame) < _difference(rgb, film, frame + 1)


def test_without_the_list_of_shots_they_are_searched(clip: Path, film: Path) -> None:
    painter = StudioPainter()
    rgb, _ = painter.picture(clip, _at(_CUT + 8), _SETTINGS, exact=True)
    painter.close()
    assert _difference(rgb, film, _CUT + 8) == 0


def test_the_quick_frame_is_near_and_says_that_it_is_a_preview(
    clip: Path, film: Path, painter: StudioPainter
) -> None:
    rgb, preview = painter.picture(clip, _at(_CUT + 8), _SETTINGS)
    assert preview
    other = read_picture(film / f"{50:06d}.png")
    assert _difference(rgb, film, _CUT + 8) < 12 < float(np.abs(rgb.astype(int) - other).mean())


def test_a_table_needs_no_preview(clip: Path, tmp_path: Path, painter: StudioPainter) -> None:
    table = tmp_path / "t.cube"
    corners = "\n".join(f"{r} {g} {1 - b}" for b in (0, 1) for g in (0, 1) for r in (0, 1))
    table.write_text(f"LUT_3D_SIZE 2\n{corners}\n")
    assert not painter.picture(clip, 0, {"style": str(table)})[1]


def test_a_small_frame_of_the_wall_is_small(clip: Path, painter: StudioPainter) -> None:
    painted = painter.paint(clip, 0.5, {"style": "mondrian"}, height=40)
    assert painted.preview
    picture = cv2.imdecode(np.frombuffer(painted.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (40, 66, 3)


def test_settings_of_the_output_are_passed_over(clip: Path, painter: StudioPainter) -> None:
    plain = painter.picture(clip, 1.0, _SETTINGS)[0]
    other = painter.picture(clip, 1.0, {**_SETTINGS, "start": "2", "crf": 30, "overwrite": True})[0]
    assert np.array_equal(plain, other)


def test_what_can_not_be_painted_is_one_line(clip: Path, painter: StudioPainter) -> None:
    with pytest.raises(StylizeError, match="no style 'udni'"):
        painter.picture(clip, 0, {"style": "udni"})
    with pytest.raises(StylizeError, match="key frames are painted when"):
        painter.picture(clip, 0, {"method": "gatys"})


def test_who_asks_last_is_answered_first(
    clip: Path, painter: StudioPainter, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = getattr(painter, "_given_up")  # noqa: B009 - it is nobody else's business
    monkeypatch.setattr(given_up, "clear", painter.give_up)  # another is asked for at once
    with pytest.raises(SupersededError):
        painter.picture(clip, _at(_CUT + 12), _SETTINGS, exact=True)
    assert painter.picture(clip, _at(_CUT + 12), _SETTINGS)[1]

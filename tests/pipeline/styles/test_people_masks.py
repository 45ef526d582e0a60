from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.config import Settings, checked
from stylize_video.pipeline.core.errors import SettingsError
from stylize_video.pipeline.core.frame import Frame, Rgb
from stylize_video.pipeline.media.inputs import open_source
from stylize_video.pipeline.people import find
from stylize_video.pipeline.render import stylize
from stylize_video.pipeline.styles.masks import open_content_masks

from ...helpers.onnx_files import foreign_onnx
from ...helpers.video import MakeClip, read_video


def red_places(rgb: Rgb, size: tuple[int, int], known: Any) -> Any:
    """Stands for the nets: what is looked for is red."""
    red = (rgb[..., 0] > 150) & (rgb[..., 1] < 90)
    return cv2.resize(red.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA)


@pytest.fixture(autouse=True)
def people_are_red(monkeypatch: pytest.MonkeyPatch):
    for name in find.FINDERS:
        monkeypatch.setitem(find.FINDERS, name, red_places)


@pytest.fixture
def inverter(tmp_path: Path) -> Path:
    return foreign_onnx(tmp_path / "negative.onnx", [1, 3, "h", "w"], add=255.0, scale=-1.0)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    cv2.imwrite(str(tmp_path / "photo.png"), somebody()[..., ::-1])
    return tmp_path / "photo.png"


def somebody(left: int = 20) -> Rgb:
    rgb = np.full((64, 96, 3), 100, np.uint8)
    rgb[16:48, left : left + 32] = (200, 60, 60)
    return rgb


def repainted(photo: Path, inverter: Path, **values: Any) -> Rgb:
    out = photo.with_name("out.png")
    given = {"style": str(inverter), "device": "cpu", "overwrite": True, **values}
    given |= {"mask_feather": 0} if "mask" in values else {}
    stylize(photo, out, checked(Settings, given, "test"))
    return np.asarray(cv2.imread(str(out), cv2.IMREAD_COLOR_RGB), np.uint8)


@pytest.mark.parametrize(
    "values",
    [
        {"mask": "person"},
        {"mask": "background", "mask_invert": True},
    ],
)
def test_only_people_are_painted(photo: Path, inverter: Path, values: dict[str, Any]):
    shown, source = repainted(photo, inverter, **values), somebody()
    np.testing.assert_array_equal(shown[22:42, 26:46], 255 - source[22:42, 26:46])
    outside = np.ones((64, 96), bool)
    outside[10:54, 14:58] = False
    np.testing.assert_array_equal(shown[outside], source[outside])


def test_or_all_but_people(photo: Path, inverter: Path):
    shown, source = repainted(photo, inverter, mask="background"), somebody()
    np.testing.assert_array_equal(shown[22:42, 26:46], source[22:42, 26:46])
    np.testing.assert_array_equal(shown[:10], 255 - source[:10])


def test_faces_are_painted_less_within_a_mask_too(photo: Path, inverter: Path, tmp_path: Path):
    given = {"protect": "faces", "protect_strength": 0.75}
    shown = repainted(photo, inverter, **given)
    assert np.abs(shown[32, 36].astype(int) - (200 - 145 / 4, 60 + 135 / 4, 60 + 135 / 4)).max() < 2
    np.testing.assert_array_equal(shown[:10], 255 - somebody()[:10])
    shown = repainted(photo, inverter, **given, mask="background")
    np.testing.assert_array_equal(shown[32, 36], somebody()[32, 36])


def test_a_film_is_masked_where_somebody_walks(
    make_clip: MakeClip, tmp_path: Path, inverter: Path, caplog: pytest.LogCaptureFixture
):
    clip = make_clip(frames=[somebody(10 + 2 * n) for n in range(12)], audio=False)
    values = {"style": str(inverter), "mask": "person", "device": "cpu", "crf": 4}
    stylize(clip, tmp_path / "out.mp4", checked(Settings, values, ""))
    for number, shown in enumerate(read_video(tmp_path / "out.mp4")[0]):
        left = 10 + 2 * number
        assert shown[32, left + 16].mean() > 130 and abs(shown[4, 48].mean() - 100) < 12
        assert abs(shown[32, (left + 62) % 96].mean() - 100) < 20
    assert "nobody" not in caplog.text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"mask": "person"}, "--mask person: nobody was found in this film, so nothing is painted"),
        ({"mask": "background"}, "nobody was found in this film, so everything is painted"),
        ({"protect": "faces"}, "--protect faces: no face was found in this film"),
    ],
)
def test_where_nobody_was_found_one_note_says_so(
    make_clip: MakeClip,
    tmp_path: Path,
    inverter: Path,
    caplog: pytest.LogCaptureFixture,
    values: dict[str, Any],
    said: str,
):
    clip = make_clip(frames=[np.full((48, 64, 3), 90, np.uint8)] * 4, audio=False)
    given = {"style": str(inverter), "device": "cpu", **values}
    stylize(clip, tmp_path / "out.mp4", checked(Settings, given, ""))
    assert caplog.text.count("was found in this film") == 1 and said in caplog.text


def test_a_file_of_that_name_is_typed_with_its_folder(
    photo: Path,
    inverter: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(photo.parent)
    Path("person").write_bytes(b"")
    repainted(photo, inverter, mask="person")
    assert "for the file here type --mask ./person" in caplog.text


def test_people_are_a_part_of_a_photographs_look(photo: Path, tmp_path: Path):
    given = {"style": str(photo), "look": "photo", "content_mask": "person"}
    settings = checked(Settings, given, "")
    masks = open_content_masks(settings, open_source(str(photo)))
    assert masks is not None
    (style,) = masks.styles
    assert style[32, 36].tolist() == [0, 255] and style[4, 4].tolist() == [255, 0]
    (frame,) = masks.attach([Frame(somebody(), 0, open_source(str(photo)).info.time_base)])
    assert frame.labels is not None
    assert frame.labels[32, 36].tolist() == [0, 255] and frame.labels[4, 4].tolist() == [255, 0]
    two = checked(Settings, {**given, "style_mask": ["a.png", "b.png"]}, "")
    with pytest.raises(SettingsError, match="one --style-mask for each style picture, or none"):
        open_content_masks(two, open_source(str(photo)))

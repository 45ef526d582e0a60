"""A film by a timeline: what is in the file that comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.config import checked
from stylize_video.pipeline.core.errors import StylizeError
from stylize_video.pipeline.core.frame import Rgb
from stylize_video.pipeline.imaging.lut import write_cube
from stylize_video.pipeline.planning import make_plan
from stylize_video.pipeline.styles.style import Style

from ..helpers.fake_style import FakeStyle
from ..helpers.shots import STEP, die_after, scene
from ..helpers.video import read_video, write_clip

LOSSLESS = {"encoder_option": {"preset": "ultrafast", "pix_fmt": "yuv444p"}, "crf": 0}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames a second: a shot of 9 s, which is divided, and two of 1.5 s."""
    path = tmp_path_factory.mktemp("film") / "in.mp4"
    return write_clip(path, scene(108) + scene(18, 2) + scene(18, 3), step=STEP)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LUTs that make every colour one: ``dark.cube`` and ``light.cube``."""
    folder = tmp_path_factory.mktemp("tables")
    for name, level in (("dark", 0.2), ("light", 0.8)):
        write_cube(np.full((2, 2, 2, 3), level, np.float32), folder / f"{name}.cube", name)
    return folder


def settings(timeline: Path, text: str, **values: Any) -> Settings:
    timeline.write_text(text, encoding="utf-8")
    return checked(Settings, {"timeline": timeline, "device": "cpu"} | values, "")


def levels(path: Path) -> list[int]:
    """The mean of each frame."""
    return [round(float(frame.mean())) for frame in read_video(path)[0]]


def test_changes_are_on_their_frames(film: Path, tables: Path, tmp_path: Path):
    text = (
        f"- at: 0\n  style: {tables}/dark.cube\n"
        f"- frame: 40\n  style: {tables}/light.cube\n"
        f"- shot: 2\n  style: {tables}/dark.cube\n"
        f"- shot: 2\n  after: 0.5\n  style: {tables}/light.cube\n"
        f"- shot: 3\n  style: {tables}/dark.cube\n"
    )
    given = settings(tmp_path / "film.yaml", text, **LOSSLESS)
    stylize(film, tmp_path / "out.mp4", given)
    seen = levels(tmp_path / "out.mp4")
    assert seen == [51] * 39 + [204] * 69 + [51] * 6 + [204] * 12 + [51] * 18
    part = given.model_copy(update={"start": "8.5", "end": "9.25"})
    stylize(film, tmp_path / "part.mp4", part)
    assert levels(tmp_path / "part.mp4") == seen[102:111]


def test_masks_and_colours_fade_frame_by_frame(film: Path, tables: Path, tmp_path: Path):
    black = tmp_path / "black.png"
    from stylize_video.pipeline.media.images import write_picture

    write_picture(black, np.zeros((80, 128, 3), np.uint8))
    text = (
        f"- at: 0\n  style: {tables}/dark.cube\n  mask: {black}\n  then: linear\n"
        "- at: 4\n  mask: none\n  then: linear\n"
        "- at: 8\n  palette: source\n"
    )
    stylize(film, tmp_path / "out.mp4", settings(tmp_path / "film.yaml", text, **LOSSLESS))
    painted, source = (read_video(path)[0] for path in (tmp_path / "out.mp4", film))

    def spread(frame: Rgb) -> float:
        return float(frame.astype(float).std())

    assert np.abs(painted[0].astype(int) - source[0]).mean() < 4
    ways = [spread(painted[n]) / spread(source[n]) for n in (0, 12, 24, 36, 47)]
    assert ways == sorted(ways, reverse=True) and ways[2] == pytest.approx(0.5, abs=0.05)
    colours = [float(np.ptp(painted[n].astype(int), axis=2).mean()) for n in (48, 60, 72, 84, 96)]
    assert colours == sorted(colours) and colours[0] < 1 < colours[2] < colours[4]


TRAVELS = (
    "- at: 0\n  style: udnie\n"
    "- at: 2.5\n  style: great-wave\n"  # in the run-up of the second part
    "- at: 3\n  then: ease\n"  # the change passes a border
    "- at: 6\n  style: the-scream\n  strength: 0.5\n"
    "- shot: 2\n  style: udnie\n  then: linear\n"
    "- shot: 3\n  after: 0.5\n  strength: 1\n"
)


def test_the_same_bytes_in_one_go_side_by_side_and_after_a_crash(
    film: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    how = {"chunk_seconds": 4}
    given = settings(tmp_path / "film.yaml", TRAVELS, **how)
    straight, two, again = (tmp_path / name for name in ("one.mp4", "two.mp4", "again.mp4"))
    stylize(film, straight, given)
    stylize(film, two, given.model_copy(update={"workers": 2}))
    assert two.read_bytes() == straight.read_bytes()
    die_after(60, film, again, given)
    stylize(film, again, given)
    assert "48 frames are painted already" in caplog.text
    assert again.read_bytes() == straight.read_bytes()


def test_another_timeline_begins_again(
    film: Path, tables: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    text = f"- at: 0\n  style: {tables}/dark.cube\n"
    path, out = tmp_path / "film.yaml", tmp_path / "out.mp4"
    die_after(60, film, out, settings(path, text, chunk_seconds=4))
    stylize(film, out, settings(path, text + "- at: 1\n  strength: 0\n", chunk_seconds=4))
    assert "begins again (the text of --timeline has changed" in caplog.text


def test_what_an_earlier_point_says_holds_for_the_styles_that_have_it(
    film: Path, tables: Path, tmp_path: Path
):
    text = (
        "- at: 0\n  style: udnie\n  style_scale: 2\n"
        f"- at: 1\n  style: {tables}/dark.cube\n- at: 2\n  style: the-scream\n"
    )
    opened: list[tuple[str, float | None]] = []

    def opens(settings: Settings, masks: object) -> Style:
        opened.append((Path(settings.style[0]).stem, settings.style_scale))
        return FakeStyle(1)

    make_plan(film, tmp_path / "out.mp4", settings(tmp_path / "f.yaml", text), opens)
    assert opened == [("udnie", 2.0), ("dark", None), ("the-scream", 2.0)]


def test_a_recurrent_net_is_refused(film: Path, tmp_path: Path):
    given = settings(tmp_path / "f.yaml", "- at: 1\n  style: the-scream\n")

    def opens(settings: Settings, masks: object) -> Style:
        return FakeStyle(1, recurrent=settings.style[0] == "the-scream")

    with pytest.raises(StylizeError, match="line 2: 1 is recurrent"):
        make_plan(film, tmp_path / "out.mp4", given, opens)


WRONG = {
    "- shot: 4\n  style: udnie": "line 1: there is no shot 4; the film has 3 shots",
    "- at: 1\n  style: udni": "line 2: there is no style 'udni'; did you mean 'udnie'",
    "- at: 1\n  strength: 0\n- at: 2\n  mask: no.png": "line 4: --mask no.png",
    "- at: 1\n  style: TABLE\n  style_scale: 2": "line 2: --style-scale 2 does not apply",
    "- at: 1:00\n  style: udnie": "line 1: 0:01:00.000 is past the end of the film, 11.95 s",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_cannot_be_done_is_refused_before_the_first_frame(
    film: Path, tables: Path, tmp_path: Path, text: str
):
    given = settings(tmp_path / "f.yaml", text.replace("TABLE", str(tables / "dark.cube")))
    with pytest.raises(StylizeError) as caught:
        make_plan(film, tmp_path / "out.mp4", given)
    assert WRONG[text] in str(caught.value)
    assert "\n" not in str(caught.value)

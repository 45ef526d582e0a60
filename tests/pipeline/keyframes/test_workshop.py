"""Key frames painted by hand: chosen, checked when they come back, and rendered as they are."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Frame, Rgb
from stylize_video.pipeline.keyframes.coverage import measure_coverage
from stylize_video.pipeline.keyframes.fit import FITS, fit_of, is_painted
from stylize_video.pipeline.media.images import read_picture, write_picture
from stylize_video.pipeline.temporal.flow import Dis

from ...helpers.command import one_line, run_command
from ...helpers.pictures import psnr
from ...helpers.scenes import texture
from ...helpers.video import read_video, write_clip

WIDTH, HEIGHT = 160, 96


def pan(count: int, step: float = 2.0, seed: int = 0) -> list[Rgb]:
    """A camera that moves over a picture, ``step`` px a frame."""
    wide = cv2.GaussianBlur(texture(seed, 640, 240), (0, 0), 1.2)
    views = (
        cv2.getRectSubPix(wide, (WIDTH, HEIGHT), (120 + step * n, 110.0)) for n in range(count)
    )
    return [np.ascontiguousarray(view, np.uint8) for view in views]


def painting(rgb: Rgb) -> Rgb:
    """As by hand: other colours, in soft patches."""
    soft = cv2.bilateralFilter(255 - rgb, 7, 60, 3)
    return np.asarray(soft // 24 * 24, np.uint8)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots: a pan of 30 frames, and another of 12."""
    pictures = pan(30, 4.0) + pan(12, 1.0, seed=3)
    return write_clip(tmp_path_factory.mktemp("film") / "in.mp4", pictures, step=1200)


@pytest.fixture
def keys(film: Path, tmp_path: Path) -> Path:
    """The frames that are chosen of it."""
    folder = tmp_path / "keys"
    done = run_command("keyframes", film, folder)
    assert done.returncode == 0, done.stderr
    assert re.search(r"shot 1, 0:00 to 0:01\.2: 000001\.png .*\.png$", done.stderr, re.MULTILINE)
    assert "shot 2, 0:01.2 to 0:01.67: 000031.png" in done.stderr
    return folder


def look(film: Path, folder: Path) -> str:
    done = run_command("keyframes", film, folder)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_frames_are_chosen_under_the_films_numbers_with_a_page(film: Path, keys: Path):
    shown, _ = read_video(film)
    paths = sorted(keys.glob("*.png"))
    assert len(paths) >= 3
    for path in paths:
        assert psnr(read_picture(path), shown[int(path.stem) - 1]) > 40
    page = (keys / "index.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2 + len(paths)
    assert page.count("data:image/jpeg") == len(paths)
    assert not re.search(r"https?://|<script|<link", page)
    text = look(film, keys)
    assert "000001.png: to paint" in text
    assert "0 % covered" in text and "next: paint" in text


def test_frames_that_are_not_painted_are_no_paintings(film: Path, keys: Path, tmp_path: Path):
    done = run_command(film, tmp_path / "o.mp4", "--keyframes", keys)
    assert "none of its pictures is painted yet" in one_line(done)
    first = keys / "000001.png"
    write_picture(keys / "000001 copy.jpg", painting(read_picture(first)))
    text = look(film, keys)
    assert "000001 copy.jpg: painted, and fits" in text
    assert "000001.png: the film's own frame; 000001 copy.jpg is its painting" in text
    assert re.search(r"shot 1, .*: 1 of \d painted, [1-9]\d % covered", text)
    assert "shot 2, 0:01.2 to 0:01.67: 0 of 1 painted, 0 % covered" in text
    assert f"--keyframes {keys}" in text
    done = run_command(film, tmp_path / "o.mp4", "--keyframes", keys, "--crf", "0")
    assert re.search(r"1 of \d key frames are painted; the others are the film's own", done.stderr)
    result, shown = read_video(tmp_path / "o.mp4")[0], read_video(film)[0]
    assert psnr(result[0], read_picture(keys / "000001 copy.jpg")) > 30
    assert psnr(result[10], painting(shown[10])) > psnr(result[10], shown[10])
    assert psnr(result[35], shown[35]) > 40  # of a shot without a painting


def test_what_does_not_fit_is_said(film: Path, keys: Path):
    names = sorted(path.name for path in keys.glob("*.png"))
    first, second = (read_picture(keys / name) for name in names[:2])
    write_picture(keys / names[0], np.roll(painting(first), 10, axis=1))
    write_picture(keys / names[1], painting(second)[:, :HEIGHT])
    write_picture(keys / names[-1], cv2.resize(painting(read_picture(keys / names[-1])), (60, 36)))
    write_picture(keys / "900.png", painting(first))
    text = look(film, keys)
    assert re.search(rf"{names[0]}: painted; it is (9|10|11) px to the right off: move it", text)
    assert f"{names[1]}: painted; it is 96x96, and the film is 160x96: crop it" in text
    assert f"{names[-1]}: painted; it is 60x36, less than half of the film's size" in text
    assert "900.png: the film has no frame 900: it has 42" in text
    write_picture(keys / names[0], painting(second))
    assert f"{names[0]}: painted; it looks like frame {int(names[1][:6])}" in look(film, keys)
    write_picture(keys / "1b.png", painting(first))
    assert "1b.png is a painting of this frame too: keep one" in look(film, keys)
    done = run_command(film, "o.mp4", "--keyframes", keys)
    assert "crop it to the film's shape" in one_line(done)


def test_the_frame_that_covers_most_is_next(film: Path, tmp_path: Path):
    folder = tmp_path / "own"
    done = run_command("keyframes", film, folder, "--add", "1,2,16")
    assert done.returncode == 0
    assert sorted(p.name for p in folder.glob("*.png")) == [
        "000001.png", "000002.png", "000016.png",
    ]  # fmt: skip
    assert "next: paint " + str(folder / "000016.png") in done.stderr
    for name in ("000001.png", "000002.png", "000016.png"):
        write_picture(folder / name, painting(read_picture(folder / name)))
    assert re.search(r"next: paint frame 3\d \(--add 3\d\)", look(film, folder))
    assert "exists, and is not replaced" in one_line(
        run_command("keyframes", film, folder, "--add", "2")
    )
    assert "has no frame 99: it has 42" in one_line(
        run_command("keyframes", film, folder, "--add", "99")
    )


def test_coverage_falls_as_the_camera_moves_away():
    shown = [Frame(p, n, Fraction(1, 25), 1, n == 0) for n, p in enumerate(pan(24, 4.0))]
    (shot,) = measure_coverage(iter(shown), [1, 24], Dis())
    alone = shot.covered([1])
    assert alone[0] == 1
    assert alone[10] == pytest.approx(1 - 40 / WIDTH, abs=0.12)
    assert shot.covered([1, 24]).min() > alone.min()
    assert not shot.covered([]).any()


def test_a_picture_is_painted_or_the_frame_itself():
    frame = pan(1)[0]
    again = cv2.imdecode(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 92])[1], 1)
    assert not is_painted(np.asarray(again, np.uint8), frame)
    assert not is_painted(np.asarray(cv2.resize(frame, (80, 48)), np.uint8), frame)
    touched = frame.copy()
    touched[30:50, 40:70] = (200, 30, 30)
    assert is_painted(touched, frame)
    assert fit_of(painting(frame), frame).likeness > FITS
    assert fit_of(painting(frame), pan(1, seed=9)[0]).likeness < FITS

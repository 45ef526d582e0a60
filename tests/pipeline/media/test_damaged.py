"""Damaged pictures are painted as far as they go, with a note; no library prints its own lines."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.imaging.lut import identity, write_cube

from ...helpers.command import one_line, run_command, run_process
from ...helpers.video import moving_scene

JPEG_OPTIONS = {"jpg": (), "progressive.jpg": (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)}


def picture() -> np.ndarray:
    """With enough in it that damage in the middle hits pixels."""
    scene = moving_scene(1, 320, 240)[0].copy()
    scene[60:200, 50:250] = np.random.default_rng(1).integers(0, 255, (140, 200, 3), np.uint8)
    return scene


def directory_first(data: bytes) -> bytes:
    """A TIFF of OpenCV's, not compressed, rewritten with its directory before its pixels."""
    pixels = picture()[..., ::-1].tobytes()
    rows = 8
    count, size = 240 // rows, 320 * 3 * rows
    tags = [(256, 3, 1, 320), (257, 3, 1, 240), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 2)]
    place = 8 + 2 + 12 * 9 + 4
    start = place + 8 * count
    tags += [
        (273, 4, count, place),
        (277, 3, 1, 3),
        (278, 3, 1, rows),
        (279, 4, count, place + 4 * count),
    ]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    offsets = b"".join(struct.pack("<I", start + number * size) for number in range(count))
    sizes = struct.pack("<I", size) * count
    return b"II*\0" + struct.pack("<IH", 8, 9) + entries + bytes(4) + offsets + sizes + pixels


def encoded(kind: str) -> bytes:
    options = JPEG_OPTIONS.get(kind, (cv2.IMWRITE_TIFF_COMPRESSION, 5))
    data = cv2.imencode(f".{kind.rpartition('.')[2]}", picture(), options)[1].tobytes()
    return directory_first(data) if kind == "first.tif" else data


def damaged(kind: str, how: str) -> bytes:
    data = bytearray(encoded(kind))
    middle = len(data) // 2
    if how == "cut":
        return bytes(data[:middle])
    if how == "zeros":
        data[middle : middle + 400] = bytes(400)
    if how == "flipped":
        for place in range(middle, middle + 70, 7):
            data[place] ^= 0x55
    return bytes(data)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    write_cube(identity(2), tmp_path / "i.cube", "identity")
    return tmp_path / "i.cube"


CASES = [
    *((kind, how) for kind in JPEG_OPTIONS for how in ("cut", "zeros", "flipped")),
    ("tif", "zeros"),
    ("first.tif", "cut"),
    ("bmp", "cut"),
]


@pytest.mark.parametrize(("kind", "how"), CASES)
def test_what_can_be_decoded_is_painted(tmp_path: Path, table: Path, kind: str, how: str):
    source, out = tmp_path / f"in.{kind}", tmp_path / "o.png"
    source.write_bytes(damaged(kind, how))
    done = run_command(source, out, "--style", table)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        f"note: picture {source} is damaged; what can be decoded of it is used",
        f"i on cpu: {source}, 320x240",
        f"wrote {out}: 1 picture",
    ]
    whole = cv2.imdecode(np.frombuffer(encoded(kind), np.uint8), cv2.IMREAD_COLOR)
    off = np.abs(cv2.imread(str(out)).astype(int) - whole)
    if kind == "progressive.jpg":  # all of it, coarsely
        assert off.mean() < 40
    else:  # a BMP begins at its foot
        assert min(off[:40].max(), off[-40:].max()) == 0


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp", "bmp"])
def test_what_holds_nothing_is_a_line(tmp_path: Path, table: Path, ending: str):
    source = tmp_path / f"in.{ending}"
    whole = cv2.imencode(f".{ending}", picture())[1].tobytes()
    for data in (b"", whole[:5], whole[:20], b"hello" * 100, whole[:4] + bytes(5000)):
        source.write_bytes(data)
        done = run_command(source, tmp_path / "o.png", "--style", table)
        assert one_line(done) == f"stylize-video: picture {source} can't be decoded"
        assert len(done.stderr.splitlines()) == 1, done.stderr


def test_whole_pictures_get_no_note(tmp_path: Path, table: Path):
    for kind in ("jpg", "progressive.jpg", "tif", "first.tif", "png", "webp", "bmp"):
        (tmp_path / f"in.{kind}").write_bytes(encoded(kind))
        done = run_command(tmp_path / f"in.{kind}", tmp_path / f"{kind}.png", "--style", table)
        assert "note" not in done.stderr, kind


def test_as_a_style_as_a_mask_and_in_a_folder(tmp_path: Path, table: Path):
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(encoded("jpg"))
    (folder / "1.jpg").write_bytes(damaged("jpg", "cut"))
    done = run_command(folder, tmp_path / "o.mp4", "--style", table)
    assert done.returncode == 0
    assert done.stderr.count("is damaged") == 1
    mask = tmp_path / "mask.jpg"
    mask.write_bytes(damaged("jpg", "zeros"))
    done = run_command(folder, tmp_path / "masked", "--style", table, "--mask", mask)
    assert done.returncode == 0
    assert f"note: picture {mask} is damaged" in done.stderr


def test_no_library_reaches_the_terminal(tmp_path: Path, table: Path):
    """In a process of its own, which has nothing but a real standard error."""
    source = tmp_path / "in.jpg"
    source.write_bytes(damaged("jpg", "zeros"))
    done = run_process(source, tmp_path / "o.png", "--style", table, "--quiet")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
    source = tmp_path / "in.png"
    source.write_bytes(cv2.imencode(".png", picture())[1].tobytes()[:9000])
    done = run_process(source, tmp_path / "o2.png", "--style", table)
    assert done.stderr == f"stylize-video: picture {source} can't be decoded\n"

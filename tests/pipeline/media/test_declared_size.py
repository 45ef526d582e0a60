"""What declares a billion pixels is refused by its header, wherever it is typed."""

from __future__ import annotations

import io
import resource
import struct
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.errors import SourceError
from stylize_video.pipeline.imaging.lut import identity, write_cube
from stylize_video.pipeline.media import declared_size as module
from stylize_video.pipeline.media.declared_size import declared_size
from stylize_video.pipeline.media.source import fit_size

from ...helpers.command import one_line, run_command
from ...helpers.video import MakeClip, moving_scene

ENDINGS = (".png", ".jpg", ".tif", ".webp", ".bmp")


def encoded(ending: str, *options: int) -> bytes:
    done, data = cv2.imencode(ending, moving_scene(1)[0], options)
    assert done
    return data.tobytes()


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + body + chunk(b"IEND", b"")


def jpeg(width: int, height: int) -> bytes:
    data = bytearray(encoded(".jpg"))
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", height, width)
    thumbnail = b"\xff\xe1" + struct.pack(">H", 40) + b"Exif" + encoded(".jpg")[:34]
    return bytes(data[:2]) + thumbnail + bytes(data[2:])  # its own frame header is passed over


def tiff(width: int, height: int, order: str = "<", big: bool = False) -> bytes:
    tags = [(256, width), (257, height)]
    mark = b"II" if order == "<" else b"MM"
    if big:
        head = mark + struct.pack(order + "HHHQ", 43, 8, 0, 16)
        entries = b"".join(struct.pack(order + "HHQI4x", t, 4, 1, v) for t, v in tags)
        return head + struct.pack(order + "Q", len(tags)) + entries + bytes(8)
    head = mark + struct.pack(order + "HI", 42, 8)
    entries = b"".join(struct.pack(order + "HHII", t, 4, 1, v) for t, v in tags)
    return head + struct.pack(order + "H", len(tags)) + entries + bytes(4)


def bmp(width: int, height: int) -> bytes:
    data = bytearray(encoded(".bmp"))
    data[18:26] = struct.pack("<ii", width, -height)
    return bytes(data)


def webp(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + sides


MAKERS: dict[str, Callable[[int, int], bytes]] = {
    "png": png,
    "jpg": jpeg,
    "tif": tiff,
    "tif-big-endian": lambda w, h: tiff(w, h, ">"),
    "bigtiff": lambda w, h: tiff(w, h, "<", big=True),
    "bmp": bmp,
    "webp": webp,
}


@pytest.mark.parametrize("kind", MAKERS)
def test_the_size_is_read_from_the_header(kind: str):
    data = MAKERS[kind](32000, 31000)
    assert declared_size(io.BytesIO(data)) == (32000, 31000)
    for end in range(len(data)):  # cut off anywhere
        assert declared_size(io.BytesIO(data[:end])) in (None, (32000, 31000))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_WEBP_QUALITY, 101)])
def test_the_size_of_a_usual_picture(ending: str, options: tuple[int, ...]):
    assert declared_size(io.BytesIO(encoded(ending, *options))) == (64, 48)


def test_a_header_without_end_is_given_up():
    assert declared_size(io.BytesIO(b"\xff" * 1_000_000)) is None
    assert declared_size(io.BytesIO(b"\xff\xd8" + b"\xff\xe1\0\0" * 100_000)) is None


@pytest.fixture
def table(tmp_path: Path) -> Path:
    write_cube(identity(2), tmp_path / "i.cube", "identity")
    return tmp_path / "i.cube"


@pytest.mark.parametrize("kind", MAKERS)
def test_a_billion_pixels_are_refused_before_memory_is_taken(
    tmp_path: Path, table: Path, kind: str
):
    source = tmp_path / f"in.{kind if kind in ('png', 'jpg', 'bmp', 'webp') else 'tif'}"
    source.write_bytes(MAKERS[kind](32000, 32000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = run_command(source, tmp_path / "o.png", "--style", table)
    assert "is 32000x32000, 1024 million pixels; at most 268 million" in one_line(done)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


@pytest.mark.parametrize(
    "words",
    [
        ["CLIP", "o.mp4", "--style", "BIG"],
        ["CLIP", "o.mp4", "--style", "TABLE", "--mask", "BIG"],
        ["CLIP", "o.mp4", "--style", "SMALL", "--content-mask", "BIG", "--style-mask", "SMALL"],
        ["CLIP", "o.mp4", "--style", "SMALL", "--content-mask", "SMALL", "--style-mask", "BIG"],
        ["FOLDER", "o.mp4", "--style", "TABLE"],
        ["FOLDER", "painted", "--style", "TABLE"],
        ["lut", "CLIP", "BIG", "o.cube"],
        ["lut", "BIG", "SMALL", "o.cube"],
        ["styles", "--sheet", "o.png", "--frame", "BIG"],
    ],
    ids=" ".join,
)
def test_wherever_a_picture_is_typed(
    tmp_path: Path, make_clip: MakeClip, table: Path, words: list[str]
):
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), moving_scene(1)[0])
    (folder / "2.png").write_bytes(png(32000, 32000))
    names = {
        "BIG": folder / "2.png",
        "SMALL": folder / "0.png",
        "FOLDER": folder,
        "TABLE": table,
        "CLIP": make_clip(audio=False),
    }
    done = run_command(*(names.get(word, word) for word in words), cwd=tmp_path)
    assert "2.png is 32000x32000" in one_line(done)
    assert not any((tmp_path / name).exists() for name in ("o.mp4", "painted", "o.cube", "o.png"))


def test_a_video_of_too_many_pixels(
    tmp_path: Path, make_clip: MakeClip, table: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "MOST_PIXELS", 1_000)
    clip = make_clip(audio=False)
    done = run_command(clip, tmp_path / "o.mp4", "--style", table, "--size", "16x12")
    assert f"{clip} is 64x48, 0 million pixels; at most 0 million" in one_line(done)


def test_a_size_that_is_typed():
    with pytest.raises(SourceError, match="--size 60000x60000 is 60000x60000, 3600 million"):
        fit_size("60000x60000", 64, 48, Fraction(1))
    with pytest.raises(SourceError, match="--size 60000p is 80000x60000"):
        fit_size("60000p", 64, 48, Fraction(1))


@pytest.mark.parametrize(
    ("name", "codec", "size"),
    [
        ("o.mp4", "libx264", "16400x64"),
        ("o.mkv", "libx264", "64x16400"),
        ("o.mkv", "mpeg4", "8200x64"),
        ("o.mp4", "libsvtav1", "16400x64"),
        ("o.mkv", "mjpeg", "65534x64"),
    ],
)
def test_a_size_past_the_encoder_is_refused_in_the_plan(
    tmp_path: Path, make_clip: MakeClip, table: Path, name: str, codec: str, size: str
):
    clip, out = make_clip(audio=False), tmp_path / name
    done = run_command(clip, out, "--style", table, "--codec", codec, "--size", size, "--plan")
    line = one_line(done)
    assert f"encoder {codec} can't be opened at {size} " in line
    assert line.endswith("; add --size for a smaller picture")
    assert not out.exists()


def test_a_value_that_the_encoder_refuses_is_refused_in_the_plan(
    tmp_path: Path, make_clip: MakeClip, table: Path
):
    words = ["--style", table, "--encoder-option", "preset=fastest", "--plan"]
    line = one_line(run_command(make_clip(audio=False), tmp_path / "o.mp4", *words))
    assert "with preset=fastest" in line
    assert "--size" not in line


def test_a_picture_of_16_bits_is_as_small_as_it_is(tmp_path: Path, table: Path):
    deep = np.full((48, 64, 3), 40000, np.uint16)
    cv2.imwrite(str(tmp_path / "in.tif"), deep)
    assert run_command(tmp_path / "in.tif", tmp_path / "o.png", "--style", table).returncode == 0

"""More than 8 bits a channel, and HDR: from the file through the finish to the file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.imaging.lut import identity, write_cube
from stylize_video.pipeline.media.images import read_pixels, write_picture

WIDTH, HEIGHT = 320, 48
LEVELS = np.arange(200, 840, 2)
"""320 levels of 10 bits: a ramp across the picture. 8 bits can't tell them apart."""

LOSSLESS = {"x265-params": "lossless=1"}


def put(frame: av.VideoFrame, values: NDArray[Any]) -> None:
    """Fill a 10-bit frame with grey levels (W,)."""
    for plane, row in zip(frame.planes, (values, 512, 512), strict=True):
        pixels = np.frombuffer(memoryview(plane), np.uint16).reshape(-1, plane.line_size // 2)
        pixels[: plane.height, : plane.width] = row


def brightness(path: Path) -> NDArray[np.uint16]:
    """One row of the first frame's Y plane, (W,)."""
    with av.open(path) as container:
        frame = next(container.decode(video=0))
    plane = frame.planes[0]
    pixels = np.frombuffer(memoryview(plane), np.uint16).reshape(-1, plane.line_size // 2)
    return pixels[plane.height // 2, : plane.width].copy()


def encode(
    path: Path, codec: str, pixel_format: str, tags: tuple[int, ...], **options: str
) -> Path:
    with av.open(path, "w") as out:
        stream: Any = out.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = tags
        for number in range(3):
            frame = av.VideoFrame(WIDTH, HEIGHT, pixel_format)
            put(frame, LEVELS)
            frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range = tags
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.fixture
def ramp(tmp_path: Path) -> Path:
    return encode(tmp_path / "ramp.mov", "prores_ks", "yuv422p10le", (1, 1, 1, 1))


@pytest.fixture
def table(tmp_path: Path) -> str:
    write_cube(identity(), tmp_path / "same.cube", "same")
    return str(tmp_path / "same.cube")


def opened(path: Path) -> tuple[str, str, tuple[int, ...], str]:
    """(codec, pixel format, colour tags, codec tag)."""
    with av.open(path) as container:
        context = container.streams.video[0].codec_context
        frame = next(container.decode(video=0))
        tags = (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range)
        return context.name, frame.format.name, tuple(map(int, tags)), context.codec_tag


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_what_is_not_painted_keeps_its_10_bits_in_hevc(ramp: Path, tmp_path: Path, suffix: str):
    out = tmp_path / f"out{suffix}"
    stylize(ramp, out, Settings(strength=0, encoder_option=LOSSLESS))
    codec, pixel_format, tags, tag = opened(out)
    assert (codec, pixel_format, tags) == ("hevc", "yuv420p10le", (1, 1, 1, 1))
    assert tag == "hvc1" or suffix == ".mkv"
    assert np.array_equal(brightness(out), brightness(ramp))


def test_an_identity_table_keeps_10_bits(ramp: Path, table: str, tmp_path: Path):
    out = tmp_path / "out.mov"
    stylize(ramp, out, Settings(style=(table,), codec="prores_ks"))
    assert opened(out)[1] == "yuv422p10le"
    assert np.abs(brightness(out).astype(int) - brightness(ramp)).max() <= 1


@pytest.mark.parametrize("how", [{"palette": "source"}, {"mask": "mask.png"}])
def test_where_the_source_shows_it_has_10_bits(
    ramp: Path, table: str, tmp_path: Path, how: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    write_picture(tmp_path / "mask.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    out = tmp_path / "out.mp4"
    stylize(
        ramp, out, Settings.model_validate({"style": (table,), **how, "encoder_option": LOSSLESS})
    )
    assert np.abs(brightness(out).astype(int) - brightness(ramp)).max() <= 1


def test_a_photographic_style_has_10_bits(ramp: Path, tmp_path: Path):
    photo = tmp_path / "photo.png"
    noise = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    write_picture(photo, noise)
    out = tmp_path / "out.mp4"
    how = Settings(style=(str(photo),), look="photo", encoder_option=LOSSLESS, steady="flow")
    stylize(ramp, out, how)
    assert opened(out)[1] == "yuv420p10le"
    assert len(np.unique(brightness(out) % 4)) == 4  # levels between those of 8 bits
    assert len(np.unique(brightness(out))) > 140


def test_pictures_have_16_bits(ramp: Path, tmp_path: Path):
    stylize(ramp, tmp_path / "out", Settings(strength=0))
    pixels = read_pixels(tmp_path / "out" / "000001.png")
    assert pixels.dtype == np.uint16
    assert len(np.unique(pixels[0, :, 1])) == len(LEVELS)
    # … and they are the same film again
    stylize(tmp_path / "out", tmp_path / "back.mp4", Settings(strength=0, encoder_option=LOSSLESS))
    assert np.abs(brightness(tmp_path / "back.mp4").astype(int) - brightness(ramp)).max() <= 1


def test_a_painted_film_has_8_bits_and_says_so(
    ramp: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        stylize(ramp, tmp_path / "out.mp4", Settings(size="64x48"))
    assert opened(tmp_path / "out.mp4")[:2] == ("h264", "yuv420p")
    assert "10 bits of the source become 8" in caplog.text


def test_a_resized_film_keeps_its_bits(ramp: Path, tmp_path: Path):
    out = tmp_path / "out.mp4"
    stylize(ramp, out, Settings(strength=0, size="640x96", encoder_option=LOSSLESS))
    assert len(np.unique(brightness(out))) >= len(LEVELS)


DISPLAY = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"


@pytest.mark.parametrize("transfer", [16, 18], ids=["PQ", "HLG"])
def test_hdr_is_kept_on_request_and_by_a_table(tmp_path: Path, table: str, transfer: int):
    parameters = {"x265-params": f"log-level=error:lossless=1:{DISPLAY}:max-cll=1000,400"}
    tags = (9, 9, transfer, 1)
    source = encode(tmp_path / "in.mp4", "libx265", "yuv420p10le", tags, **parameters)
    stylize(source, tmp_path / "table.mp4", Settings(style=(table,), encoder_option=LOSSLESS))
    stylize(source, tmp_path / "kept.mp4", Settings(hdr="keep"))
    stylize(source, tmp_path / "plain.mp4", Settings())
    for name in ("table.mp4", "kept.mp4"):
        assert opened(tmp_path / name)[1:3] == ("yuv420p10le", tags)
        assert _side_data(tmp_path / name) >= {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"}
    assert np.abs(brightness(tmp_path / "table.mp4").astype(int) - LEVELS).max() <= 1
    assert opened(tmp_path / "plain.mp4")[1:3] == ("yuv420p", (1, 1, 1, 1))


def _side_data(path: Path) -> set[str]:
    with av.open(path) as container:
        return {data.type.name for data in next(container.decode(video=0)).side_data}


def test_a_codec_that_stores_no_colours_loses_no_tags(ramp: Path, tmp_path: Path):
    stylize(ramp, tmp_path / "out.mkv", Settings(strength=0, codec="ffv1"))
    assert opened(tmp_path / "out.mkv")[:3] == ("ffv1", "yuv420p10le", (1, 1, 1, 1))
    assert np.array_equal(brightness(tmp_path / "out.mkv"), brightness(ramp))


def test_rgb_without_tags_is_bt709(tmp_path: Path):
    with av.open(tmp_path / "in.mov", "w") as out:
        stream: Any = out.add_stream("qtrle", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), (200, 40, 90), np.uint8), "rgb24")
        frame.pts = 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    stylize(tmp_path / "in.mov", tmp_path / "out.mp4", Settings(strength=0))
    assert opened(tmp_path / "out.mp4")[2] == (1, 1, 1, 1)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le"])
def test_what_is_not_painted_does_not_go_by_rgb(pixel_format: str, tmp_path: Path):
    """Noise in Y, U and V: half of its colours lie outside RGB."""
    random = np.random.default_rng(0)
    deep = pixel_format.endswith("10le")
    with av.open(tmp_path / "in.mkv", "w") as out:
        stream: Any = out.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        for number in range(2):
            frame = av.VideoFrame(WIDTH, HEIGHT, pixel_format)
            for plane in frame.planes:
                data = random.integers(0, 1024 if deep else 256, plane.buffer_size // (1 + deep))
                plane.update(data.astype(np.uint16 if deep else np.uint8).tobytes())
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    options = {"pix_fmt": pixel_format}
    stylize(tmp_path / "in.mkv", tmp_path / "out.mkv",
            Settings(strength=0, codec="ffv1", encoder_option=options))  # fmt: skip
    assert _digest(tmp_path / "in.mkv") == _digest(tmp_path / "out.mkv")


def _digest(path: Path) -> list[bytes]:
    """The pixels of every plane of every frame."""
    with av.open(path) as container:
        return [
            np.frombuffer(memoryview(plane), np.uint8)
            .reshape(-1, plane.line_size)[: plane.height, : plane.width * bytes_of(frame)]
            .tobytes()
            for frame in container.decode(video=0)
            for plane in frame.planes
        ]


def bytes_of(frame: av.VideoFrame) -> int:
    """Of one value."""
    return 1 if frame.format.components[0].bits == 8 else 2


@pytest.mark.parametrize(("end", "size"), [("0.08", None), ("0.04", None), (None, "48x64")])
def test_hevc_takes_two_frames_and_narrow_ones(
    ramp: Path, tmp_path: Path, end: str | None, size: str | None
):
    """libx265 gives two frames alone no decoding times, and crashes on narrow pictures."""
    for number in range(3):
        out = tmp_path / f"out{number}.mp4"
        stylize(ramp, out, Settings(strength=0, end=end, size=size))
        with av.open(out) as container:
            assert len(list(container.decode(video=0))) == round(float(end or 0.12) * 25)

"""Transparency: kept where the output can hold it, never claimed elsewhere; hidden colours."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from stylize_video.pipeline import Settings, stylize
from stylize_video.pipeline.core.frame import Frame, eight_bits
from stylize_video.pipeline.media.inputs import open_source

HEIGHT, WIDTH = 48, 64
HIDDEN, VISIBLE = (0, 255, 0), (200, 60, 30)


def cut_out(number: int = 0) -> NDArray[np.uint8]:
    """A red disc that moves, (H, W, 4); behind alpha 0 all is green."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    inside = (x - 24 - 2 * number) ** 2 + (y - 24) ** 2 < 14**2
    rgba = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    rgba[..., :3] = np.where(inside[..., None], VISIBLE, HIDDEN)
    rgba[..., 3] = np.where(inside, 255, 0)
    return rgba


def pictures(folder: Path, name: str = "{}.png", count: int = 4) -> Path:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        bgra = cv2.cvtColor(cut_out(number), cv2.COLOR_RGBA2BGRA)
        cv2.imwrite(str(folder / name.format(number)), bgra, [cv2.IMWRITE_WEBP_QUALITY, 101])
    return folder


def video(path: Path, codec: str, pixel_format: str, form: str | None = None) -> Path:
    with av.open(path, "w", format=form) as out:
        options = {"auto-alt-ref": "0"} if codec == "libvpx" else {}
        stream: Any = out.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        if codec.startswith("libvpx"):
            stream.metadata["alpha_mode"] = "1"
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(cut_out(number), "rgba")
            frame = frame.reformat(format=pixel_format)
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


SOURCES = {
    "png": lambda folder: pictures(folder / "in"),
    "webp": lambda folder: pictures(folder / "in", "{}.webp"),
    "tiff": lambda folder: pictures(folder / "in", "{}.tif"),
    "ProRes 4444": lambda folder: video(folder / "in.mov", "prores_ks", "yuva444p10le"),
    "VP9": lambda folder: video(folder / "in.webm", "libvpx-vp9", "yuva420p"),
    "VP8": lambda folder: video(folder / "in.webm", "libvpx", "yuva420p"),
    "Animation": lambda folder: video(folder / "in.mov", "qtrle", "argb"),
    "FFV1": lambda folder: video(folder / "in.mkv", "ffv1", "yuva420p"),
    "APNG": lambda folder: video(folder / "in.apng", "apng", "rgba", "apng"),
    "animated PNG": lambda folder: video(folder / "in.png", "apng", "rgba", "apng"),
    "animated WebP": lambda folder: video(folder / "in.webp", "libwebp_anim", "bgra", "webp"),
}


def read(path: Path) -> list[Frame]:
    return list(open_source(str(path)).frames())


def check_disc(frame: Frame, number: int = 0) -> None:
    """The disc is opaque and red, the rest is transparent."""
    assert frame.alpha is not None
    expected = cut_out(number)[..., 3]
    inner = cv2.erode(expected, np.ones((5, 5), np.uint8)) > 0
    outer = cv2.dilate(expected, np.ones((5, 5), np.uint8)) == 0
    alpha = eight_bits(frame.alpha)
    assert alpha[inner].min() > 245
    assert alpha[outer].max() < 20
    assert np.abs(frame.rgb[inner].astype(int) - VISIBLE).mean() < 6


@pytest.mark.parametrize("kind", SOURCES)
def test_alpha_is_read_and_what_it_hides_is_not(kind: str, tmp_path: Path):
    path = SOURCES[kind](tmp_path)
    assert open_source(str(path)).info.alpha
    frames = read(path)
    assert len(frames) == 4
    check_disc(frames[0])
    check_disc(frames[3], 3)
    rgb = frames[0].rgb.astype(int)
    clear = cv2.dilate(cut_out()[..., 3], np.ones((5, 5), np.uint8)) == 0
    assert (rgb[clear][:, 1] < 128).all()  # no green


@pytest.mark.parametrize(
    "output", ["out.mov", "out.webm", "out.mkv", "out.apng", "out.webp", "out"]
)
def test_alpha_is_kept_where_the_output_has_it(output: str, tmp_path: Path):
    source = pictures(tmp_path / "in")
    stylize(source, tmp_path / output, Settings(strength=0))
    frames = read(tmp_path / output)
    assert len(frames) == 4
    check_disc(frames[0])
    check_disc(frames[3], 3)


def test_a_painted_disc_has_the_alpha_of_its_source(tmp_path: Path):
    stylize(pictures(tmp_path / "in"), tmp_path / "out.webm", Settings())
    (frame, *_) = read(tmp_path / "out.webm")
    assert frame.alpha is not None
    assert np.abs(eight_bits(frame.alpha).astype(int) - cut_out()[..., 3]).mean() < 4


def test_a_gif_is_transparent_where_the_source_is(tmp_path: Path):
    stylize(pictures(tmp_path / "in"), tmp_path / "out.gif", Settings(strength=0))
    (frame, *_) = read(tmp_path / "out.gif")
    assert frame.alpha is not None
    assert np.array_equal(frame.alpha, cut_out()[..., 3])


@pytest.mark.parametrize("output", ["out.mp4", "out.ts", "%d.jpg"])
def test_elsewhere_it_is_black_and_said(
    output: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    out = tmp_path / ("out" if "%" in output else "") / output
    with caplog.at_level(logging.WARNING):
        stylize(pictures(tmp_path / "in"), out, Settings(strength=0))
    (frame, *_) = read(out)
    assert frame.alpha is None
    assert frame.rgb[2, 2].max() < 8
    assert "%" in output or "no alpha" in caplog.text


def test_the_tag_of_alpha_is_not_copied_to_a_film_without(tmp_path: Path):
    source = video(tmp_path / "in.webm", "libvpx-vp9", "yuva420p")
    stylize(source, tmp_path / "out.mkv", Settings(strength=0, codec="libx264"))
    with av.open(tmp_path / "out.mkv") as container:
        assert "alpha_mode" not in {key.lower() for key in container.streams.video[0].metadata}


def test_opaque_pictures_with_an_alpha_channel_are_ordinary(tmp_path: Path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(2):
        opaque = cut_out(number)
        opaque[..., 3] = 255
        cv2.imwrite(str(folder / f"{number}.png"), opaque)
    stylize(folder, tmp_path / "out.mov", Settings(strength=0))
    with av.open(tmp_path / "out.mov") as container:
        assert container.streams.video[0].codec_context.name == "h264"


def test_exif_turns_a_picture_with_alpha_as_one_without(tmp_path: Path):
    rgba = cut_out()
    done, encoded = cv2.imencode(".png", cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))
    assert done
    exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"  # quarter turn
    (tmp_path / "turned.png").write_bytes(_with_chunk(encoded.tobytes(), b"eXIf", exif))
    frame = read(tmp_path / "turned.png")[0]
    assert frame.source.shape == (WIDTH, HEIGHT, 3)
    assert frame.alpha is not None
    assert np.array_equal(frame.alpha, np.rot90(rgba[..., 3], -1))


def _with_chunk(png: bytes, kind: bytes, data: bytes) -> bytes:
    import zlib

    chunk = len(data).to_bytes(4, "big") + kind + data
    chunk += zlib.crc32(kind + data).to_bytes(4, "big")
    return png[:33] + chunk + png[33:]  # after the header


def test_a_logo_of_one_colour_is_turned_by_its_exif_too(tmp_path: Path):
    rgba = cut_out()
    rgba[..., :3] = 255
    encoded = cv2.imencode(".png", rgba)[1].tobytes()
    exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0\0\0\0\0"  # half a turn
    (tmp_path / "logo.png").write_bytes(_with_chunk(encoded, b"eXIf", exif))
    frame = read(tmp_path / "logo.png")[0]
    assert frame.alpha is not None
    assert np.array_equal(frame.alpha, np.rot90(rgba[..., 3], 2))


def test_half_transparent_colours_of_a_tiff_are_not_darkened(tmp_path: Path):
    rgba = np.full((HEIGHT, WIDTH, 4), (*VISIBLE, 128), np.uint8)
    cv2.imwrite(str(tmp_path / "in.tif"), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))
    frame = read(tmp_path / "in.tif")[0]
    assert frame.rgb[5, 5].tolist() == list(VISIBLE)


def test_a_grey_that_is_transparent(tmp_path: Path):
    grey = np.full((HEIGHT, WIDTH), 90, np.uint8)
    grey[:, :20] = 7
    encoded = cv2.imencode(".png", grey)[1].tobytes()
    (tmp_path / "in.png").write_bytes(_with_chunk(encoded, b"tRNS", b"\0\x07"))
    frame = read(tmp_path / "in.png")[0]
    assert frame.alpha is not None
    assert (frame.alpha[:, :20].max(), frame.alpha[:, 20:].min()) == (0, 255)


def test_alpha_that_begins_late_is_kept(tmp_path: Path):
    opaque = cut_out()
    opaque[..., 3] = 255
    with av.open(tmp_path / "in.mov", "w") as out:
        stream: Any = out.add_stream("qtrle", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "argb"
        for number, rgba in enumerate([opaque, cut_out(1)]):
            frame = av.VideoFrame.from_ndarray(rgba, "rgba").reformat(format="argb")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    for name in ("out.mov", "out.webm"):
        stylize(tmp_path / "in.mov", tmp_path / name, Settings(strength=0))
        first, last = read(tmp_path / name)
        assert first.alpha is None or eight_bits(first.alpha).min() > 250
        check_disc(last, 1)


@pytest.mark.parametrize(("name", "how"), [
    ("out.mp4", {}), ("out.ts", {}), ("out.mkv", {"codec": "libx265"}),
    ("out.mp4", {"codec": "libvpx-vp9"}),
])  # fmt: skip
def test_deep_alpha_is_black_where_the_codec_has_none(
    name: str, how: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    source = video(tmp_path / "in.mov", "prores_ks", "yuva444p10le")
    with caplog.at_level(logging.WARNING):
        stylize(source, tmp_path / name, Settings.model_validate({"strength": 0, **how}))
    assert "no alpha" in caplog.text
    assert read(tmp_path / name)[0].rgb[2, 2].max() < 8


def test_a_mask_with_alpha_paints_where_it_is_visible_and_white(tmp_path: Path):
    white = cut_out()
    white[..., :3] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), white)
    grey = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    cv2.imwrite(str(tmp_path / "in.png"), grey)
    stylize(tmp_path / "in.png", tmp_path / "out.png", Settings(mask=str(tmp_path / "mask.png")))
    out = read(tmp_path / "out.png")[0].rgb.astype(int)
    assert np.array_equal(out[:6, -12:], grey[:6, -12:])
    assert np.abs(out[20:28, 20:28] - 90).max() > 3

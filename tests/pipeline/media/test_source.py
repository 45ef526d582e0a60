from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from stylize_video.pipeline.core.errors import SourceError
from stylize_video.pipeline.core.frame import Span
from stylize_video.pipeline.media.color import ToRgb
from stylize_video.pipeline.media.inputs import open_source

from ...helpers.pictures import psnr
from ...helpers.video import MakeClip, moving_scene


def test_frames_come_in_order_with_their_own_times(make_clip: MakeClip):
    scene = moving_scene(30)
    source = open_source(str(make_clip(frames=scene)))
    frames = list(source.frames())
    assert [f.time for f in frames] == [Fraction(i * 1001, 30000) for i in range(30)]
    assert min(psnr(f.rgb, s) for f, s in zip(frames, scene, strict=True)) > 40
    assert (source.info.width, source.info.height) == (64, 48)


def test_a_variable_rate_stays_variable(make_clip: MakeClip):
    pts = [0, 40, 41, 300, 333, 1000, 1001, 1500]
    clip = make_clip(frames=moving_scene(8), pts=pts, time_base=Fraction(1, 1000), step=33)
    times = [f.time for f in open_source(str(clip)).frames()]
    assert times == [Fraction(p, 1000) for p in pts]


@pytest.mark.parametrize(("start", "end"), [(None, 10), (10, None), (7, 23), (0, 1), (29, 30)])
def test_a_span_is_half_open_and_exact(make_clip: MakeClip, start: int | None, end: int | None):
    tick = Fraction(1001, 30000)
    span = Span(None if start is None else start * tick, None if end is None else end * tick)
    source = open_source(str(make_clip()))
    whole = {f.time: f.rgb for f in source.frames()}
    frames = list(source.frames(span))
    assert [f.time for f in frames] == [i * tick for i in range(start or 0, end or 30)]
    assert all(np.array_equal(f.rgb, whole[f.time]) for f in frames)


def test_frames_can_be_asked_for_again(make_clip: MakeClip):
    source = open_source(str(make_clip(frames=moving_scene(5))))
    assert len(list(source.frames())) == len(list(source.frames())) == 5


# What a decoder must make of Y'CbCr, from the standards' luma weights (ITU-R BT.601, 709, 2020).
WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593), 2: (0.299, 0.114)}


def expected_rgb(yuv, matrix: int, full: bool) -> list[Any]:
    kr, kb = WEIGHTS[matrix]
    y, u, v = yuv
    luma = y / 255 if full else (y - 16) / 219
    cb, cr = ((c - 128) / (255 if full else 224) for c in (u, v))
    red, blue = luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    return [255 * c for c in (red, green, blue)]


@pytest.mark.parametrize("matrix", [1, 6, 9, 2])
@pytest.mark.parametrize("color_range", [1, 2, 0])
def test_matrix_and_range_of_the_stream_are_honoured(tmp_path: Path, matrix: int, color_range: int):
    yuv = (120, 90, 190)
    path = tmp_path / "flat.mp4"
    with av.open(path, "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv444p"
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = color_range
        frame = av.VideoFrame(32, 32, "yuv444p")
        for plane, value in zip(frame.planes, yuv, strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.colorspace, frame.color_range = matrix, color_range
        frame.pts = 0
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    (decoded,) = open_source(str(path)).frames()
    wanted = expected_rgb(yuv, matrix, full=color_range == 2)
    assert np.abs(decoded.rgb[16, 16] - np.array(wanted)).max() <= 1


def test_decoding_neither_darkens_nor_tints():
    rng = np.random.default_rng(0)
    frame = av.VideoFrame(128, 96, "yuv420p")
    frame.colorspace, frame.color_range = 1, 1
    planes = []
    for plane, (low, high) in zip(frame.planes, [(60, 200), (100, 156), (100, 156)], strict=True):
        coarse = rng.integers(low, high, (4, 4), dtype=np.uint8)
        smooth = cv2.resize(coarse, (plane.width, plane.height), interpolation=cv2.INTER_LINEAR)
        padded = np.zeros((plane.height, plane.line_size), np.uint8)
        padded[:, : plane.width] = smooth
        plane.update(padded.tobytes())
        planes.append(cv2.resize(smooth, (128, 96), interpolation=cv2.INTER_NEAREST))
    rgb = ToRgb(128, 96)(frame)
    wanted = np.stack(expected_rgb(tuple(p.astype(float) for p in planes), 1, full=False), axis=-1)
    bias = (rgb - wanted.clip(0, 255)).mean(axis=(0, 1))
    assert np.abs(bias).max() < 0.25


def test_a_size_is_met_and_keeps_the_shape(make_clip: MakeClip):
    clip = str(make_clip())
    assert next(open_source(clip, "32x20").frames()).rgb.shape == (20, 32, 3)
    assert next(open_source(clip, "24p").frames()).rgb.shape == (24, 32, 3)


def write_pictures(folder: Path, names: list[str], size: tuple[int, int] = (20, 30)) -> None:
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), np.full((*size, 3), number * 20, np.uint8))


def test_a_folder_of_pictures_is_read_in_natural_order(tmp_path: Path):
    write_pictures(tmp_path / "p", ["1.png", "2.png", "10.png", "notes.txt.png"])
    (tmp_path / "p" / "readme.txt").write_text("no picture", encoding="utf-8")
    frames = list(open_source(str(tmp_path / "p"), fps=Fraction(10)).frames())
    assert [int(f.rgb[0, 0, 0]) for f in frames] == [0, 20, 40, 60]
    assert [f.time for f in frames] == [Fraction(i, 10) for i in range(4)]


@pytest.mark.parametrize("pattern", ["a_*.png", "a_%03d.png", "a_%d.png", "a_00?.png"])
def test_a_pattern_of_pictures(tmp_path: Path, pattern: str):
    write_pictures(tmp_path / "p", ["a_001.png", "a_002.png", "b_001.png"])
    frames = list(open_source(str(tmp_path / "p" / pattern)).frames())
    assert len(frames) == 2


def test_a_single_picture_is_one_frame(tmp_path: Path):
    write_pictures(tmp_path, ["one.png"])
    source = open_source(str(tmp_path / "one.png"))
    assert source.info.frames == len(list(source.frames())) == 1


def test_a_broken_picture_is_named(tmp_path: Path):
    write_pictures(tmp_path / "p", ["1.png", "2.png"])
    (tmp_path / "p" / "2.png").write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"2\.png can't be decoded"):
        list(open_source(str(tmp_path / "p")).frames())


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "turn"),
    [
        ("sample_rotate_and_reflect.mp4", lambda rgb: rgb.transpose(1, 0, 2)),
        ("internal_emulator_transformer_output_270_rotated.mp4", lambda rgb: np.rot90(rgb, 1)),
        ("mv_with_2_top_shots.mp4", lambda rgb: np.rot90(rgb, 1)),
        ("sample_edit_list.mp4", lambda rgb: np.rot90(rgb, -1)),
    ],
)
def test_rotation_and_mirroring_are_applied(clips: Path, name: str, turn):
    source = open_source(str(clips / name))
    frame = next(source.frames())
    with av.open(clips / name) as container:
        stored = next(container.decode(container.streams.best("video")))
        assert "DISPLAYMATRIX" in stored.side_data
        raw = turn(stored.to_ndarray(format="rgb24"))
    assert frame.rgb.shape == raw.shape == (source.info.height, source.info.width, 3)
    # HDR clips are tone-mapped: shape and place are compared, not brightness.
    a, b = (cv2.cvtColor(np.ascontiguousarray(p), cv2.COLOR_RGB2GRAY) for p in (frame.rgb, raw))
    small_a, small_b = (cv2.resize(p, (32, 32), interpolation=cv2.INTER_AREA) for p in (a, b))
    assert np.corrcoef(small_a.ravel(), small_b.ravel())[0, 1] > 0.9


@pytest.mark.real_data
def test_the_bright_sky_of_an_hdr_clip_stays_white(clips: Path):
    sky = next(open_source(str(clips / "sample_edit_list.mp4")).frames()).rgb[:400]
    assert sky.mean(axis=(0, 1)).min() > 220


@pytest.mark.real_data
def test_every_clip_that_decodes_gives_all_its_frames_upright(clips: Path):
    broken = {"invalid-bitstream.webm", "sample_malformed_free_box.mp4", "sample_audio_only.mp4"}
    for path in sorted(p for p in clips.iterdir() if p.suffix != ".md"):
        if path.name in broken:
            with pytest.raises(SourceError):
                open_source(str(path))
            continue
        source = open_source(str(path), "64x36")
        assert next(source.frames()).rgb.shape == (36, 64, 3), path.name


@pytest.mark.real_data
def test_a_damaged_packet_costs_one_frame_and_is_told(clips: Path, caplog):
    frames = list(open_source(str(clips / "sample_with_invalid_nalu.mp4"), "64x36").frames())
    assert len(frames) == 29
    assert "1 damaged packets" in caplog.text

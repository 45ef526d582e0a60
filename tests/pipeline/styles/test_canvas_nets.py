"""Nets that take a canvas: as their file is, compiled, in planes, in 8 bits, in tiles."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from stylize_video.pipeline.core.errors import ModelError
from stylize_video.pipeline.core.frame import Canvas, Frame, Rgb, Yuv, YuvMatrix, as_rgb
from stylize_video.pipeline.nets.graph import Net, interpolate
from stylize_video.pipeline.styles.style import Style
from stylize_video.pipeline.temporal.canvas import canvas_bytes, still_canvas

from ...helpers.compiled_nets import NetStyle, load_net, paint_alone
from ...helpers.open_styles import open_file
from ...helpers.pictures import psnr
from ...helpers.scenes import texture
from ...helpers.yuv import to_yuv420

ODD = texture(3, 203, 151)  # (151, 203, 3)


def alone(style: Style, picture: Rgb | Yuv, canvas: Canvas | None = None) -> Rgb:
    frame = Frame(picture, 0, Fraction(1), canvas=canvas)
    return as_rgb(style.compile([frame]).paint(frame))


def contrast(picture: Rgb) -> float:
    """Standard deviation of its colours, grey levels."""
    return float(picture.std(axis=(0, 1)).mean())


def in_plain_onnxruntime(path: Path, picture: Rgb, noise: np.ndarray | None) -> Rgb:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    fed = {"frame": picture[None]} | ({} if noise is None else {"canvas": noise[None]})
    return np.asarray(session.run(["stylized"], fed)[0])[0]


def test_the_compiled_net_paints_what_the_file_paints_on_the_same_canvas(canvas_style: Path):
    noise = canvas_bytes(still_canvas(ODD), (38, 51))
    expected = in_plain_onnxruntime(canvas_style, ODD, noise).astype(int)
    net = replace(load_net(canvas_style), deviations={})  # the file's norms know no usual ones
    assert np.abs(as_rgb(paint_alone(net, ODD)) - expected).max() <= 2
    direct = open_file(canvas_style, statistics="frame")
    assert direct.info.canvas
    assert np.array_equal(alone(direct, ODD), expected)


def test_without_a_canvas_the_file_has_noise_of_its_own(canvas_style: Path):
    wall = np.full((120, 420, 3), 140, np.uint8)
    bare = in_plain_onnxruntime(canvas_style, wall, np.full((30, 105, 4), 128, np.uint8))
    first, second = (in_plain_onnxruntime(canvas_style, wall, None) for _ in range(2))
    assert np.array_equal(first, second)
    assert contrast(first) > contrast(bare) + 5


def test_the_canvas_of_the_frame_is_what_paints_a_wall(canvas_style: Path):
    wall = np.full((96, 128, 3), 140, np.uint8)
    style = open_file(canvas_style)
    blank = replace(still_canvas(wall), strength=np.zeros((1, 1), np.float32))
    shot = style.compile([Frame(wall, 0, Fraction(1))])
    painted, bare = (
        as_rgb(shot.paint(Frame(wall, 0, Fraction(1), canvas=canvas))) for canvas in (None, blank)
    )
    assert contrast(painted) > contrast(bare) + 5


def test_its_colours_are_matched_with_the_canvas(canvas_style: Path):
    for statistics in ("shot", "frame"):
        plain, matched = (
            alone(open_file(canvas_style, palette=palette, statistics=statistics), ODD)
            for palette in ("none", "match")
        )
        off = [np.abs(p.mean(axis=(0, 1)) - ODD.mean(axis=(0, 1))).max() for p in (plain, matched)]
        assert off[1] < 0.45 * off[0]


def test_planes_and_8_bits_paint_the_same(canvas_style: Path):
    net, picture = load_net(canvas_style), texture(4, 320, 200)
    planes = to_yuv420(picture, YuvMatrix(1, 1))
    exact = as_rgb(paint_alone(net, planes))
    assert psnr(exact, as_rgb(paint_alone(net, planes, eight_bit=True))) > 28  # untrained: noise
    smooth = psnr(exact, as_rgb(paint_alone(net, planes.rgb())))
    assert smooth > 25  # the chroma of the planes is half as sharp


@pytest.mark.parametrize("planar", [False, True])
def test_tiles_have_no_seam(canvas_style: Path, planar: bool):
    picture = texture(9, 700, 420)
    shown = to_yuv420(picture, YuvMatrix(1, 1)) if planar else picture
    whole, tiled = NetStyle(load_net(canvas_style)), NetStyle(load_net(canvas_style), tile=256)
    moments = whole.with_moments([shown]).moments
    a, b = (s.compiler.compile(shown, s.mix, moments).paint(shown) for s in (whole, tiled))
    planes = zip(a.planes, b.planes, strict=True) if planar else [(a, b)]  # type: ignore[union-attr]
    for one, other in planes:
        assert np.abs(np.asarray(one, int) - other).max() <= 1


def test_bands_of_a_picture_say_what_the_whole_says(canvas_style: Path):
    style = NetStyle(load_net(canvas_style))
    frame = Frame(texture(5, 201, 603), 0, Fraction(1))
    few, all_of_it = (style.compiler.measure([frame], style.mix, n) for n in (60_000, 10**9))
    for (mean, square), (mean_all, square_all) in zip(few.norms, all_of_it.norms, strict=True):
        deviation = np.sqrt(square_all - mean_all**2)
        assert np.abs(mean - mean_all).max() < 0.3 * deviation.max()
        assert np.all(square < 2 * square_all + 0.1)


def test_a_small_and_a_large_stroke_have_a_canvas_of_their_size(canvas_style: Path):
    picture = texture(6, 401, 300)
    for scale in (1.0, 4.0):
        assert alone(open_file(canvas_style, style_scale=scale), picture).shape == picture.shape


def test_nets_with_and_without_a_canvas_cannot_be_mixed(canvas_style: Path, udnie: Net):
    with pytest.raises(ModelError, match="can't be mixed: only styles trained from one base"):
        interpolate([(udnie, 0.5), (load_net(canvas_style), 0.5)])

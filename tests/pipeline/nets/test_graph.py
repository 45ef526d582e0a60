from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from stylize_video.pipeline.core.errors import ModelError
from stylize_video.pipeline.core.frame import Rgb, Yuv, YuvMatrix
from stylize_video.pipeline.nets.contract import ModelCard
from stylize_video.pipeline.nets.graph import Net, interpolate
from stylize_video.pipeline.nets.reader import read_net
from stylize_video.pipeline.nets.session import open_session
from stylize_video.pipeline.styles.zoo import find_style

from ...helpers.compiled_nets import paint_alone
from ...helpers.onnx_files import foreign_onnx
from ...helpers.pictures import psnr
from ...helpers.scenes import texture
from ...helpers.yuv import to_yuv420


@pytest.fixture(scope="module")
def picture() -> Rgb:
    return texture(2, 160, 96)


def test_with_its_norms_folded_a_net_paints_as_its_file_does(udnie: Net, picture: Rgb):
    session, _ = open_session(find_style("udnie-quality"), "cpu", 1)
    blank = np.full((1, 24, 40, udnie.card.canvas), 128, np.uint8)
    wanted = session.run(["stylized"], {"frame": picture[None], "canvas": blank})[0][0]
    exact = replace(udnie, deviations={})  # what is usual counts for flat pictures alone
    assert np.abs(np.asarray(paint_alone(exact, picture, canvas=0), int) - wanted).max() <= 1


def test_a_flat_picture_is_not_divided_by_its_noise(udnie: Net):
    rng = np.random.default_rng(0)
    wall = np.clip(rng.normal(120, 2, (96, 160, 3)), 0, 255).astype(np.uint8)
    usual, own = (
        np.asarray(paint_alone(n, wall, canvas=0)) for n in (udnie, replace(udnie, deviations={}))
    )
    assert usual.std(axis=(0, 1)).mean() < own.std(axis=(0, 1)).mean() / 3


def test_told_in_video_planes_it_paints_the_same(udnie: Net, picture: Rgb):
    coding = YuvMatrix(1, 1)
    planes = to_yuv420(picture, coding)
    shown, wanted = (
        paint_alone(udnie, planes),
        to_yuv420(np.asarray(paint_alone(udnie, planes.rgb())), coding),
    )
    assert isinstance(shown, Yuv)
    for a, b in zip(shown.planes, wanted.planes, strict=True):
        # Colours outside of RGB's cube are clamped at another place on the way.
        assert psnr(a, b) > 34
        assert abs(float(a.mean()) - float(b.mean())) < 1


def test_a_mixture_is_between_its_parts_and_the_whole_of_one_is_that(
    udnie: Net, base: Net, picture: Rgb
):
    alone = np.asarray(paint_alone(udnie, picture))
    assert np.array_equal(paint_alone(interpolate([(udnie, 1.0), (base, 0.0)]), picture), alone)
    off = [
        psnr(np.asarray(paint_alone(interpolate([(udnie, s), (base, 1 - s)]), picture)), alone)
        for s in (0.25, 0.5, 0.75)
    ]
    assert off[0] < off[1] < off[2]


def test_the_base_gives_the_picture_back(base: Net):
    photo = texture(5, 256, 192)
    assert psnr(np.asarray(paint_alone(base, photo, tone=1.0)), photo) > 20


def test_nets_of_other_families_are_not_mixed(udnie: Net):
    stranger = replace(udnie, card=replace(udnie.card, family="another"))
    with pytest.raises(ModelError, match="can't be mixed"):
        interpolate([(udnie, 0.5), (stranger, 0.5)])
    orphan = replace(udnie, card=replace(udnie.card, family=""))
    with pytest.raises(ModelError, match="can't be mixed"):
        interpolate([(orphan, 0.5), (replace(orphan), 0.5)])


def test_colours_are_brought_to_the_sources(udnie: Net):
    warm = (texture(2, 640, 480) * [1.0, 0.7, 0.4]).astype(np.uint8)
    plain, matched = (np.asarray(paint_alone(udnie, warm, tone=t), float) for t in (0.0, 1.0))
    wanted = warm.reshape(-1, 3)
    assert np.abs(matched.reshape(-1, 3).mean(0) - wanted.mean(0)).max() < 8
    assert np.abs(plain.reshape(-1, 3).mean(0) - wanted.mean(0)).max() > 20
    assert np.abs(matched.reshape(-1, 3).std(0) - wanted.std(0)).max() < 12


def test_another_projects_graph_is_left_alone(tmp_path: Path):
    model = onnx.load(foreign_onnx(tmp_path / "f.onnx", [1, 3, "h", "w"]))
    assert read_net(model, ModelCard("f", "foreign")) is None

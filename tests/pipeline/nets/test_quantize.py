from __future__ import annotations

import numpy as np
import pytest
from stylize_video.pipeline.core.frame import YuvMatrix
from stylize_video.pipeline.nets.quantize import sums_bytes_exactly, write_byte_sum
from stylize_video.pipeline.nets.session import open_session
from stylize_video.pipeline.styles.zoo import zoo

from ...helpers.compiled_nets import load_net, paint_alone
from ...helpers.pictures import psnr
from ...helpers.scenes import texture
from ...helpers.yuv import to_yuv420

FAST = sorted(name for name, style in zoo().items() if style.tier == "fast")


exact_sums = pytest.mark.skipif(
    not sums_bytes_exactly(), reason="this CPU's 8-bit sums overflow: nets run in floats"
)


@pytest.mark.parametrize("name", FAST)
@exact_sums
def test_in_8_bits_it_paints_nearly_the_same(name: str):
    net, picture = load_net(zoo()[name].path), texture(7, 320, 192)
    exact, quick = (np.asarray(paint_alone(net, picture, eight_bit=e)) for e in (False, True))
    assert psnr(quick, exact) >= 37.5
    assert abs(float(quick.mean()) - float(exact.mean())) < 1.5


@pytest.mark.parametrize("canvas", [0.0, 1.0])
@pytest.mark.parametrize("name", FAST)
@exact_sums
def test_a_dark_wall_with_a_lamp_has_the_same_colour_in_8_bits(name: str, canvas: float):
    """Of what is flat little is left but its mean, which rounded kernels change."""
    net, wall = load_net(zoo()[name].path), np.full((192, 320, 3), 40, np.uint8)
    wall += np.random.default_rng(0).integers(0, 6, wall.shape, np.uint8)
    wall[60:64, 200:204] = 255
    exact, quick = (
        np.asarray(paint_alone(net, wall, eight_bit=e, canvas=canvas)) for e in (False, True)
    )
    assert psnr(quick, exact) >= 32


@pytest.mark.parametrize("name", sorted(zoo()))
@exact_sums
def test_a_flat_wall_stays_flat_in_8_bits(name: str):
    for grey in (40, 128, 215):
        wall = np.full((96, 96, 3), grey, np.uint8)
        net = load_net(zoo()[name].path)
        shown = np.asarray(paint_alone(net, wall, eight_bit=True, canvas=0.0))[32:64, 32:64]
        assert np.ptp(shown.astype(int), axis=(0, 1)).max() <= 3


def test_overflowing_sums_would_be_seen():
    model, taken, wanted = write_byte_sum()
    session, _ = open_session(model, "cpu", 1)
    found = np.asarray(session.run(None, {"bytes": taken})[0])
    assert found.shape == (1, 16, 8, 8)
    if sums_bytes_exactly():
        assert np.abs(found - float(wanted)).max() <= 1
    # Half of the products, as where pairs overflow, would be told apart.
    half = np.asarray(session.run(None, {"bytes": taken // 2})[0])
    assert np.abs(half - wanted / 2).max() <= 2


def test_planes_come_back_in_their_places():
    """A net that gives the picture back would show a shuffled pixel."""
    base = next(p for p in zoo()["udnie"].path.parent.glob("base-fast.onnx"))
    picture = texture(8, 256, 160)
    for shown in (picture, to_yuv420(picture, YuvMatrix(1, 1))):
        answer = paint_alone(load_net(base), shown, tone=1.0)
        rgb = answer if isinstance(answer, np.ndarray) else answer.rgb()
        assert psnr(rgb, picture) > 20

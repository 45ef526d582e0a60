"""What is painted without its margin is what was painted with it."""

from __future__ import annotations

import numpy as np
import pytest
from stylize_video.pipeline.core.frame import Picture, Yuv, YuvMatrix
from stylize_video.pipeline.nets.graph import Net
from stylize_video.pipeline.nets.margin import without_margin
from stylize_video.pipeline.styles import compiled
from stylize_video.pipeline.styles.zoo import zoo

from ...helpers.compiled_nets import load_net, paint_alone
from ...helpers.scenes import texture
from ...helpers.yuv import to_yuv420


def planes_of(picture: Picture) -> list[np.ndarray]:
    return list(picture.planes) if isinstance(picture, Yuv) else [picture]


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("name", ["udnie", "udnie-quality", "base-fast"])
@pytest.mark.parametrize("size", [(96, 128), (90, 134)])
def test_without_its_margin_the_picture_is_the_same_to_the_bit(
    planar: bool, name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
):
    net = load_net(zoo()["udnie"].path.with_name(f"{name}.onnx"))
    picture: Picture = texture(5, size[1], size[0])
    if planar:
        picture = to_yuv420(picture, YuvMatrix(1, 1))
    quick = paint_alone(net, picture, eight_bit=True)
    monkeypatch.setattr(compiled, "without_margin", lambda net, margin: net)
    slow = paint_alone(net, picture, eight_bit=True)
    for one, other in zip(planes_of(quick), planes_of(slow), strict=True):
        assert np.array_equal(one, other)


def test_floats_are_as_near_as_floats_can_be(monkeypatch: pytest.MonkeyPatch):
    net, picture = load_net(zoo()["udnie"].path), texture(5, 130, 90)
    quick = np.asarray(paint_alone(net, picture), int)
    monkeypatch.setattr(compiled, "without_margin", lambda net, margin: net)
    assert np.abs(np.asarray(paint_alone(net, picture)) - quick).max() <= 1


@pytest.mark.parametrize("name", ["udnie", "starry-night-quality"])
def test_the_last_convolutions_compute_no_margin(name: str, monkeypatch: pytest.MonkeyPatch):
    played: list[Net] = []

    def spied(net: Net, margin: int) -> Net:
        played.append(without_margin(net, margin))
        return played[-1]

    monkeypatch.setattr(compiled, "without_margin", spied)
    paint_alone(load_net(zoo()[name].path), texture(5, 64, 64))
    (net,) = played
    pads = [sum(op.settings["pads"]) for op in net.ops if op.kind == "Conv"]
    assert net.inset == net.card.margin
    assert pads[-8:] == [0] * 8 and set(pads[:-8]) == {4}

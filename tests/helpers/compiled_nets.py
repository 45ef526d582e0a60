"""A style's file, compiled for a shot."""

from __future__ import annotations

from pathlib import Path

import onnx
from stylize_video.pipeline.core.frame import Rgb, Yuv
from stylize_video.pipeline.nets.contract import ModelCard
from stylize_video.pipeline.nets.graph import Net, read_net
from stylize_video.pipeline.nets.session import open_session
from stylize_video.pipeline.styles.compiled import NetCompiler, NetMix


def load_net(path: Path) -> Net:
    model = onnx.load(path)
    card = ModelCard.from_metadata({p.key: p.value for p in model.metadata_props})
    assert card is not None
    net = read_net(model, card)
    assert net is not None
    return net


def net_compiler(
    net: Net, eight_bit: bool = False, tone: float = 0.0, **how: object
) -> NetCompiler:
    def opened(model: bytes, shapes: object) -> object:
        return open_session(model, "cpu", 1)[0]

    return NetCompiler(NetMix(net, tone), opened, opened, "int8" if eight_bit else "float", **how)  # type: ignore[arg-type]


def paint_alone(
    net: Net, picture: Rgb | Yuv, eight_bit: bool = False, tone: float = 0.0
) -> Rgb | Yuv:
    """The picture as a shot of its own."""
    bound = net_compiler(net, eight_bit, tone)
    moments = bound.measure([picture], bound.choice)
    return bound.player(picture, bound.choice, moments).paint(picture)

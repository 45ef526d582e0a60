"""A style's file, compiled for a shot."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import onnx
from stylize_video.pipeline.core.frame import Frame, Rgb, Yuv
from stylize_video.pipeline.imaging.palette import ColorGoal
from stylize_video.pipeline.nets.contract import ModelCard
from stylize_video.pipeline.nets.graph import Moments, Net
from stylize_video.pipeline.nets.reader import read_net
from stylize_video.pipeline.nets.session import open_session
from stylize_video.pipeline.styles.compiled import NetCompiler, NetMix
from stylize_video.pipeline.styles.feedforward import NetShot
from stylize_video.pipeline.styles.style import StyleInfo
from stylize_video.pipeline.temporal.canvas import still_canvas

MEASURED = 1_000_000


def load_net(path: Path) -> Net:
    model = onnx.load(path)
    card = ModelCard.from_metadata({p.key: p.value for p in model.metadata_props})
    assert card is not None
    net = read_net(model, card)
    assert net is not None
    return net


class NetStyle:
    """A net as a style, its strength apart: what ``FeedForwardStyle`` is for files."""

    def __init__(
        self, net: Net, eight_bit: bool = False, tone: float = 0.0, **options: Any
    ) -> None:
        def opens(model: bytes, shapes: object) -> Any:
            return open_session(model, "cpu", 1)[0]

        self.info = StyleInfo(net.card.name, "fast", planar=True, per_shot=True)
        self.mix = NetMix(net, ColorGoal(tone))
        precision = "int8" if eight_bit else "float"
        self.compiler = NetCompiler(opens, opens, precision, **options)

    def compile(self, shot: Sequence[Frame], strength: float = 1.0) -> NetShot:
        moments = self.compiler.measure(shot, self.mix, MEASURED)
        return self._shot(shot[0].source, moments)

    def with_moments(self, pictures: Sequence[Rgb | Yuv]) -> NetShot:
        shot = [Frame(picture, 0, Fraction(1)) for picture in pictures]
        moments = self.compiler.measure(shot, self.mix, MEASURED)
        return self._shot(pictures[0], moments)

    def adapt(self, frame: Frame, shot: NetShot, weight: float) -> NetShot:
        now = self.compiler.measure([frame], self.mix, MEASURED)
        return self._shot(frame.source, Moments.mean([shot.moments, now], [1 - weight, weight]))

    def _shot(self, picture: Rgb | Yuv, moments: Moments) -> NetShot:
        net = self.compiler.compile(picture, self.mix, moments)
        return NetShot(self, self.mix, moments, net, 1.0)  # type: ignore[arg-type]


def paint_alone(
    net: Net,
    picture: Rgb | Yuv,
    eight_bit: bool = False,
    tone: float = 0.0,
    canvas: float = 1.0,
    **options: Any,
) -> Rgb | Yuv:
    """The picture as a shot of its own, on a canvas of this strength."""
    frame = Frame(picture, 0, Fraction(1), canvas=still_canvas(picture, canvas))
    return NetStyle(net, eight_bit, tone, **options).compile([frame]).paint(frame)

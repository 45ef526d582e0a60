"""Trained nets of ours as a style: one net or a mixture, compiled for every shot."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from ..core.concurrency import available_cores
from ..core.errors import ModelError, reason
from ..core.frame import Frame, Picture, Rgb, TemporalState, as_rgb
from ..imaging.palette import OWN_COLORS, ColorGoal
from ..nets.contract import metadata_of
from ..nets.graph import Moments, Net, interpolate, of_one_base
from ..nets.quantize import precision_on
from ..nets.reader import read_net
from ..nets.session import BoundSession, open_session
from .compiled import CompiledNet, NetCompiler, NetMix, Window
from .direct import DirectStyle
from .files import (
    MAX_WORKERS,
    MEASURED_PIXELS,
    QUICKLY_MEASURED_PIXELS,
    NetOptions,
    card_of,
)
from .style import StyleInfo, failures_in_one_line
from .zoo import find_base

Mixture = Sequence[tuple[Path, float]]
"""Style files and their weights, which sum to 1."""

_SMALLER = "--tile 1024 or a smaller --size"
"""What to try where memory was too small."""
_AGREEMENT = 1.0  # mean grey levels by which a compiled net may differ from its own file


class NetFiles:
    """Style files read as nets, and mixed by their weights.

    Args:
        mixture: files of one family with their weights.
        colors: whose colours they get at full strength.
    """

    def __init__(self, mixture: Mixture, colors: ColorGoal = OWN_COLORS) -> None:
        self.mixture = mixture
        self._colors = colors
        self._nets: dict[Path, Net] = {}

    @property
    def name(self) -> str:
        """The styles' names, with their weights where there are several."""
        names = [self._nets[path].card.name for path, _ in self.mixture]
        if len(names) == 1:
            return names[0]
        pairs = zip(names, (weight for _, weight in self.mixture), strict=True)
        return " ".join(f"{name}:{weight:.2g}" for name, weight in pairs)

    @property
    def one_family(self) -> bool:
        """Whether the nets can be mixed into one: all were trained from one base.

        Raises:
            ModelError: a file can't be read, or is of a form that can't be compiled.
        """
        nets = [self._mixable(path) for path, _ in self.mixture]
        return all(of_one_base(net, nets[0]) for net in nets[1:])

    @property
    def has_base(self) -> bool:
        """Whether the base of the first net is there: strength is then a mixture with it."""
        path = self.mixture[0][0]
        net = self._net(path)
        with suppress(ModelError):
            return net is not None and find_base(net.card.family, path).is_file()
        return False

    def _mixable(self, path: Path) -> Net:
        net = self._net(path)
        if net is None:
            raise ModelError(
                f"{path.stem} can't be mixed: its net is not one of convolutions and norms"
            )
        return net

    def mix(self, strength: float = 1.0) -> NetMix | None:
        """The mixture at a strength: its weights against those of the family's base.

        Returns:
            ``None`` where the one net is of a form that can't be compiled.

        Raises:
            ModelError: a file can't be read, nets can't be mixed, or there is no base.
        """
        parts: list[tuple[Net, float]] = []
        for path, weight in self.mixture:
            net = self._net(path)
            if net is None:
                return None
            parts.append((net, weight * strength))
        if strength < 1:
            base = self._net(find_base(parts[0][0].card.family, self.mixture[0][0]))
            assert base is not None  # a file that names its family keeps the contract
            parts.append((base, 1 - strength))
        return NetMix(interpolate(parts), self._colors.at(strength))

    def _net(self, path: Path) -> Net | None:
        if path not in self._nets:
            try:
                model = onnx.load(path)
            # protobuf's errors share no base class below this one.
            except Exception as error:
                raise ModelError(f"{path} can't be read: {reason(error)}") from error
            card = card_of(metadata_of(model.metadata_props), path)
            net = read_net(model, card) if card is not None else None
            if net is None:
                return None
            self._nets[path] = net
        return self._nets[path]


class FeedForwardStyle:
    """Trained nets, their statistics taken once per shot and folded away.

    Args:
        files: the nets.
        mix: of ``files``, at the strength that is painted first.
        strength: that one.
        direct: the first file as it is; its device is used.
        options: how they run.
    """

    def __init__(
        self,
        files: NetFiles,
        mix: NetMix,
        strength: float,
        direct: DirectStyle,
        options: NetOptions,
    ) -> None:
        self._files = files
        self._mixes: dict[float, NetMix] = {strength: mix}
        self._options = options
        device = direct.info.device
        cores = options.threads or available_cores()
        workers = 1 if options.live or device != "cpu" else min(cores, MAX_WORKERS)
        card = mix.net.card
        self.info = StyleInfo(
            files.name,
            card.kind,
            device,
            planar=mix.planar,
            per_shot=True,
            canvas=card.canvas > 0,
            scale=options.scale,
            parts=device == "cpu",
            max_workers=workers,
        )

        def opens(model: bytes, shapes: dict[str, tuple[int, ...]]) -> Any:
            session, _ = open_session(model, device, max(1, cores // workers), recorded=True)
            return BoundSession(session, shapes) if device == "cuda" else session

        def measures(model: bytes, shapes: dict[str, tuple[int, ...]]) -> Any:
            return open_session(model, device, cores, in_order=True)[0]

        precision = precision_on(device, options.precision)
        self._compiler = NetCompiler(opens, measures, precision, options.scale, options.tile)

    def compile(self, shot: Sequence[Frame], strength: float = 1.0) -> NetShot:
        """See ``Style.compile``."""
        mix, opacity = self._mix_at(strength)
        moments = self.measure_mix(shot, mix)
        return self.compile_mix(shot[0], mix, moments, opacity)

    def measure_mix(self, shot: Sequence[Frame], mix: NetMix, quickly: bool = False) -> Moments:
        """The statistics of any net on frames of a shot.

        Args:
            shot: one or more of its frames.
            mix: the net.
            quickly: on fewer pixels.
        """
        most = QUICKLY_MEASURED_PIXELS if quickly else self._options.measured_pixels
        with failures_in_one_line(self.info, shot[0], _SMALLER):
            return self._compiler.measure(shot, mix, most)

    def compile_mix(
        self, frame: Frame, mix: NetMix, moments: Moments, opacity: float = 1.0
    ) -> NetShot:
        """Any net, compiled for a shot.

        Args:
            frame: of the shot.
            mix: the net.
            moments: its statistics on the shot.
            opacity: see ``ShotStyle.opacity``.
        """
        with failures_in_one_line(self.info, frame, _SMALLER):
            return self._shot(frame.source, mix, moments, opacity)

    def _mix_at(self, strength: float) -> tuple[NetMix, float]:
        """The mixture at a strength, and what is left for a fade."""
        if strength == 0:  # the base gives the source back, but not to the bit
            return self._mix_at(1.0)[0], 0.0
        if strength not in self._mixes:
            with suppress(ModelError):  # there is no base: the whole style, faded
                self._mixes[strength] = self._files.mix(strength) or self._whole
            if strength not in self._mixes:
                return self._whole, strength
        return self._mixes[strength], 1.0

    @property
    def _whole(self) -> NetMix:
        if 1.0 not in self._mixes:
            mix = self._files.mix()
            assert mix is not None  # it was compiled before
            self._mixes[1.0] = mix
        return self._mixes[1.0]

    def adapt(self, frame: Frame, shot: NetShot, weight: float) -> NetShot:
        """See ``ShotStyle.adapt``."""
        now = self.measure_mix([frame], shot.mix, quickly=True)
        moments = Moments.mean([shot.moments, now], [1 - weight, weight])
        return self.compile_mix(frame, shot.mix, moments, shot.opacity)

    def mixed(self, frame: Frame, shot: NetShot, other: NetShot, weight: float) -> NetShot:
        """See ``ShotStyle.mixed``."""
        moments = Moments.mean([shot.moments, other.moments], [1 - weight, weight])
        return self.compile_mix(frame, shot.mix, moments, shot.opacity)

    def compile_windows(self, picture: Picture, shot: NetShot, window: Window) -> CompiledNet:
        """See ``NetShot.for_windows``."""
        return self._compiler.compile(picture, shot.mix, shot.moments, window)

    def _shot(self, picture: Picture, mix: NetMix, moments: Moments, opacity: float) -> NetShot:
        return NetShot(self, mix, moments, self._compiler.compile(picture, mix, moments), opacity)


@dataclass(frozen=True, eq=False)
class NetShot:
    """A net with the statistics of a shot; see ``ShotStyle``."""

    style: FeedForwardStyle
    mix: NetMix
    moments: Moments
    net: CompiledNet
    opacity: float
    _windows: dict[Window, CompiledNet] = field(default_factory=dict[Window, CompiledNet])

    def paint(self, frame: Frame, state: TemporalState | None = None) -> Picture:
        """See ``ShotStyle.paint``."""
        with self.failures(frame):
            return self.net.paint(frame.source, frame.canvas)

    def failures(self, frame: Frame) -> AbstractContextManager[None]:
        """Turn the net's failure on a frame into one line."""
        return failures_in_one_line(self.style.info, frame, _SMALLER)

    def adapt(self, frame: Frame, weight: float) -> NetShot:
        """See ``ShotStyle.adapt``."""
        return self.style.adapt(frame, self, weight)

    def mixed(self, other: NetShot, weight: float, frame: Frame) -> NetShot:
        """See ``ShotStyle.mixed``."""
        return self.style.mixed(frame, self, other, weight)

    def for_windows(self, picture: Picture, window: Window) -> CompiledNet:
        """The net for square parts of pictures like this one: made once, when it is first needed.

        Args:
            picture: any that it paints.
            window: the part.
        """
        if window not in self._windows:
            self._windows[window] = self.style.compile_windows(picture, self, window)
        return self._windows[window]


def agrees(mix: NetMix, direct: DirectStyle) -> bool:
    """Whether a net, as it was read from its file, paints what the file itself does.

    A graph may hold what the reader passed over; then it is played as it is.
    """
    net = replace(mix.net, deviations={})  # usual statistics are no part of the file's graph
    picture = _test_picture()
    frame = Frame(picture, 0, Fraction(1))

    def opened(model: bytes, shapes: dict[str, tuple[int, ...]]) -> Any:
        return open_session(model, "cpu", 1)[0]

    try:
        compiler, one = NetCompiler(opened, opened, "float"), NetMix(net)
        compiled = compiler.compile(picture, one, compiler.measure([frame], one, MEASURED_PIXELS))
        expected = direct.paint_rgb(picture)
        difference = as_rgb(compiled.paint(picture)).astype(int) - expected
    # Whatever fails here, ONNX Runtime or numpy, the graph was not understood.
    except Exception:  # noqa: BLE001
        return False
    return float(np.abs(difference).mean()) < _AGREEMENT


def _test_picture() -> Rgb:
    """Waves of each colour, (64, 96, 3)."""
    y, x = np.mgrid[0:64, 0:96]
    waves = [128 + 100 * np.sin(x / (5 + c) + c) * np.cos(y / (9 - c)) for c in range(3)]
    return np.stack(waves, axis=-1).astype(np.uint8)

"""Play a style over frames: one net or a mixture, bytes in and bytes out."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
import onnxruntime

from ..core.concurrency import available_cores, ordered_map
from ..core.errors import ModelError, StylizeError, reason
from ..core.frame import Frame, Memory, Rgb, as_rgb
from ..nets.contract import MEMORY, VERSION, ModelCard
from ..nets.graph import Net, interpolate, read_net
from ..nets.quantize import precision_on
from ..nets.session import BoundSession, open_session
from ..temporal.consistency import Recurrent
from .compiled import NetCompiler, NetMix
from .direct import ContractPainter, ForeignFormat, ForeignPainter
from .per_shot import SOME, Plays, Whole
from .zoo import find_base

log = logging.getLogger(__name__)

# On a CPU, frames side by side on a core each are quicker than one frame on all of them: nobody
# waits for the others at every operator. Each holds its own activations, hence the bound.
_MOST_WORKERS = 4

Mixture = Sequence[tuple[Path, float]]
"""Style files and their shares, which sum to 1."""


@dataclass(frozen=True)
class Playing:
    """How a style is played, whichever it is."""

    foreign: ForeignFormat | None = None
    """How to feed a net that does not keep the contract."""
    statistics: str = "shot"
    """``shot``: a net's norms are taken once per shot and folded away, where it can be done;
    ``frame``: anew in every frame, as the file has them."""
    precision: str = "auto"
    """``float``, ``half`` or ``int8``; ``auto``: see ``precision_on``. Of nets bound to shots."""
    strength: float = 1.0
    """0..1, of the style against its family's base, which gives the picture back."""
    match_colors: bool = False
    """Bring the mean and spread of the colours to the source's."""
    scale: float | None = None
    """Size of the strokes, of that at 720 lines; ``None``: as the frame's size has them."""
    tile: int = 0
    """Longest side of what is painted at once, px; 0: the whole."""
    alone: bool = False
    """Frames come one at a time, and each gets all cores: live."""


class Painter(Protocol):
    """Anything that repaints a picture at its own size."""

    def paint(self, rgb: Rgb, memory: Memory | None = None) -> Rgb:
        """The picture in the style; the same shape. Only a recurrent net reads ``memory``."""
        ...


class FeedForwardStyle:
    """A style, loaded: nets of ours by contract, or a foreign one through an adapter.

    Args:
        style: the ONNX file, or several of one family with their shares.
        device: see ``device.open_session``.
        threads: likewise.
        playing: how it is played.

    Raises:
        ModelError: a file is not ONNX, or no style model; or it can't be mixed.
        DeviceError: the device can't be had.
    """

    still = False
    """See ``grade.LutStyle``."""

    def __init__(
        self,
        style: Path | Mixture,
        device: str = "auto",
        threads: int = 0,
        playing: Playing | None = None,
    ) -> None:
        self._playing = playing = playing or Playing()
        mixture = [(style, 1.0)] if isinstance(style, Path) else list(style)
        cores = threads or available_cores()
        workers = min(cores, _MOST_WORKERS)
        path = mixture[0][0]
        session, self.device = _opened(path, device, max(1, cores // workers))
        card = _card(path, session)
        self.card = card or ModelCard(name=path.stem, kind="foreign")
        self.recurrent = {i.name for i in session.get_inputs()} >= set(MEMORY)
        many = self.device == "cpu" and not self.recurrent and not playing.alone
        self.workers = workers if many else 1
        if self.recurrent:  # a frame waits for the one before, so each gets all cores
            session, self.device = _opened(path, device, threads)
        painter: Painter = (
            ContractPainter(session, path)
            if card is not None
            else ForeignPainter(session, path, playing.foreign or ForeignFormat())
        )
        self._mixture: Mixture = mixture
        self._wished: tuple[float, NetMix] | None = None
        self._nets: dict[Path, Net] = {}
        self._binder: NetCompiler | None = None
        wanted = card is not None and playing.statistics == "shot" and not self.recurrent
        choice = self._chosen(mixture, playing.strength) if wanted else None
        self._painter: Painter | None = None
        if choice is not None and _agree(choice, painter, mixture):
            self._binder = self._bind(choice, cores)
            self.card = replace(self.card, name=_name(mixture, self._nets))
        else:
            self._painter = painter
            self._refuse_what_needs_binding(mixture)

    @property
    def binds(self) -> bool:
        """Its statistics are taken per shot, so it needs to know where one begins."""
        return self._binder is not None

    @property
    def planar(self) -> bool:
        """It takes and gives a video's own planes, if its frames come as such."""
        return self._binder is not None and self._binder.choice.planar

    @property
    def fades(self) -> bool:
        """Its strength is no part of the net: what it paints is to be faded with the source."""
        return self._binder is None or self._playing.strength == 0

    def paint(self, rgb: Rgb, memory: Memory | None = None) -> Rgb:
        """The picture in the style, as a shot of its own; the same shape.

        Args:
            rgb: the picture.
            memory: what a recurrent net is told of the frame before; others do not read it.

        Raises:
            ModelError: the net failed: not enough memory for this size, most often.
        """
        with self._failing(rgb.shape):
            if self._painter is not None:
                return self._painter.paint(rgb, memory)
            assert self._binder is not None  # it has one or the other
            choice = self._binder.choice
            shot = self._binder.shot_of(Frame(rgb, 0, Fraction(1)), choice)
            return as_rgb(shot.paint(rgb))

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        """The stage: every frame repainted, in order."""
        if self._binder is None:
            yield from ordered_map(self._repaint, frames, self.workers)
        else:
            yield from ordered_map(self.play, self.bound(frames), self.workers)

    def shot_of(self, frame: Frame, strength: float = 1.0) -> tuple[Plays, float]:
        """See ``Paints.shot_of``."""
        if self._binder is None:
            return (Recurrent if self.recurrent else Whole)(self.paint), strength
        with self._failing(frame.picture.shape):
            if self._wished is None or self._wished[0] != strength:
                self._wished = (strength, self._at(strength))
            choice = self._wished[1]
            left = strength if choice is self._binder.choice else 1.0
            return self._binder.shot_of(frame, choice, SOME), left

    def _at(self, strength: float) -> NetMix:
        """What paints at a strength; the whole style where its family has no base."""
        assert self._binder is not None
        if 0 < strength < 1:
            with suppress(ModelError):
                return self._chosen(self._mixture, strength) or self._binder.choice
        return self._binder.choice

    def restyle(self, style: Mixture, strength: float = 1.0) -> None:
        """Paint in another style from the next frame on; from any thread, while ``run`` runs.

        Raises:
            ModelError: the styles can't be mixed, or this one can't be changed.
        """
        if self._binder is None:
            raise ModelError(f"{self.card.name} ({self.card.kind}) can't be changed while it plays")
        choice = self._chosen(style, strength)
        if choice is None or choice.planar != self._binder.choice.planar:
            raise ModelError(f"{style[0][0].stem} can't follow {self.card.name}: its net differs")
        self._binder.choice, self._mixture, self._wished = choice, style, None
        self.card = replace(choice.net.card, name=_name(style, self._nets))

    def _repaint(self, frame: Frame) -> Frame:
        return replace(frame, picture=self.paint(frame.rgb))

    def bound(self, frames: Iterable[Frame]) -> Generator[tuple[Frame, Plays]]:
        """The first half of ``run``: every frame with what plays its shot.

        Raises:
            ModelError: this style is not bound to shots.
        """
        if self._binder is None:
            raise ModelError(f"{self.card.name} ({self.card.kind}) takes every frame by itself")
        yield from self._binder.follow(frames)

    def play(self, bound: tuple[Frame, Plays]) -> Frame:
        """The second half: the frame repainted. May be called side by side."""
        frame, player = bound
        with self._failing(frame.picture.shape):
            return replace(frame, picture=player.paint(frame.picture))

    def _refuse_what_needs_binding(self, mixture: Mixture) -> None:
        playing = self._playing
        asked = {
            "mixing": len(mixture) > 1,
            "--style-scale": playing.scale is not None,
            "--tile": playing.tile > 0,
            "--preserve-color match": playing.match_colors,
        }
        wanted = [name for name, is_asked in asked.items() if is_asked]
        if wanted and playing.statistics == "frame":
            raise ModelError(f"{wanted[0]} needs --statistics shot")
        if wanted:
            raise ModelError(
                f"{self.card.name} ({self.card.kind}) has no {wanted[0]}: its net is not one whose "
                "statistics can be taken per shot"
            )

    def _chosen(self, mixture: Mixture, strength: float) -> NetMix | None:
        """What the mixture paints with; ``None`` where a net can't be bound."""
        parts: list[tuple[Net, float]] = []
        for path, share in mixture:
            net = self._net(path)
            if net is None and len(mixture) > 1:
                raise ModelError(
                    f"{path.stem} can't be mixed: only nets of convolutions and norms, trained "
                    "from one base (train --base), can"
                )
            if net is None:
                return None
            parts.append((net, share * strength))
        if strength < 1:
            base = self._net(find_base(parts[0][0].card.family, mixture[0][0]))
            assert base is not None  # it was found by what it says of itself
            parts.append((base, 1 - strength))
        tone = 1.0 if self._playing.match_colors else 1 - strength
        return NetMix(interpolate(parts), tone)

    def _net(self, path: Path) -> Net | None:
        if path not in self._nets:
            try:
                model = onnx.load(path)
            # protobuf's errors share no base class below this one.
            except Exception as error:
                raise ModelError(f"{path} can't be read: {reason(error)}") from error
            card = _card_of({p.key: p.value for p in model.metadata_props}, path)
            net = read_net(model, card) if card is not None else None
            if net is None:
                return None
            self._nets[path] = net
        return self._nets[path]

    def _bind(self, choice: NetMix, cores: int) -> NetCompiler:
        playing = self._playing

        def plays(model: bytes, shapes: dict[str, tuple[int, ...]]) -> Any:
            each = max(1, cores // self.workers)
            session, _ = open_session(model, self.device, each, recorded=True)
            return BoundSession(session, shapes) if self.device == "cuda" else session

        def measures(model: bytes, shapes: dict[str, tuple[int, ...]]) -> Any:
            return open_session(model, self.device, cores, low_memory=True)[0]

        precision = precision_on(self.device, playing.precision)
        return NetCompiler(
            choice, plays, measures, precision, playing.scale, playing.tile, self._failing
        )

    @contextmanager
    def _failing(self, shape: tuple[int, ...]) -> Generator[None]:
        """Turn a net's failure into one line."""
        try:
            yield
        except ModelError as error:
            raise ModelError(f"{self.card.name}: {error}") from error
        except StylizeError:
            raise
        # ONNX Runtime's errors share no base class below this one.
        except Exception as error:
            instead = "--tile 1024 or a smaller --size" if self.binds else "a smaller --size"
            raise ModelError(
                f"{self.card.name} failed on {self.device} at {shape[1]}x{shape[0]}: "
                f"{reason(error)}; try {instead}"
            ) from error


def _agree(choice: NetMix, painter: Painter, mixture: Mixture) -> bool:
    """Whether a file's net, as it was read, paints what the file itself does.

    A graph may hold what the reader passed over; then it is played as it is.
    """
    if len(mixture) > 1 or choice.tone:
        return True
    net = replace(choice.net, deviations={})  # what is usual is no part of the file's graph
    y, x = np.mgrid[0:64, 0:96]
    waves = [128 + 100 * np.sin(x / (5 + c) + c) * np.cos(y / (9 - c)) for c in range(3)]
    picture = np.stack(waves, axis=-1).astype(np.uint8)

    def opened(model: bytes, shapes: dict[str, tuple[int, ...]]) -> Any:
        return open_session(model, "cpu", 1)[0]

    try:
        bound = NetCompiler(NetMix(net), opened, opened, "float")
        player = bound.player(picture, bound.choice, bound.measure([picture], bound.choice))
        difference = as_rgb(player.paint(picture)).astype(int) - painter.paint(picture)
    # Whatever fails here, ONNX Runtime or numpy, the graph was not understood.
    except Exception:  # noqa: BLE001
        return False
    return float(np.abs(difference).mean()) < 1


def _opened(path: Path, device: str, threads: int) -> tuple[onnxruntime.InferenceSession, str]:
    if not path.is_file():
        raise ModelError(f"style model {path} does not exist")
    try:
        return open_session(path, device, threads)
    except ModelError as error:
        raise ModelError(f"{path} is not an ONNX file that can be read: {error}") from error


def _card(path: Path, session: onnxruntime.InferenceSession) -> ModelCard | None:
    return _card_of(session.get_modelmeta().custom_metadata_map, path)


def _card_of(metadata: dict[str, str], path: Path) -> ModelCard | None:
    try:
        card = ModelCard.from_metadata(metadata)
    except ValueError as error:
        raise ModelError(f"{path} is no style model of this contract: {error}") from error
    if card is not None and card.contract > VERSION:
        raise ModelError(
            f"{path} keeps contract {card.contract}, this program knows {VERSION}; "
            "update it: pip install -U stylize-video"
        )
    return card


def _name(mixture: Mixture, nets: dict[Path, Net]) -> str:
    """What is shown of a mixture: its styles and their shares."""
    if len(mixture) == 1:
        return nets[mixture[0][0]].card.name
    return " ".join(f"{nets[path].card.name}:{share:.2g}" for path, share in mixture)

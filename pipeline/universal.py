"""Any picture as a style: a method's two files, prepared once per style and once per shot.

What they hold, ``export/universal.py`` and ``export/styleswap.py`` say. The portrait of a style and
the maps of a shot are plain arrays by name; a frame is painted by ``apply`` and the maps of its
shot alone. Maps are whatever ``apply`` asks for. A prepare file with an input ``content`` finds
them for every shot; without one, they are the portrait itself and the strength.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.utils import Extractor

from .contract import INPUT, OUTPUT, ModelCard
from .device import available_cores, open_session
from .errors import ModelError, StylizeError, reason
from .follow import ENOUGH, Failing, Follower, Plays
from .frame import Frame, Rgb
from .inputs import open_source
from .prefetch import ordered_map
from .resize import at_size, restored, work_size
from .yuv import Picture, as_rgb

Arrays = Mapping[str, NDArray[Any]]
"""By name: a portrait (``mean.SITE``, ``root.SITE``, ``weight.SITE``; or ``patches``), or maps
(``matrix.SITE``, ``shift.SITE``; or ``patches``, ``strength``); the first axis of each is the
label."""

Labels = NDArray[np.uint8]
"""(H, W, K): how much of each label lies at each pixel; a pixel's shares are compared alone."""

_SHOT = "content"
"""The input with which the half of ``prepare`` begins that hears a shot, if there is one."""
MOST_PATCHES = 4096
"""Of all styles together: the correlations with them all are held at once."""
_ONCE = 300_000
"""Pixels that are measured of a picture: the features of the first level are sixteen times it."""


@dataclass(frozen=True, eq=False)
class Look:
    """What is painted with."""

    portrait: Arrays
    strength: float = 1.0


class Method:
    """A method's two files, opened.

    Args:
        prepare: ``NAME.prepare.onnx``.
        open_session: a model's bytes → a session.
        apply: the other file; ``NAME.apply.onnx`` beside it, if it is not named.

    Raises:
        ModelError: a file is missing, or is not such a file.
    """

    def __init__(self, prepare: Path, open_session: Any, apply: Path | None = None) -> None:
        apply = apply or prepare.with_name(prepare.name.replace(".prepare.", ".apply."))
        graph, self.apply = _loaded(prepare), _loaded(apply)
        self.card = _card(graph, prepare)
        self._open = open_session
        self._sessions: dict[str, Any] = {}
        self._asked = [port.name for port in self.apply.graph.input if port.name != INPUT]
        try:
            self._portrait, self._maps = _halves(graph, self._asked)
        except (ValueError, onnx.checker.ValidationError) as error:
            raise ModelError(f"{prepare} is no prepare file: {reason(error)}") from error

    def portrait(self, style: Rgb, labels: Labels | None = None) -> Arrays:
        """A style picture (H, W, 3), once for all frames; labels, where the method knows any."""
        fed = {"style": style[None], "style_labels": _labels(labels, style)[None]}
        return self._run("portrait", self._portrait, fed)

    def maps(self, frames: Sequence[Rgb], look: Look, labels: Sequence[Labels | None]) -> Arrays:
        """Of a shot, from frames of one size."""
        strength = np.array(look.strength, np.float32)
        if self._maps is None:
            known = {**look.portrait, "strength": strength[None]}
            return {name: known[name] for name in self._asked}
        told = [_labels(given, frame) for given, frame in zip(labels, frames, strict=True)]
        fed = {
            _SHOT: np.stack(frames),
            "content_labels": np.stack(told),
            "strength": strength,
        }
        fed |= {f"style.{name}": values for name, values in look.portrait.items()}
        return self._run("maps", self._maps, fed)

    def _run(self, name: str, model: onnx.ModelProto, fed: dict[str, Any]) -> Arrays:
        if name not in self._sessions:
            self._sessions[name] = self._open(model.SerializeToString())
        session = self._sessions[name]
        names = [port.name for port in session.get_outputs()]
        heard = {port.name: fed[port.name] for port in model.graph.input}
        return dict(zip(names, session.run(names, heard), strict=True))


def _halves(
    prepare: onnx.ModelProto, asked: Sequence[str]
) -> tuple[onnx.ModelProto, onnx.ModelProto | None]:
    """What gives a portrait, and what gives the maps that ``asked`` names, if a shot is heard.

    Raises:
        ValueError: it is no such graph.
    """
    inputs = [port.name for port in prepare.graph.input]
    outputs = [port.name for port in prepare.graph.output]
    if "style" not in inputs:
        raise ValueError("it has no input 'style'")
    unknown = {*asked} - {*outputs, "strength"}
    if unknown:
        raise ValueError(f"it gives no '{min(unknown)}', for which the apply file asks")
    extracted = Extractor(prepare).extract_model
    if _SHOT not in inputs:
        return extracted(inputs, outputs), None
    split = inputs.index(_SHOT)
    told = [name for name in outputs if name not in asked]
    found = [name for name in outputs if name in asked]
    return extracted(inputs[:split], told), extracted(inputs[split:], found)


def mixed(portraits: Sequence[Arrays], shares: Sequence[float]) -> Arrays:
    """Between several styles; shares sum to 1."""
    return {
        name: _MIXED.get(name.partition(".")[0], _between)([p[name] for p in portraits], shares)
        for name in portraits[0]
    }


def _between(parts: Sequence[NDArray[Any]], shares: Sequence[float]) -> NDArray[Any]:
    total = np.sum([s * part for s, part in zip(shares, parts, strict=True)], axis=0)
    return total.astype(np.float32)


def _least(parts: Sequence[NDArray[Any]], shares: Sequence[float]) -> NDArray[Any]:
    return np.min(parts, axis=0)


def _together(parts: Sequence[NDArray[Any]], shares: Sequence[float]) -> NDArray[Any]:
    """Patches (1, P, C, k, k), of each picture as many as its share is, evenly spaced.

    There is nothing between two patches; what can be mixed is how many there are to choose from.
    """
    count = min(MOST_PATCHES, *(p.shape[1] / s for p, s in zip(parts, shares, strict=True)))
    picked = [
        part[:, np.linspace(0, part.shape[1] - 1, max(1, round(share * count))).astype(int)]
        for part, share in zip(parts, shares, strict=True)
    ]
    return np.concatenate(picked, axis=1)


_MIXED: Mapping[str, Callable[[Sequence[NDArray[Any]], Sequence[float]], NDArray[Any]]] = {
    "weight": _least,
    "patches": _together,
}
"""What of a portrait is mixed otherwise than by weights."""


@dataclass(frozen=True)
class UniversalPlayer:
    """``apply``, with the maps of a shot."""

    session: Any
    maps: Arrays
    scale: float | None = None
    most_pixels: int = 0

    def paint(self, picture: Picture) -> Picture:
        """The picture in the style, in RGB; the same size."""
        rgb = as_rgb(picture)
        size = work_size(rgb.shape[0], rgb.shape[1], self.scale, self.most_pixels)
        small = at_size(rgb, size)
        fed = {INPUT: as_rgb(small)[None]}
        fed |= {name: np.asarray(values[0]) for name, values in self.maps.items()}
        painted = self.session.run([OUTPUT], fed)[0][0]
        return restored(painted, rgb, small)


class UniversalBinder(Follower[Look, Arrays]):
    """Binds a method to shots: their statistics are taken once, so that nothing pumps.

    Args:
        method: its files.
        look: the style.
        open_session: a model's bytes → what plays it.
        scale: see ``resize.work_size``.
        failing: see ``Follower``.
    """

    def __init__(
        self,
        method: Method,
        look: Look,
        open_session: Any,
        scale: float | None = None,
        failing: Failing | None = None,
    ) -> None:
        super().__init__(look, failing)
        self._method = method
        self._scale = scale
        self._session = open_session(method.apply.SerializeToString())

    def measure(self, pictures: Sequence[Picture], choice: Look, most: int = ENOUGH) -> Arrays:
        """See ``Follower.measure``."""
        frames = [_reduced(as_rgb(p), self._scale, min(most, _ONCE)) for p in pictures]
        return self._method.maps(frames, choice, [None] * len(frames))

    def player(self, picture: Picture, choice: Look, found: Arrays) -> UniversalPlayer:
        """See ``Follower.player``."""
        return UniversalPlayer(self._session, found, self._scale, self._method.card.most_pixels)

    def between(self, known: Arrays, found: Arrays, share: float) -> Arrays:
        """See ``Follower.between``."""
        return {name: (1 - share) * known[name] + share * found[name] for name in known}


def _reduced(rgb: Rgb, scale: float | None, most: int) -> Rgb:
    """As it will be painted, or smaller."""
    height, width = work_size(rgb.shape[0], rgb.shape[1], scale)
    share = min(1.0, (most / (height * width)) ** 0.5)
    size = max(1, round(height * share)), max(1, round(width * share))
    return as_rgb(at_size(rgb, size))


def _labels(labels: Labels | None, picture: Rgb) -> Labels:
    """Of the picture's size; one label where none are given."""
    height, width = picture.shape[:2]
    if labels is None:
        return np.full((height, width, 1), 255, np.uint8)
    resized = cv2.resize(labels, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8).reshape(height, width, -1)


def _card(model: onnx.ModelProto, path: Path) -> ModelCard:
    try:
        card = ModelCard.from_metadata({p.key: p.value for p in model.metadata_props})
    except ValueError as error:
        raise ModelError(f"{path}: {reason(error)}") from error
    return card or ModelCard(name=path.stem, kind="")


def _loaded(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(path)
    except FileNotFoundError as error:
        raise ModelError(f"{path} does not exist; a method's two files lie side by side") from error
    except Exception as error:
        raise ModelError(f"{path} can't be read: {reason(error)}") from error


_MOST_WORKERS = 4


class UniversalStylizer:
    """Pictures as a style, played over frames: what ``Stylizer`` is for trained nets.

    Args:
        prepare: the method's ``NAME.prepare.onnx``.
        styles: pictures and their shares, which sum to 1.
        strength: 0..1, inside the method: of its maps, against the features as they are.
        device: see ``device.open_session``.
        threads: likewise.
        scale: see ``resize.work_size``.

    Raises:
        ModelError: a file is missing or no such file.
        SourceError: a picture can't be read.
        DeviceError: the device can't be had.
    """

    binds = True
    planar = False
    fades = False
    recurrent = False

    def __init__(
        self,
        prepare: Path,
        styles: Sequence[tuple[Path, float]],
        strength: float = 1.0,
        device: str = "auto",
        threads: int = 0,
        scale: float | None = None,
    ) -> None:
        cores = threads or available_cores()
        self.workers = min(cores, _MOST_WORKERS)
        name = " ".join(path.stem for path, _ in styles)
        self.card = ModelCard(name=name, kind=prepare.name.partition(".")[0])
        self.device = device

        def prepares(model: bytes) -> Any:
            return open_session(model, self.device, cores, lean=True)[0]

        def plays(model: bytes) -> Any:
            session, self.device = open_session(model, device, max(1, cores // self.workers))
            return session

        method = Method(prepare, prepares)
        with self._failing((0, 0)):
            size = method.card.style_size
            heard = [method.portrait(_style_picture(path, size)) for path, _ in styles]
            look = Look(mixed(heard, [share for _, share in styles]), strength)
            self._binder = UniversalBinder(method, look, plays, scale, self._failing)

    def paint(self, rgb: Rgb, memory: object = None) -> Rgb:
        """The picture in the style, as a shot of its own; the same shape."""
        binder = self._binder
        with self._failing(rgb.shape):
            player = binder.player(rgb, binder.choice, binder.measure([rgb], binder.choice))
            return as_rgb(player.paint(rgb))

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        """The stage: every frame repainted, in order."""
        yield from ordered_map(self.play, self.bound(frames), self.workers)

    def bound(self, frames: Iterable[Frame]) -> Generator[tuple[Frame, Plays]]:
        """The first half of ``run``: every frame with what plays its shot."""
        yield from self._binder.follow(frames)

    def play(self, bound: tuple[Frame, Plays]) -> Frame:
        """The second half: the frame repainted. May be called side by side."""
        frame, player = bound
        with self._failing(frame.picture.shape):
            return replace(frame, picture=player.paint(frame.picture))

    @contextmanager
    def _failing(self, shape: tuple[int, ...]) -> Generator[None]:
        """Turn a failure into one line."""
        try:
            yield
        except StylizeError:
            raise
        # ONNX Runtime's errors share no base class below this one.
        except Exception as error:
            raise ModelError(
                f"{self.card.kind} failed on {self.device} at {shape[1]}x{shape[0]}: "
                f"{reason(error)}; try a smaller --size"
            ) from error


def _style_picture(path: Path, size: int) -> Rgb:
    """A picture with its short side at ``size``; a smaller one as it is."""
    rgb = next(iter(open_source(str(path)).frames())).rgb
    height, width = rgb.shape[:2]
    share = min(1.0, size / min(height, width))
    return as_rgb(at_size(rgb, (round(height * share), round(width * share))))

"""Any picture as a style: a method's two files, prepared once per style and once per shot.

What they hold, ``export/universal.py`` says. The portrait of a style and the maps of a shot are
plain arrays by name; a frame is painted by ``apply`` and the maps of its shot alone.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.utils import Extractor

from .beside import Beside
from .contract import INPUT, OUTPUT, ModelCard
from .device import available_cores, open_session
from .errors import ModelError, StylizeError, reason
from .follow import ENOUGH, Failing, Follower, Plays
from .frame import Frame, Rgb
from .inputs import open_source
from .labels import LABELS, with_labels
from .photo import Smooth, finished, photo_size
from .prefetch import closing_source, ordered_map
from .resize import at_size, restored, work_size
from .segments import Labels, labelled, palette, with_segments
from .tiles import stretches
from .yuv import Picture, as_rgb

Arrays = Mapping[str, NDArray[Any]]
"""By name: a portrait (``mean.SITE``, ``root.SITE``, ``weight.SITE``), or maps (``matrix.SITE``,
``shift.SITE``); the first axis of each is the label."""

_PORTRAIT = ("mean.", "root.", "weight.")
_MAPS = ("matrix.", "shift.")
_WHOLE, _TILE = 4_000_000, 1024  # pixels that are painted at once, and the side of parts otherwise
_ONCE = 300_000
"""Pixels that are measured of a picture: the features of the first level are sixteen times it."""


Shares = NDArray[np.float32]
"""(H, W, K), sum 1: labels as ``apply`` takes them."""

Seen = tuple[Rgb, Labels | None]
"""A frame and its labels."""


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
        graph = _loaded(prepare)
        inputs = [port.name for port in graph.graph.input]
        outputs = [port.name for port in graph.graph.output]
        try:
            split = inputs.index("content")
            halves = Extractor(graph)
            told = [name for name in outputs if name.startswith(_PORTRAIT)]
            asked = [name for name in outputs if name.startswith(_MAPS)]
            self._portrait = halves.extract_model(inputs[:split], told)
            self._maps = halves.extract_model(inputs[split:], asked)
        except (ValueError, onnx.checker.ValidationError) as error:
            raise ModelError(f"{prepare} is no prepare file: {reason(error)}") from error
        self._open = open_session
        self._sessions: dict[str, Any] = {}
        self.apply = _loaded(apply)
        told = {prop.key: prop.value for prop in self.apply.metadata_props}
        try:
            self.card = ModelCard.from_metadata(told) or ModelCard("", "")
            self.scales: dict[str, int] = json.loads(self.card.sites or "{}")
        except ValueError as error:
            raise ModelError(f"{apply}: {reason(error)}") from error

    def portrait(self, style: Rgb, labels: Labels | None = None) -> Arrays:
        """A style picture (H, W, 3), once for all frames."""
        fed = {"style": style[None], "style_labels": _labels(labels, style)[None]}
        return self._run("portrait", self._portrait, fed)

    def maps(self, frames: Sequence[Seen], look: Look) -> Arrays:
        """Of a shot, from frames of one size."""
        told = [_labels(labels, rgb) for rgb, labels in frames]
        fed = {
            "content": np.stack([rgb for rgb, _ in frames]),
            "content_labels": np.stack(told),
            "strength": np.array(look.strength, np.float32),
        }
        fed |= {f"style.{name}": values for name, values in look.portrait.items()}
        return self._run("maps", self._maps, fed)

    def _run(self, name: str, model: onnx.ModelProto, fed: dict[str, Any]) -> Arrays:
        if name not in self._sessions:
            self._sessions[name] = self._open(model.SerializeToString())
        session = self._sessions[name]
        names = [port.name for port in session.get_outputs()]
        return dict(zip(names, session.run(names, fed), strict=True))


def mixed(portraits: Sequence[Arrays], shares: Sequence[float]) -> Arrays:
    """Between several styles; shares sum to 1."""
    return {
        name: np.min([p[name] for p in portraits], axis=0)
        if name.startswith("weight.")
        else np.sum([s * p[name] for s, p in zip(shares, portraits, strict=True)], axis=0).astype(
            np.float32
        )
        for name in portraits[0]
    }


@dataclass(frozen=True)
class Painting:
    """At what size frames are painted, and how the result is brought to theirs."""

    scale: float | None = None
    """See ``resize.work_size``; of a photograph, ``None`` is ``photo.LINES`` at most."""
    photo: bool = False
    """The result is a photograph: smoothed along the source's edges, carried to its size."""
    smooth: Smooth = "off"
    """How a photograph is smoothed."""
    tile: int = 0
    """Side of the parts that are painted, px; 0: the whole, up to ``_WHOLE``."""

    def reduced(self, rgb: Rgb) -> Rgb:
        """The frame as it is painted."""
        height, width = rgb.shape[:2]
        by_lines = self.photo and self.scale is None
        size = photo_size(height, width) if by_lines else work_size(height, width, self.scale)
        return as_rgb(at_size(rgb, size))

    def tile_of(self, rgb: Rgb, card: ModelCard) -> int:
        """Side of a part, a multiple of the method's; its middle is at least half of it."""
        side = self.tile or (_TILE if rgb.shape[0] * rgb.shape[1] > _WHOLE else max(rgb.shape[:2]))
        return max(4 * card.reach, side) // card.multiple * card.multiple or card.multiple

    def finished(self, painted: Rgb, small: Rgb, rgb: Rgb) -> Rgb:
        """The result, of the frame's size."""
        if self.photo:
            return finished(painted, small, rgb, self.smooth)
        return as_rgb(restored(painted, rgb, small))


@dataclass(frozen=True)
class UniversalPlayer:
    """``apply``, with the maps of a shot."""

    session: Any
    maps: Arrays
    card: ModelCard
    painting: Painting = Painting()

    def paint(self, picture: Picture, labels: Labels | None = None) -> Picture:
        """The picture in the style, in RGB; the same size."""
        rgb = as_rgb(picture)
        small = self.painting.reduced(rgb)
        shares = None if labels is None else _shares(_labels(labels, small))
        painted = self._painted(small, shares)
        return self.painting.finished(painted, small, rgb)

    def _painted(self, rgb: Rgb, shares: Shares | None) -> Rgb:
        """Part by part where the whole is too large; of each, the rim is its neighbours'."""
        height, width = rgb.shape[:2]
        rgb = _padded(rgb, self.card.multiple)
        shares = shares if shares is None else _padded(shares, self.card.multiple)
        tile = self.painting.tile_of(rgb, self.card)
        whole = np.empty_like(rgb)
        down, across = (stretches(side, min(side, tile), self.card.reach) for side in rgb.shape[:2])
        for (top, upper, lower), (left, begin, end) in product(down, across):
            part = slice(top, top + tile), slice(left, left + tile)
            shown = self._run(rgb[part], shares if shares is None else shares[part])
            whole[upper:lower, begin:end] = shown[
                upper - top : lower - top, begin - left : end - left
            ]
        return np.ascontiguousarray(whole[:height, :width])

    def _run(self, rgb: Rgb, shares: Shares | None) -> Rgb:
        fed: dict[str, NDArray[Any]] = {INPUT: rgb[None]}
        if shares is None:
            fed |= {name: maps[0] for name, maps in self.maps.items()}
        else:
            fed |= {**self.maps, LABELS: np.ascontiguousarray(np.moveaxis(shares, -1, 0)[None])}
        return self.session.run([OUTPUT], fed)[0][0]


class UniversalBinder(Follower[Look, Arrays, Seen]):
    """Binds a method to shots: their statistics are taken once, so that nothing pumps.

    Args:
        method: its files.
        look: the style.
        open_session: a model's bytes → what plays it.
        painting: at what size, and what is done with the result.
        labelled: every frame has labels.
        failing: see ``Follower``.
    """

    def __init__(
        self,
        method: Method,
        look: Look,
        open_session: Any,
        painting: Painting = Painting(),
        labelled: bool = False,
        failing: Failing | None = None,
    ) -> None:
        super().__init__(look, failing)
        self._method = method
        self._painting = painting
        model = with_labels(method.apply, method.scales) if labelled else method.apply
        self._session = open_session(model.SerializeToString())

    def seen(self, frame: Frame) -> Seen:
        """See ``Follower.seen``."""
        return as_rgb(frame.picture), frame.labels

    def measure(self, frames: Sequence[Seen], choice: Look, most: int = ENOUGH) -> Arrays:
        """See ``Follower.measure``."""
        most = min(most, _ONCE)
        reduced = [(_fewer(self._painting.reduced(rgb), most), told) for rgb, told in frames]
        return self._method.maps(reduced, choice)

    def player(self, picture: Picture, choice: Look, found: Arrays) -> UniversalPlayer:
        """See ``Follower.player``."""
        return UniversalPlayer(self._session, found, self._method.card, self._painting)

    def between(self, known: Arrays, found: Arrays, share: float) -> Arrays:
        """See ``Follower.between``."""
        return {name: (1 - share) * known[name] + share * found[name] for name in known}


def _fewer(rgb: Rgb, most: int) -> Rgb:
    """The picture, or a smaller one of so many pixels."""
    height, width = rgb.shape[:2]
    share = min(1.0, (most / (height * width)) ** 0.5)
    return as_rgb(at_size(rgb, (max(1, round(height * share)), max(1, round(width * share)))))


def _labels(labels: Labels | None, picture: Rgb) -> Labels:
    """Of the picture's size; one label where none are given."""
    height, width = picture.shape[:2]
    if labels is None:
        return np.full((height, width, 1), 255, np.uint8)
    resized = cv2.resize(labels, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8).reshape(height, width, -1)


def _shares(labels: Labels) -> Shares:
    x = labels.astype(np.float32)
    return x / np.maximum(x.sum(axis=-1, keepdims=True), 1)


def _padded(picture: Any, multiple: int) -> Any:
    """As ``apply`` would pad it: by its last row and column, to a multiple; to two at least."""
    total = (max(2, -(-side // multiple)) * multiple for side in picture.shape[:2])
    more = [(0, want - side) for want, side in zip(total, picture.shape[:2], strict=True)]
    return np.pad(picture, [*more, (0, 0)], mode="edge")


def _loaded(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(path)
    except FileNotFoundError as error:
        raise ModelError(f"{path} does not exist; a method's two files lie side by side") from error
    except Exception as error:
        raise ModelError(f"{path} can't be read: {reason(error)}") from error


STYLE_SIZE = 512
"""Short side at which a style picture is heard, px: larger gives larger strokes."""

PHOTOGRAPHIC = ("wct2", "photowct")
"""Methods whose result is a photograph."""

_MOST_WORKERS = 4


class UniversalStylizer:
    """Pictures as a style, played over frames: what ``Stylizer`` is for trained nets.

    Args:
        prepare: the method's ``NAME.prepare.onnx``.
        styles: pictures and their shares, which sum to 1.
        strength: 0..1, inside the method: of its maps, against the features as they are.
        device: see ``device.open_session``.
        threads: likewise.
        scale: see ``Painting``.
        smooth: how a photograph is smoothed; auto: as its method wants it.
        per_frame: statistics of every frame by itself, as the papers have them.
        tile: see ``Painting``.
        masks: the styles' segmentation masks, one each; their colours are labels.
        content_mask: that of the frames.

    Raises:
        ModelError: a file is missing or no such file.
        SourceError: a picture can't be read.
        SettingsError: the masks are none.
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
        smooth: Smooth | Literal["auto"] = "auto",
        per_frame: bool = False,
        tile: int = 0,
        masks: Sequence[Path] = (),
        content_mask: Beside | None = None,
    ) -> None:
        cores = threads or available_cores()
        self.workers = min(cores, _MOST_WORKERS)
        name = " ".join(path.stem for path, _ in styles)
        self.card = ModelCard(name=name, kind=prepare.name.partition(".")[0])
        self.device = device
        self._per_frame = per_frame

        def prepares(model: bytes) -> Any:
            return open_session(model, self.device, cores, lean=True)[0]

        def plays(model: bytes) -> Any:
            session, self.device = open_session(model, device, max(1, cores // self.workers))
            return session

        method = Method(prepare, prepares)
        with self._failing((0, 0)):
            pictures = [_first_picture(path) for path, _ in styles]
            self._masks, told = content_mask, [None] * len(pictures)
            if content_mask is not None:
                segments = [_first_picture(path) for path in masks]
                self._colours = palette([*segments, content_mask.now[1]])
                told = [labelled(segment, self._colours) for segment in segments]
            heard = [
                method.portrait(_at_style_size(picture), labels)
                for picture, labels in zip(pictures, told, strict=True)
            ]
            look = Look(mixed(heard, [share for _, share in styles]), strength)
            if smooth == "auto":
                smooth = "guided" if method.card.kind == "photowct" else "off"
            painting = Painting(scale, method.card.kind in PHOTOGRAPHIC, smooth, tile)
            masked = content_mask is not None
            self._binder = UniversalBinder(method, look, plays, painting, masked, self._failing)

    def paint(self, rgb: Rgb, memory: object = None) -> Rgb:
        """The picture in the style, as a shot of its own, without masks; the same shape."""
        binder = self._binder
        with self._failing(rgb.shape):
            found = binder.measure([(rgb, None)], binder.choice)
            return as_rgb(binder.player(rgb, binder.choice, found).paint(rgb))

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        """The stage: every frame repainted, in order."""
        if self._masks is not None:
            frames = with_segments(frames, self._masks, self._colours)
        yield from ordered_map(self.play, self.bound(frames), self.workers)

    def bound(self, frames: Iterable[Frame]) -> Generator[tuple[Frame, Plays]]:
        """The first half of ``run``: every frame with what plays its shot."""
        yield from self._alone(frames) if self._per_frame else self._binder.follow(frames)

    def _alone(self, frames: Iterable[Frame]) -> Generator[tuple[Frame, Plays]]:
        """Every frame as a shot of its own."""
        binder = self._binder
        with closing_source(frames):
            for frame in frames:
                with self._failing(frame.picture.shape):
                    found = binder.measure([binder.seen(frame)], binder.choice)
                    player = binder.player(frame.picture, binder.choice, found)
                yield frame, player

    def play(self, bound: tuple[Frame, Plays]) -> Frame:
        """The second half: the frame repainted. May be called side by side."""
        frame, player = bound
        assert isinstance(player, UniversalPlayer)  # of its own binder
        with self._failing(frame.picture.shape):
            picture = player.paint(frame.picture, frame.labels)
            return replace(frame, picture=picture, labels=None)

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


def _first_picture(path: Path) -> Rgb:
    return next(iter(open_source(str(path)).frames())).rgb


def _at_style_size(rgb: Rgb) -> Rgb:
    """A picture at ``STYLE_SIZE``; a smaller one as it is."""
    height, width = rgb.shape[:2]
    share = min(1.0, STYLE_SIZE / min(height, width))
    return as_rgb(at_size(rgb, (round(height * share), round(width * share))))

"""Any picture as a style, played over frames: bound to shots, in parts, at the size it needs."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from math import ceil
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import available_cores, closing_source, ordered_map
from ..core.errors import ModelError, StylizeError, reason
from ..core.frame import Frame, Picture, Rgb, as_rgb
from ..imaging.resize import resize_picture, restore_detail, tile_spans, work_size
from ..imaging.segmentation import Labels, fit_labels, label_pixels, palette
from ..media.aligned import AlignedPictures
from ..media.inputs import open_source
from ..nets.contract import INPUT, OUTPUT, ModelCard
from ..nets.rewrite import LABELS, with_labels, with_maps
from ..nets.session import open_session
from .masks import with_segments
from .per_shot import ENOUGH, SOME, Failing, Follower, Plays
from .photoreal import LINES, Smooth, finished, photo_size
from .universal_files import Arrays, Seen, StyleMix, UniversalFiles, mixed

Shares = NDArray[np.float32]
"""(H, W, K), sum 1: labels as ``apply`` takes them."""

PHOTOGRAPHIC = ("wct2", "photowct")
"""Methods whose result is a photograph."""

_WHOLE, _TILE = 4_000_000, 1024  # pixels that are painted at once, and the side of parts otherwise
_TOGETHER = 4  # pictures that are measured at once
_BAND = 256  # rows, of what is measured of a large picture
_MOST_WORKERS = 4


@dataclass(frozen=True)
class Painting:
    """At what size frames are painted, and how the result is brought to theirs."""

    scale: float | None = None
    """See ``resize.work_size``; of a photograph, ``None`` is ``photo.LINES`` at most."""
    smooth: Smooth | Literal["auto"] = "auto"
    """How a photograph is smoothed; auto: by the guided filter."""
    tile: int = 0
    """Side of the parts that are painted, px; 0: the whole, up to ``_WHOLE``."""

    @property
    def smoothing(self) -> Smooth:
        """Of a photograph."""
        return "guided" if self.smooth == "auto" else self.smooth

    def style_size(self, card: ModelCard) -> int:
        """Short side at which a style picture is heard, at most: as large as is painted, px."""
        if card.kind in PHOTOGRAPHIC and self.scale is None:
            return min(card.style_size, LINES[self.smoothing])
        return card.style_size

    def reduced(self, rgb: Rgb, card: ModelCard) -> Rgb:
        """The frame as it is painted."""
        height, width = rgb.shape[:2]
        if card.kind in PHOTOGRAPHIC and self.scale is None:
            return as_rgb(resize_picture(rgb, photo_size(height, width, self.smoothing)))
        return as_rgb(resize_picture(rgb, work_size(height, width, self.scale, card.most_pixels)))

    def tile_of(self, rgb: Rgb, card: ModelCard) -> int:
        """Side of a part, a multiple of the method's; its middle is at least half of it."""
        longest = max(rgb.shape[:2])
        side = self.tile or (_TILE if rgb.shape[0] * rgb.shape[1] > _WHOLE else longest)
        if not card.reach:
            return longest
        return max(4 * card.reach, side) // card.multiple * card.multiple

    def finished(
        self, painted: Rgb, small: Rgb, rgb: Rgb, card: ModelCard, labels: Labels | None = None
    ) -> Rgb:
        """The result, of the frame's size."""
        if card.kind not in PHOTOGRAPHIC:
            return as_rgb(restore_detail(painted, rgb, small))
        return finished(painted, small, rgb, self.smoothing, labels)


@dataclass(frozen=True)
class CompiledUniversal:
    """``apply``, with the maps of a shot."""

    session: Any
    maps: Arrays
    card: ModelCard
    painting: Painting = Painting()

    def paint(self, picture: Picture, labels: Labels | None = None) -> Picture:
        """The picture in the style, in RGB; the same size."""
        rgb = as_rgb(picture)
        small = self.painting.reduced(rgb, self.card)
        shares = None if labels is None else _shares(fit_labels(labels, small))
        painted = self._painted(small, shares)
        return self.painting.finished(painted, small, rgb, self.card, labels)

    def _painted(self, rgb: Rgb, shares: Shares | None) -> Rgb:
        """Part by part where the whole is too large; of each, the rim is its neighbours'."""
        height, width = rgb.shape[:2]
        rgb = _padded(rgb, self.card.multiple)
        shares = shares if shares is None else _padded(shares, self.card.multiple)
        tile = self.painting.tile_of(rgb, self.card)
        whole = np.empty_like(rgb)
        down, across = (
            tile_spans(side, min(side, tile), self.card.reach) for side in rgb.shape[:2]
        )
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
            fed |= {name: np.asarray(maps[0]) for name, maps in self.maps.items()}
        else:
            fed |= {**self.maps, LABELS: np.ascontiguousarray(np.moveaxis(shares, -1, 0)[None])}
        return self.session.run([OUTPUT], fed)[0][0]


class UniversalCompiler(Follower[StyleMix, Arrays, Seen]):
    """Binds a method to shots: their statistics are taken once, so that nothing pumps.

    Args:
        method: its files.
        look: the style.
        open_session: a model's bytes → what plays it.
        painting: at what size, and what is done with the result.
        told: maps are told to ``apply`` with every frame, not written into it: of frames that have
            labels, or have a shot each.
        labelled: every frame has labels.
        failing: see ``Follower``.
    """

    def __init__(
        self,
        method: UniversalFiles,
        look: StyleMix,
        open_session: Any,
        painting: Painting = Painting(),
        told: bool = False,
        labelled: bool = False,
        failing: Failing | None = None,
    ) -> None:
        super().__init__(look, failing)
        self._method = method
        self._painting = painting
        self._open = open_session
        # Maps of one label are written into the file, a session a shot; others are told every time.
        self._told = None
        if told or labelled or not method.scales:
            model = with_labels(method.apply, method.scales) if labelled else method.apply
            self._told = open_session(model.SerializeToString())

    def seen(self, frame: Frame) -> Seen:
        """See ``Follower.seen``."""
        return as_rgb(frame.picture), frame.labels

    def measure(self, frames: Sequence[Seen], choice: StyleMix, most: int = ENOUGH) -> Arrays:
        """See ``Follower.measure``."""
        reduced = [(self._painting.reduced(rgb, self._method.card), told) for rgb, told in frames]
        return self._method.maps([_sampled(one, most) for one in reduced], choice)

    def player(self, picture: Picture, choice: StyleMix, found: Arrays) -> CompiledUniversal:
        """See ``Follower.player``."""
        card = self._method.card
        if self._told is not None:
            return CompiledUniversal(self._told, found, card, self._painting)
        model = with_maps(self._method.apply, {name: maps[0] for name, maps in found.items()})
        return CompiledUniversal(self._open(model.SerializeToString()), {}, card, self._painting)

    def between(self, known: Arrays, found: Arrays, share: float) -> Arrays:
        """See ``Follower.between``."""
        return {name: (1 - share) * known[name] + share * found[name] for name in known}


def _sampled(seen: Seen, most: int) -> Seen:
    """A frame, or bands of it of about so many pixels: features at another size are not alike."""
    rgb, labels = seen
    height, width = rgb.shape[:2]
    count = max(1, most // (width * _BAND))
    if height * width <= most or count * _BAND >= height:
        return seen
    starts = np.linspace(0, height - _BAND, count).astype(int)
    rows = np.concatenate([np.arange(start, start + _BAND) for start in starts])
    return rgb[rows], None if labels is None else fit_labels(labels, rgb)[rows]


def _shares(labels: Labels) -> Shares:
    x = labels.astype(np.float32)
    return x / np.maximum(x.sum(axis=-1, keepdims=True), 1)


def _padded(picture: Any, multiple: int) -> Any:
    """As ``apply`` would pad it: by its last row and column, to a multiple; to two at least."""
    total = (max(2, -(-side // multiple)) * multiple for side in picture.shape[:2])
    more = [(0, want - side) for want, side in zip(total, picture.shape[:2], strict=True)]
    return np.pad(picture, [*more, (0, 0)], mode="edge")


@dataclass(frozen=True)
class Masks:
    """Segmentation masks of the styles, one each, and of the frames; their colours are labels."""

    styles: Sequence[Path]
    frames: AlignedPictures


class UniversalStyle:
    """Pictures as a style, played over frames: what ``FeedForwardStyle`` is for trained nets.

    Args:
        prepare: the method's ``NAME.prepare.onnx``.
        styles: pictures and their shares, which sum to 1.
        strength: 0..1, inside the method: of its maps, against the features as they are.
        device: see ``device.open_session``.
        threads: likewise.
        painting: at what size, and what is done with the result.
        per_frame: statistics of every frame by itself, as the papers have them.
        masks: where which part of a style is.
        alone: see ``Playing``.

    Raises:
        ModelError: a file is missing or no such file.
        SourceError: a picture can't be read.
        SettingsError: the masks are none.
        DeviceError: the device can't be had.
    """

    binds = True
    planar = False
    fades = False
    still = False

    def __init__(
        self,
        prepare: Path,
        styles: Sequence[tuple[Path, float]],
        strength: float = 1.0,
        device: str = "auto",
        threads: int = 0,
        painting: Painting = Painting(),
        per_frame: bool = False,
        masks: Masks | None = None,
        alone: bool = False,
    ) -> None:
        cores = threads or available_cores()
        self.workers = 1 if alone else min(cores, _MOST_WORKERS)
        name = " ".join(path.stem for path, _ in styles)
        self.card = ModelCard(name=name, kind=prepare.name.partition(".")[0])
        self.device = device
        self._per_frame = per_frame
        self._look: StyleMix | None = None
        self._masks = masks

        def prepares(model: bytes) -> Any:
            return open_session(model, self.device, cores, low_memory=True)[0]

        def plays(model: bytes) -> Any:
            session, self.device = open_session(model, device, max(1, cores // self.workers))
            return session

        method = UniversalFiles(prepare, prepares)
        if masks is not None and not method.scales:
            raise ModelError(f"--content-mask: {method.card.kind} knows no masks")
        with self._failing((0, 0)):
            heard = self._heard(method, [path for path, _ in styles], painting)
            look = StyleMix(mixed(heard, [share for _, share in styles]), strength)
            labels = masks is not None
            self._binder = UniversalCompiler(
                method, look, plays, painting, per_frame, labels, self._failing
            )

    def _heard(
        self, method: UniversalFiles, styles: Sequence[Path], painting: Painting
    ) -> list[Arrays]:
        """The styles' portraits."""
        pictures = [_first_picture(path) for path in styles]
        labels: list[Labels | None] = [None] * len(pictures)
        if self._masks is not None:
            segments = [_first_picture(path) for path in self._masks.styles]
            self._colours = palette([*segments, self._masks.frames.now[1]])
            labels = [label_pixels(segment, self._colours) for segment in segments]
        size = painting.style_size(method.card)
        return [
            method.portrait(_at_most(picture, size), told)
            for picture, told in zip(pictures, labels, strict=True)
        ]

    def paint(self, rgb: Rgb, memory: object = None) -> Rgb:
        """The picture in the style, as a shot of its own, without masks; the same shape."""
        return self.painted([rgb])[0]

    def shot_of(self, frame: Frame, strength: float = 1.0) -> tuple[Plays, float]:
        """See ``Paints.shot_of``."""
        if self._look is None or self._look.strength != strength:
            self._look = replace(self._binder.choice, strength=strength)
        with self._failing(frame.picture.shape):
            return self._binder.shot_of(frame, self._look, SOME), 1.0

    def painted(self, pictures: Sequence[Rgb]) -> list[Rgb]:
        """The pictures, all of one size, as frames of one shot, measured together."""
        binder, every = self._binder, ceil(len(pictures) / _TOGETHER)
        with self._failing(pictures[0].shape):
            found = binder.measure([(rgb, None) for rgb in pictures[::every]], binder.choice)
            player = binder.player(pictures[0], binder.choice, found)
            return [as_rgb(p) for p in ordered_map(player.paint, pictures, self.workers)]

    def run(self, frames: Iterable[Frame]) -> Generator[Frame]:
        """The stage: every frame repainted, in order."""
        if self._masks is not None:
            frames = with_segments(frames, self._masks.frames, self._colours)
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
                    player = binder.shot_of(frame, binder.choice)
                yield frame, player

    def play(self, bound: tuple[Frame, Plays]) -> Frame:
        """The second half: the frame repainted. May be called side by side."""
        frame, player = bound
        assert isinstance(player, CompiledUniversal)  # of its own binder
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


def _at_most(rgb: Rgb, size: int) -> Rgb:
    """A picture with its short side at ``size``; a smaller one as it is."""
    height, width = rgb.shape[:2]
    share = min(1.0, size / min(height, width))
    return as_rgb(resize_picture(rgb, (round(height * share), round(width * share))))

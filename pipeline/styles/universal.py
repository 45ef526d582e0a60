"""Any picture as a style: its statistics transferred to every frame, compiled for every shot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.concurrency import available_cores
from ..core.errors import ModelError
from ..core.frame import Frame, Picture, Rgb, Rgb8Or16, TemporalState, as_rgb, rgb_8_or_16
from ..imaging.resize import (
    StrokeScale,
    resize_picture,
    restore_detail,
    tile_spans,
    work_size,
)
from ..imaging.segmentation import Labels, fit_labels
from ..media.inputs import first_picture
from ..nets.contract import INPUT, OUTPUT, ModelCard
from ..nets.rewrite import LABELS, with_labels, with_maps
from ..nets.session import open_session
from .files import MAX_WORKERS, QUICKLY_MEASURED_PIXELS, NetOptions
from .photoreal import LINES, Smooth, photo_size, to_frame_size
from .style import StyleInfo, failures_in_one_line
from .universal_files import Arrays, Seen, StyleMix, UniversalFiles, mix_statistics

Weights = NDArray[np.float32]
"""(H, W, K), sum 1: labels as ``apply`` takes them."""

PHOTOGRAPHIC = ("wct2", "photowct")
"""Methods whose result is a photograph."""

_WHOLE, _TILE = 4_000_000, 1024  # pixels that are painted at once, and the side of tiles otherwise
_DEFAULT_OPTIONS = NetOptions()
_BAND = 256  # rows, of what is measured of a large picture


@dataclass(frozen=True)
class PaintSize:
    """At what size frames are painted, and how the result is brought to the frame's size."""

    scale: StrokeScale | None = None
    """See ``resize.work_size``; photographs are painted at ``photoreal.LINES`` unless it is one for
    which frames are enlarged, too."""
    smooth: Smooth | Literal["auto"] = "auto"
    """How a photograph is smoothed; auto: by the guided filter."""
    tile: int = 0
    """Side of the parts that are painted, px; 0: the whole, up to ``_WHOLE``."""

    @property
    def smoothing(self) -> Smooth:
        """How a photograph is smoothed."""
        return "guided" if self.smooth == "auto" else self.smooth

    def _as_photograph(self, card: ModelCard) -> bool:
        return card.kind in PHOTOGRAPHIC and not (self.scale and self.scale.enlarge)

    def style_size(self, card: ModelCard) -> int:
        """Short side to which a style picture is reduced, px: as large as what is painted."""
        if self._as_photograph(card):
            return min(card.style_size, LINES[self.smoothing])
        return card.style_size

    def reduce(self, rgb: Rgb, card: ModelCard) -> Rgb:
        """A frame (H, W, 3) at the size at which it is painted."""
        height, width = rgb.shape[:2]
        if self._as_photograph(card):
            return as_rgb(resize_picture(rgb, photo_size(height, width, self.smoothing)))
        return as_rgb(resize_picture(rgb, work_size(height, width, self.scale, card.most_pixels)))

    def tile_of(self, rgb: Rgb, card: ModelCard) -> int:
        """Side of a tile, px: a multiple of the method's; its middle is at least half of it."""
        longest = max(rgb.shape[:2])
        side = self.tile or (_TILE if rgb.shape[0] * rgb.shape[1] > _WHOLE else longest)
        if not card.reach:
            return longest
        return max(4 * card.reach, side) // card.multiple * card.multiple

    def enlarge(
        self,
        painted: Rgb,
        small: Rgb,
        rgb: Rgb8Or16,
        card: ModelCard,
        labels: Labels | None = None,
    ) -> Rgb8Or16:
        """The painting of ``small``, the frame ``rgb`` reduced, at the frame's size."""
        if card.kind not in PHOTOGRAPHIC:
            return as_rgb(restore_detail(painted, as_rgb(rgb), small))
        return to_frame_size(painted, small, rgb, self.smoothing, labels)


@dataclass(frozen=True)
class CompiledUniversal:
    """``apply``, with the affine maps of a shot."""

    session: Any
    affine_maps: Arrays
    card: ModelCard
    size: PaintSize = PaintSize()

    def paint(self, rgb: Rgb8Or16, labels: Labels | None = None) -> Rgb8Or16:
        """The picture (H, W, 3) in the style; ``labels`` (h, w, K) of any size.

        Of 16 bits, a photograph keeps them; a painting has 8.
        """
        small = self.size.reduce(as_rgb(rgb), self.card)
        painted = self.paint_small(small, labels)
        return self.size.enlarge(painted, small, rgb, self.card, labels)

    def paint_small(self, small: Rgb, labels: Labels | None = None) -> Rgb:
        """The same for a picture at the size at which it is painted."""
        return self._in_tiles(
            small, None if labels is None else _weights(fit_labels(labels, small))
        )

    def _in_tiles(self, rgb: Rgb, weights: Weights | None) -> Rgb:
        """Tile by tile where the whole is too large; a tile's rim is painted by its neighbours."""
        height, width = rgb.shape[:2]
        rgb = _pad(rgb, self.card.multiple)
        weights = weights if weights is None else _pad(weights, self.card.multiple)
        tile = self.size.tile_of(rgb, self.card)
        whole = np.empty_like(rgb)
        down, across = (
            tile_spans(side, min(side, tile), self.card.reach) for side in rgb.shape[:2]
        )
        for (top, upper, lower), (left, begin, end) in product(down, across):
            part = slice(top, top + tile), slice(left, left + tile)
            painted = self._run(rgb[part], weights if weights is None else weights[part])
            whole[upper:lower, begin:end] = painted[
                upper - top : lower - top, begin - left : end - left
            ]
        return np.ascontiguousarray(whole[:height, :width])

    def _run(self, rgb: Rgb, weights: Weights | None) -> Rgb:
        inputs: dict[str, NDArray[Any]] = {INPUT: rgb[None]}
        if weights is None:
            inputs |= {name: np.asarray(values[0]) for name, values in self.affine_maps.items()}
        else:
            planes = np.ascontiguousarray(np.moveaxis(weights, -1, 0)[None])
            inputs |= {**self.affine_maps, LABELS: planes}
        return self.session.run([OUTPUT], inputs)[0][0]


class UniversalCompiler:
    """Compiles a method for shots: their statistics are taken once, so that colours do not pump.

    Args:
        files: the method's.
        open_session: a model's bytes → what runs it.
        size: at which size is painted.
        maps_as_inputs: the affine maps are inputs of ``apply`` with every frame, not written into
            it: for frames that are compiled one by one.
        labelled: frames have labels.
    """

    def __init__(
        self,
        files: UniversalFiles,
        open_session: Any,
        size: PaintSize = PaintSize(),
        maps_as_inputs: bool = False,
        labelled: bool = False,
    ) -> None:
        self._files = files
        self._size = size
        self._open = open_session
        # Maps of one label are written into the file, a session a shot; others are inputs.
        self._shared = None
        if maps_as_inputs or labelled or not files.scales:
            model = with_labels(files.apply, files.scales) if labelled else files.apply
            self._shared = open_session(model.SerializeToString())

    def measure(self, frames: Sequence[Frame], mix: StyleMix, most: int) -> Arrays:
        """The affine maps of a shot.

        Args:
            frames: of one size.
            mix: the style.
            most: pixels that are measured of each frame, about.

        Returns:
            ``matrix.LAYER`` (K, C, C) and ``shift.LAYER`` (K, C), float32, for K labels.
        """
        card = self._files.card
        small = [(self._size.reduce(as_rgb(f.source), card), f.labels) for f in frames]
        return self._files.affine_maps([_bands(one, most) for one in small], mix)

    def compile(self, affine_maps: Arrays) -> CompiledUniversal:
        """``apply`` with the maps (K, C, C) and (K, C), float32, that ``measure`` returned."""
        card = self._files.card
        if self._shared is not None:
            return CompiledUniversal(self._shared, affine_maps, card, self._size)
        model = with_maps(
            self._files.apply, {name: values[0] for name, values in affine_maps.items()}
        )
        return CompiledUniversal(self._open(model.SerializeToString()), {}, card, self._size)


def _bands(seen: Seen, most: int) -> Seen:
    """A frame, or bands of it of about so many pixels: features at another size differ."""
    rgb, labels = seen
    height, width = rgb.shape[:2]
    count = max(1, most // (width * _BAND))
    if height * width <= most or count * _BAND >= height:
        return seen
    starts = np.linspace(0, height - _BAND, count).astype(int)
    rows = np.concatenate([np.arange(start, start + _BAND) for start in starts])
    return rgb[rows], None if labels is None else fit_labels(labels, rgb)[rows]


def _weights(labels: Labels) -> Weights:
    x = labels.astype(np.float32)
    return x / np.maximum(x.sum(axis=-1, keepdims=True), 1)


def _pad(picture: Any, multiple: int) -> Any:
    """As ``apply`` would pad it: by its last row and column, to a multiple; to two at least."""
    total = (max(2, -(-side // multiple)) * multiple for side in picture.shape[:2])
    more = [(0, want - side) for want, side in zip(total, picture.shape[:2], strict=True)]
    return np.pad(picture, [*more, (0, 0)], mode="edge")


class UniversalStyle:
    """Pictures as a style, by a universal method.

    Args:
        prepare: the method's ``NAME.prepare.onnx``.
        styles: pictures and their weights, which sum to 1.
        options: how its nets run.
        size: at which size is painted.
        per_frame: every frame is measured by itself, as in the papers.
        labels: of the style pictures, one each, where frames have labels too.

    Raises:
        ModelError: a file is missing, is no such file, or knows no labels.
        SourceError: a picture can't be read.
        DeviceError: the device can't be had.
    """

    def __init__(
        self,
        prepare: Path,
        styles: Sequence[tuple[Path, float]],
        options: NetOptions = _DEFAULT_OPTIONS,
        size: PaintSize = PaintSize(),
        per_frame: bool = False,
        labels: Sequence[Labels] | None = None,
    ) -> None:
        cores = options.threads or available_cores()
        workers = 1 if options.live else min(cores, MAX_WORKERS)
        self._options, self._size, self._per_frame = options, size, per_frame
        name = " ".join(path.stem for path, _ in styles)
        self.info = StyleInfo(
            name,
            prepare.name.partition(".")[0],
            options.device,
            per_shot=not per_frame,
            deep=prepare.name.partition(".")[0] in PHOTOGRAPHIC,
            max_workers=workers,
        )

        def prepares(model: bytes) -> Any:
            session, device = open_session(model, self.info.device, cores, low_memory=True)
            self.info = replace(self.info, device=device)  # what "auto" turned out to be
            return session

        def opens(model: bytes) -> Any:
            return open_session(model, self.info.device, max(1, cores // workers))[0]

        files = UniversalFiles(prepare, prepares)
        if labels is not None and not files.scales:
            raise ModelError(f"--content-mask: {files.card.kind} knows no masks")
        self._card = files.card
        with failures_in_one_line(self.info, None):
            self._mix = StyleMix(self._statistics(files, styles, labels))
            self._compiler = UniversalCompiler(files, opens, size, per_frame, labels is not None)

    def _statistics(
        self,
        files: UniversalFiles,
        styles: Sequence[tuple[Path, float]],
        labels: Sequence[Labels] | None,
    ) -> Arrays:
        """The statistics of all style pictures, mixed by their weights."""
        side = self._size.style_size(files.card)
        pictures = [_at_most(first_picture(path), side) for path, _ in styles]
        of_each = [None] * len(pictures) if labels is None else labels
        measured = [files.statistics(rgb, own) for rgb, own in zip(pictures, of_each, strict=True)]
        return mix_statistics(measured, [weight for _, weight in styles])

    def compile(self, shot: Sequence[Frame], strength: float = 1.0) -> UniversalShot:
        """See ``Style.compile``: the strength works inside the method."""
        mix = replace(self._mix, strength=strength)
        most = self._options.measured_pixels
        with failures_in_one_line(self.info, shot[0]):
            return self._shot(mix, self._compiler.measure(shot, mix, most))

    def adapt(self, frame: Frame, shot: UniversalShot, weight: float) -> UniversalShot:
        """See ``ShotStyle.adapt``."""
        with failures_in_one_line(self.info, frame):
            now = self._compiler.measure([frame], shot.mix, QUICKLY_MEASURED_PIXELS)
            return self.mixed(shot, now, weight)

    def mixed(self, shot: UniversalShot, maps: Arrays, weight: float) -> UniversalShot:
        """See ``ShotStyle.mixed``."""
        mean = {n: (1 - weight) * m + weight * maps[n] for n, m in shot.affine_maps.items()}
        return self._shot(shot.mix, mean)

    def _shot(self, mix: StyleMix, affine_maps: Arrays) -> UniversalShot:
        return UniversalShot(self, mix, affine_maps, self._compiler.compile(affine_maps))

    @property
    def per_frame(self) -> bool:
        """Every frame is measured by itself."""
        return self._per_frame


@dataclass(frozen=True, eq=False)
class UniversalShot:
    """A method with the affine maps of a shot; see ``ShotStyle``."""

    style: UniversalStyle
    mix: StyleMix
    affine_maps: Arrays
    compiled: CompiledUniversal

    @property
    def opacity(self) -> float:
        """1; 0 at strength 0, where an autoencoder would not give the source back to the bit."""
        return 1.0 if self.mix.strength else 0.0

    def paint(self, frame: Frame, state: TemporalState | None = None) -> Picture:
        """See ``ShotStyle.paint``; the result is RGB."""
        if self.style.per_frame:
            return self.style.compile([frame], self.mix.strength).paint_compiled(frame)
        return self.paint_compiled(frame)

    def paint_compiled(self, frame: Frame) -> Rgb8Or16:
        """The frame by the maps that are here."""
        with failures_in_one_line(self.style.info, frame):
            return self.compiled.paint(rgb_8_or_16(frame.original), frame.labels)

    def adapt(self, frame: Frame, weight: float) -> UniversalShot:
        """See ``ShotStyle.adapt``."""
        return self if self.style.per_frame else self.style.adapt(frame, self, weight)

    def mixed(self, other: UniversalShot, weight: float, frame: Frame) -> UniversalShot:
        """See ``ShotStyle.mixed``."""
        with failures_in_one_line(self.style.info, frame):
            return self.style.mixed(self, other.affine_maps, weight)


def _at_most(rgb: Rgb, size: int) -> Rgb:
    """A picture with its short side at ``size`` px; a smaller one as it is."""
    height, width = rgb.shape[:2]
    scale = min(1.0, size / min(height, width))
    return as_rgb(resize_picture(rgb, (round(height * scale), round(width * scale))))

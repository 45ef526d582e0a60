"""Nets compiled for a shot: statistics folded away, played in 8 bits where that is fast.

Which frames of a shot are measured, and when again: ``per_shot``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..core.frame import Canvas, Frame, Picture, Yuv, YuvMatrix, coding_of
from ..imaging.palette import OWN_COLORS, ColorGoal, Palette
from ..imaging.resize import (
    StrokeScale,
    resize_picture,
    restore_detail,
    tile_spans,
    work_size,
)
from ..nets.contract import CANVAS
from ..nets.graph import Array, Moments, Net, recolor
from ..nets.margin import without_margin
from ..nets.measuring import read_moments, write_measuring
from ..nets.quantize import Precision, write_eight_bit
from ..nets.writer import (
    CELL,
    PLANES,
    Layout,
    Size,
    shapes,
    write_playing,
)
from ..temporal.canvas import canvas_bytes, still_canvas
from .measured import Sample, parts_to_measure

OpenSession = Callable[[bytes, dict[str, tuple[int, ...]]], Any]
"""A model's bytes and the shapes of its inputs → an ONNX Runtime session, or what runs like one."""


Inputs = dict[str, NDArray[Any]]
"""What a session is given, by name: padded planes, and the canvas if it takes one; uint8."""

SMALLER = (1, 2, 2)
"""By how much each plane of a picture is smaller than it."""

_BLOCK = 32  # px, of what is measured of a picture
_KEPT = 2  # sessions that measure: of shots, and of single frames when the light changes

# Pixels around a tile that its rim can't paint as the whole picture would: all that one pixel of
# the deepest net depends on.
_RIM = 64


@dataclass(frozen=True, eq=False)
class NetMix:
    """A net, or several mixed into one."""

    net: Net
    """With its norms."""
    colors: ColorGoal = OWN_COLORS
    """Whose colours it gets."""

    @property
    def planar(self) -> bool:
        """The net's cells hold whole chroma samples: it can be rewritten for Y, U and V."""
        first, last = self.net.ops[0].weights, self.net.ops[-1].weights
        if not first:
            return False
        ends = first[0].shape[1] - self.net.card.canvas, last[0].shape[0]
        return all(math.isqrt(channels // 3) % 2 == 0 for channels in ends)


@dataclass(frozen=True)
class Padding:
    """How a picture is padded for a net: a margin of reflection, up to a multiple."""

    height: int
    width: int
    margin: int
    multiple: int

    @property
    def size(self) -> Size:
        """Of the padded picture."""
        return Size(self._padded(self.height), self._padded(self.width))

    def _padded(self, length: int) -> int:
        return (length - 1 + 2 * self.margin + self.multiple) // self.multiple * self.multiple

    def pad(self, plane: NDArray[Any]) -> NDArray[Any]:
        """A plane (h, w) or picture (h, w, 3), uint8, with its margin; at half size, half of it."""
        f = self.height // plane.shape[0]
        m, size = self.margin // f, self.size
        down, right = size.height // f - plane.shape[0] - m, size.width // f - plane.shape[1] - m
        return cv2.copyMakeBorder(plane, m, down, m, right, cv2.BORDER_REFLECT_101)

    def pad_canvas(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A canvas (⌈h/4⌉, ⌈w/4⌉, C) uint8, with as many cells as the padded picture.

        As the graphs do it: see ``models.nets.packed.padded_cells``.
        """
        (rows, columns), m, size = canvas.shape[:2], self.margin // CELL, self.size
        canvas = canvas.take(_padded_cells(rows, m, size.height // CELL), 0)
        return canvas.take(_padded_cells(columns, m, size.width // CELL), 1)

    def crop(self, plane: NDArray[Any], f: int) -> NDArray[Any]:
        """A view of a padded plane (h, w), uint8, without its margin, if it has one.

        Args:
            plane: as the session returned it.
            f: by how much it is smaller than the picture, 1 or 2.
        """
        m = self.margin // f if plane.shape[0] * f == self.size.height else 0
        return plane[m : m + self.height // f, m : m + self.width // f]


def _padded_cells(cells: int, margin: int, total: int) -> NDArray[np.int64]:
    """The row or column of a canvas that each one of the padded canvas reads: (total,)."""
    last = cells - 1
    i = np.arange(total) - margin
    i = np.abs(i + 3 * (np.maximum(-i, 0) - np.maximum(i - last, 0)))
    return last - np.abs(last - i % max(1, 2 * last))


@dataclass(frozen=True)
class Window:
    """A square of a padded picture."""

    side: int
    """px; a multiple of the net's."""
    unused: int
    """Margin that need not be painted, where the net can leave it out, px."""


@dataclass(frozen=True)
class CompiledNet:
    """A net compiled for a shot: pictures of one size and layout in, painted ones out."""

    session: Any
    """Of a model that ``graph`` wrote."""
    padding: Padding
    """Of the picture that is painted."""
    tile: Size
    """What the session takes: the padded picture, or a part of it."""
    coding: YuvMatrix | None
    """Of the planes, in and out; ``None`` for RGB."""
    canvas: int = 0
    """Channels of the canvas that the net takes."""

    def paint(self, picture: Picture, canvas: Canvas | None = None) -> Picture:
        """The picture in the style; the same size and layout.

        Args:
            picture: what is painted.
            canvas: of the frame, for a net that takes one; ``None``: as for a still picture.
        """
        small = resize_picture(picture, (self.padding.height, self.padding.width))
        noise = canvas_of(picture, canvas, small, self.canvas)
        painted = self.paint_inputs(padded(small, noise, self.padding))
        return restore_detail(painted, picture, small)

    def fits(self, picture: Picture) -> bool:
        """Whether a picture has the size that is painted."""
        return picture.shape[:2] == (self.padding.height, self.padding.width)

    def inputs(self, picture: Picture, canvas: Canvas | None) -> Inputs:
        """What the session is given for a picture of the size that is painted."""
        return padded(picture, canvas_of(picture, canvas, picture, self.canvas), self.padding)

    def paint_inputs(self, inputs: Inputs) -> Picture:
        """The painting of what the session is given, without its margin."""
        planes = self._in_tiles(inputs) if self.tile != self.padding.size else self._run(inputs)
        pairs = zip(planes, SMALLER, strict=False)
        return self._picture([self.padding.crop(plane, f) for plane, f in pairs])

    def paint_tile(self, inputs: Inputs, top: int, left: int) -> Picture:
        """The painting of one tile, whose rim misses its surroundings, or is left out.

        Args:
            inputs: of the whole picture.
            top: where the tile begins, px of the padded picture, a multiple of the net's.
            left: the same.
        """
        size = self.padding.size
        part = {name: _cut(p, size, top, left, self.tile) for name, p in inputs.items()}
        return self._picture(self._run(part))

    def _picture(self, planes: Sequence[NDArray[Any]]) -> Picture:
        """Planes with the limits of their range."""
        if self.coding is None:
            return np.ascontiguousarray(planes[0])
        brightness, colour = self.coding.limits
        y, u, v = (
            np.clip(plane, np.uint8(low), np.uint8(high))
            for plane, (low, high) in zip(planes, (brightness, colour, colour), strict=True)
        )
        return Yuv(y, u, v, self.coding)

    def _run(self, inputs: Inputs) -> list[NDArray[Any]]:
        return self.session.run(None, inputs)

    def _in_tiles(self, inputs: Inputs) -> list[NDArray[Any]]:
        """Part by part; of each, the rim is what its neighbours paint better."""
        whole = [np.empty_like(plane) for name, plane in inputs.items() if name != CANVAS]
        size = self.padding.size
        rows, columns = (
            tile_spans(size.height, self.tile.height, _RIM),
            tile_spans(size.width, self.tile.width, _RIM),
        )
        for (top, upper, lower), (left, begin, end) in product(rows, columns):
            part = {n: _cut(p, size, top, left, self.tile) for n, p in inputs.items()}
            for plane, painted in zip(whole, self._run(part), strict=True):
                f = size.height // plane.shape[0]
                inside = painted[(upper - top) // f : (lower - top) // f]
                plane[upper // f : lower // f, begin // f : end // f] = inside[
                    :, (begin - left) // f : (end - left) // f
                ]
        return whole


def _cut(plane: NDArray[Any], whole: Size, top: int, left: int, tile: Size) -> NDArray[Any]:
    f = whole.height // plane.shape[0]
    rows = plane[top // f : (top + tile.height) // f]
    return np.ascontiguousarray(rows[:, left // f : (left + tile.width) // f])


def canvas_of(
    picture: Picture, canvas: Canvas | None, small: Picture, channels: int
) -> NDArray[np.uint8]:
    """The canvas that a net receives for a picture.

    Args:
        picture: the frame's source.
        canvas: the frame's; ``None``: as for a still picture.
        small: ``picture`` at the size at which it is painted, (h, w).
        channels: how many the net takes; 0: none.

    Returns:
        (⌈h/4⌉, ⌈w/4⌉, channels) uint8, 128 is 0.
    """
    height, width = small.shape[:2]
    cells = -(-height // CELL), -(-width // CELL)
    if not channels:
        return np.empty((*cells, 0), np.uint8)
    noise = canvas_bytes(canvas or still_canvas(picture), cells)
    return np.ascontiguousarray(noise[..., :channels])


def padded(picture: Picture, noise: NDArray[np.uint8], padding: Padding) -> Inputs:
    """The inputs of a session for a picture, by name.

    Args:
        picture: what is painted.
        noise: its canvas; see ``canvas_of``.
        padding: of the picture.

    Returns:
        Padded planes (h, w) or (h, w, 3), and the canvas (h/4, w/4, C) if it has channels; uint8.
    """
    planes = picture.planes if isinstance(picture, Yuv) else (picture,)
    names = PLANES[_layout(picture)]
    inputs = {name: padding.pad(p) for name, p in zip(names, planes, strict=True)}
    return inputs | ({CANVAS: padding.pad_canvas(noise)} if noise.shape[2] else {})


class NetCompiler:
    """Compiles nets for shots: statistics taken once, folded away.

    Args:
        open_session: opens what paints; frames may be painted side by side.
        open_measuring: opens what measures.
        precision: of what paints: ``int8``, ``half`` or ``float``.
        scale: size of the strokes; ``None``: as the frame's size gives them.
        tile: longest side of what is painted at once, px, at least 256; 0: the whole.
    """

    def __init__(
        self,
        open_session: OpenSession,
        open_measuring: OpenSession,
        precision: Precision,
        scale: StrokeScale | None = None,
        tile: int = 0,
    ) -> None:
        self._open = open_session
        self._open_measuring = open_measuring
        self._precision: Precision = precision
        self._scale = scale
        self._tile = tile
        self._measuring: dict[Any, Any] = {}

    def measure(self, frames: Sequence[Frame], mix: NetMix, most: int) -> Moments:
        """The net's statistics on frames of one size and layout.

        Args:
            frames: of one shot.
            mix: the net.
            most: pixels that are measured at once, about; large frames share them.
        """
        side = math.lcm(_BLOCK, mix.net.card.multiple)
        samples = [self._sample(frame, mix.net) for frame in frames]
        parts = parts_to_measure(samples, side, most)
        first = parts[0][0]
        layout, padding = _layout(first), _padding(mix.net, first)
        colors = not mix.colors.is_plain
        key = (mix, layout, padding, coding_of(first))
        session = self._measuring.get(key)
        if session is None:
            model = write_measuring(_coded(mix.net, key[3]), layout, padding.size, colors)
            session = self._open_measuring(model, shapes(mix.net, layout, padding.size))
            kept = list(self._measuring.items())[: _KEPT - 1]
            self._measuring = {key: session} | dict(kept)
        answers = (session.run(None, padded(*part, padding)) for part in parts)
        return Moments.mean([read_moments(mix.net, a, colors) for a in answers])

    def compile(
        self, picture: Picture, mix: NetMix, moments: Moments, window: Window | None = None
    ) -> CompiledNet:
        """The net with these statistics, for pictures of this one's size and layout.

        Args:
            picture: any of them.
            mix: the net.
            moments: its statistics.
            window: what is painted at once; ``None``: as this compiler was made.
        """
        work = self._work(picture)
        coding, padding, layout = coding_of(work), _padding(mix.net, work), _layout(work)
        net = mix.net.fold_norms(moments)
        if not mix.colors.is_plain:
            assert moments.painted is not None and moments.source is not None
            painted, source = (_palette(m, coding) for m in (moments.painted, moments.source))
            colors = mix.colors.map(painted, source)
            net = recolor(net, colors.matrix, colors.offset / 255)
        part = _tile_of(padding, window.side if window else self._tile)
        unused = window.unused if window else padding.margin if part == padding.size else 0
        unused = min(unused, padding.margin)
        net = _coded(without_margin(net, unused), coding)
        if self._precision == "int8":
            model = write_eight_bit(net, moments, layout, part)
        else:
            model = write_playing(net, layout, part, half=self._precision == "half")
        session = self._open(model, shapes(net, layout, part))
        return CompiledNet(session, padding, part, coding, net.card.canvas)

    def _sample(self, frame: Frame, net: Net) -> Sample:
        """A frame as it is painted, and its canvas."""
        work = self._work(frame.source)
        return work, canvas_of(frame.source, frame.canvas, work, net.card.canvas)

    def _work(self, picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        return resize_picture(picture, work_size(height, width, self._scale))


def _tile_of(padding: Padding, tile: int) -> Size:
    """What is painted at once where the longest side is ``tile``, px; 0: the whole."""
    if not tile:
        return padding.size
    step = math.lcm(padding.multiple, 8)
    side = max(4 * _RIM, tile) // step * step
    return Size(min(padding.size.height, side), min(padding.size.width, side))


def _layout(picture: Picture) -> Layout:
    return "yuv" if isinstance(picture, Yuv) else "rgb"


def _coded(net: Net, coding: YuvMatrix | None) -> Net:
    return net if coding is None else net.to_yuv(coding)


def _palette(moments: tuple[Array, Array], coding: YuvMatrix | None) -> Palette:
    """The palette of colours (RGB, or YUV of ``coding``) whose moments are those, 0..1."""
    mean, products = (np.asarray(m, np.float64) for m in moments)
    palette = Palette(255 * mean, 255**2 * (products - np.outer(mean, mean)))
    return palette if coding is None else palette.map(*coding.to_rgb())


def _padding(net: Net, picture: Picture) -> Padding:
    height, width = picture.shape[:2]
    return Padding(height, width, net.card.margin, net.card.multiple)

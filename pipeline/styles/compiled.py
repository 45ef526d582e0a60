"""Nets bound to shots: statistics taken once, folded away, and played in 8 bits where that is fast.

Which frames of a shot are measured, and when anew: ``follow``.
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

from ..core.frame import Frame, Picture, Yuv, YuvMatrix, coding_of
from ..imaging.resize import resize_picture, restore_detail, tile_spans, work_size
from ..nets.graph import Moments, Net, match_colours
from ..nets.quantize import Precision, write_eight_bit
from ..nets.writer import PLANES, Layout, Size, read_moments, shapes, write_measuring, write_playing
from .per_shot import ENOUGH, Failing, Follower

OpenSession = Callable[[bytes, dict[str, tuple[int, ...]]], Any]
"""A model's bytes and the shapes of its inputs → an ONNX Runtime session, or what runs like one."""


_BAND = 32  # rows, of what is measured of a picture

# Pixels around a tile that its rim can't paint as the whole picture would: all that one pixel of
# the deepest net hangs on.
_RIM = 64


@dataclass(frozen=True, eq=False)
class NetMix:
    """What is painted with."""

    net: Net
    """With its norms."""
    tone: float = 0.0
    """By how much its colours' mean and spread are brought to the source's, 0..1."""

    @property
    def planar(self) -> bool:
        """The net's cells are of whole chroma samples: it can be told in Y, U and V."""
        first, last = self.net.ops[0].weights, self.net.ops[-1].weights
        if not first:
            return False
        ends = first[0].shape[1], last[0].shape[0]
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
        """A plane with its margin, which is half as wide where the plane is at half size."""
        f = self.height // plane.shape[0]
        m, size = self.margin // f, self.size
        down, right = size.height // f - plane.shape[0] - m, size.width // f - plane.shape[1] - m
        return cv2.copyMakeBorder(plane, m, down, m, right, cv2.BORDER_REFLECT_101)

    def crop(self, plane: NDArray[Any], f: int) -> NDArray[Any]:
        """A view of a padded plane without its margin; f: as it is smaller than the picture."""
        m = self.margin // f
        return plane[m : m + self.height // f, m : m + self.width // f]


@dataclass(frozen=True)
class CompiledNet:
    """A net bound to a shot: frames of one size and layout go in, painted ones come out."""

    session: Any
    """Of a model that ``graph`` wrote."""
    geometry: Padding
    """Of the picture that is painted."""
    tile: Size
    """What the session takes: the padded picture, or a part of it."""
    coding: YuvMatrix | None
    """Of the planes, in and out; ``None`` for RGB."""

    def paint(self, picture: Picture) -> Picture:
        """The picture in the style; the same size and layout."""
        small = resize_picture(picture, (self.geometry.height, self.geometry.width))
        return restore_detail(self._painted(small), picture, small)

    def _painted(self, picture: Picture) -> Picture:
        fed = padded(picture, self.geometry)
        planes = self._in_tiles(fed) if self.tile != self.geometry.size else self._run(fed)
        if self.coding is None:
            return np.ascontiguousarray(self.geometry.crop(planes[0], 1))
        brightness, colour = self.coding.limits
        y, u, v = (
            np.clip(self.geometry.crop(plane, f), np.uint8(low), np.uint8(high))
            for plane, f, (low, high) in zip(
                planes, (1, 2, 2), (brightness, colour, colour), strict=True
            )
        )
        return Yuv(y, u, v, self.coding)

    def _run(self, fed: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        return self.session.run(None, fed)

    def _in_tiles(self, fed: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Part by part; of each, the rim is what its neighbours paint better."""
        whole = [np.empty_like(plane) for plane in fed.values()]
        size = self.geometry.size
        rows, columns = (
            tile_spans(size.height, self.tile.height, _RIM),
            tile_spans(size.width, self.tile.width, _RIM),
        )
        for (top, upper, lower), (left, begin, end) in product(rows, columns):
            part = {n: _cut(p, size, top, left, self.tile) for n, p in fed.items()}
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


def padded(picture: Picture, geometry: Padding) -> dict[str, NDArray[Any]]:
    """What a session is given for ``picture``."""
    planes = picture.planes if isinstance(picture, Yuv) else (picture,)
    names = PLANES[_layout(picture)]
    return {name: geometry.pad(p) for name, p in zip(names, planes, strict=True)}


class NetCompiler(Follower[NetMix, Moments, Picture]):
    """Binds nets to shots.

    Args:
        choice: what is painted with; may be set anew at any time, from any thread.
        open_session: opens what plays; frames may be played side by side.
        open_measuring: opens what measures.
        precision: of what plays: ``int8``, ``half`` or ``float``.
        scale: strokes are so many times as large as at 720 lines; ``None``: as the frame's size
            has them.
        tile: longest side of what is painted at once, px, at least 256; 0: the whole.
        failing: turns a failure of measuring or opening, for a picture's shape, into one line.
    """

    def __init__(
        self,
        choice: NetMix,
        open_session: OpenSession,
        open_measuring: OpenSession,
        precision: Precision,
        scale: float | None = None,
        tile: int = 0,
        failing: Failing | None = None,
    ) -> None:
        super().__init__(choice, failing)
        self._open = open_session
        self._open_measuring = open_measuring
        self._precision: Precision = precision
        self._scale = scale
        self._tile = tile
        self._measuring: tuple[Any, Any] = (None, None)

    def seen(self, frame: Frame) -> Picture:
        """See ``Follower.seen``."""
        return frame.picture

    def measure(self, frames: Sequence[Picture], choice: NetMix, most: int = ENOUGH) -> Moments:
        """Of the net on these pictures, all of one size; on about ``most`` pixels of each."""
        bands = [_sampled(self._work(p), most, choice.net.card.multiple) for p in frames]
        first, layout = bands[0], _layout(bands[0])
        geometry = _geometry(choice.net, first)
        key = (choice, layout, geometry, coding_of(first))
        if self._measuring[0] != key:
            model = write_measuring(_told(choice.net, key[3]), layout, geometry.size)
            self._measuring = (key, self._open_measuring(model, shapes(layout, geometry.size)))
        session = self._measuring[1]
        answers = (session.run(None, padded(p, geometry)) for p in bands)
        return Moments.mean([read_moments(choice.net, layout, a) for a in answers])

    def player(self, picture: Picture, choice: NetMix, found: Moments) -> CompiledNet:
        """What plays pictures of this one's kind with these statistics."""
        work = self._work(picture)
        coding, geometry, layout = coding_of(work), _geometry(choice.net, work), _layout(work)
        net = _told(choice.net.fold_norms(found), coding)
        if choice.tone:
            net = match_colours(net, found, choice.tone, planar=coding is not None)
        tile = self._tile_of(geometry)
        if self._precision == "int8":
            model = write_eight_bit(net, dict(found.ranges), layout, tile)
        else:
            model = write_playing(net, layout, tile, half=self._precision == "half")
        return CompiledNet(self._open(model, shapes(layout, tile)), geometry, tile, coding)

    def _work(self, picture: Picture) -> Picture:
        height, width = picture.shape[:2]
        return resize_picture(picture, work_size(height, width, self._scale))

    def _tile_of(self, geometry: Padding) -> Size:
        if not self._tile:
            return geometry.size
        step = math.lcm(geometry.multiple, 8)
        side = max(4 * _RIM, self._tile) // step * step
        return Size(min(geometry.size.height, side), min(geometry.size.width, side))

    def between(self, known: Moments, found: Moments, share: float) -> Moments:
        """See ``Follower.between``."""
        return Moments.mean([known, found], [1 - share, share])


def _sampled(picture: Picture, most: int, multiple: int) -> Picture:
    """Bands of rows spread over the picture, one below the other, of about ``most`` pixels."""
    height, width = picture.shape[:2]
    band = math.lcm(_BAND, multiple)
    count = max(1, most // (width * band))
    if count * band >= height:
        return picture
    middles = (np.arange(count) + 0.5) * height / count - band / 2
    starts = [int(np.clip(m, 0, height - band)) // 2 * 2 for m in middles]

    def taken(plane: NDArray[Any]) -> NDArray[Any]:
        f = height // plane.shape[0]
        return np.concatenate([plane[s // f : (s + band) // f] for s in starts])

    if isinstance(picture, Yuv):
        y, u, v = map(taken, picture.planes)
        return Yuv(y, u, v, picture.coding)
    return taken(picture)


def _layout(picture: Picture) -> Layout:
    return "yuv" if isinstance(picture, Yuv) else "rgb"


def _told(net: Net, coding: YuvMatrix | None) -> Net:
    return net if coding is None else net.to_yuv(coding)


def _geometry(net: Net, picture: Picture) -> Padding:
    height, width = picture.shape[:2]
    return Padding(height, width, net.card.margin, net.card.multiple)
